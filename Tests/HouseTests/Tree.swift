import Foundation

/// The source tree the tests were built from.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Files below `folder` with one of the endings, as paths relative to the root.
    static func files(below folder: String, endings: [String] = ["swift"]) -> [String] {
        let base = root.appending(path: folder)
        guard let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
        let all = walker.compactMap { $0 as? URL }.filter { endings.contains($0.pathExtension) }
        let prefix = root.standardizedFileURL.path() + (root.path().hasSuffix("/") ? "" : "/")
        return all.map { String($0.standardizedFileURL.path().dropFirst(prefix.count)) }
            .filter { !$0.contains("/.build") }.sorted()
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    /// Lines with their numbers, comments cut off.
    static func code(_ path: String) -> [(number: Int, text: Substring)] {
        text(path).split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { number, line in
            (number + 1, line.range(of: "//").map { line[..<$0.lowerBound] } ?? line)
        }
    }

    static func entries(_ folder: String = "") -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())
        return (names ?? []).sorted()
    }
}
