/// Why an archive is refused; nothing has been done with it.
package enum ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    /// It is something else altogether.
    case foreign(String)
    /// It does not read back as written.
    case damaged(String)
    /// Its format has this version, which a later release wrote.
    case newer(version: Int, build: String)
    /// The state is larger than a member of a tar archive may be.
    case tooLarge(bytes: UInt64)

    package var description: String {
        switch self {
        case .foreign(let what): "not a snapshot archive of drover: \(what)"
        case .damaged(let what): "the snapshot archive is damaged or incomplete: \(what); take another one"
        case .newer(let version, let build):
            "the snapshot archive has format \(version), written by release \(build): use that release or a later one"
        case .tooLarge(let bytes): "a state of \(bytes) bytes is too large for an archive, which holds 8 GiB"
        }
    }
}
