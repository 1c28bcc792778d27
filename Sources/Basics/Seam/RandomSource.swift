/// Randomness as code above the shells sees it; safe to call from any thread.
public protocol RandomSource: Sendable {
    func next() -> UInt64
}

extension RandomSource {
    /// A fresh version-4 id.
    public func id() -> ID {
        var generator = SourceGenerator(source: self)
        return ID(random: &generator)
    }

    /// A generator drawing from this source, for the standard library's algorithms.
    public func generator() -> SourceGenerator { SourceGenerator(source: self) }
}

/// Adapts a ``RandomSource`` to the standard library.
public struct SourceGenerator: RandomNumberGenerator, Sendable {
    private let source: any RandomSource

    public init(source: any RandomSource) { self.source = source }

    public mutating func next() -> UInt64 { source.next() }
}
