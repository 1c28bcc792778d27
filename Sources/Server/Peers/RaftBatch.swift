internal import Basics
internal import Consensus
internal import Model
internal import Raft

/// Raft messages of one server to another, as they travel in one call. Numbers are LEB128 unless a width is given; `text`
/// and `data` have their length in front.
///
///     version u8 (1) · cluster 16 bytes · from text · address text · to text · message count · messages · checksum u64
///     message            type u8 · term · then
///     1 vote request     last index · last term · flags u8 (1 trial round, 2 transfer)
///     2 vote response    flags u8 (1 granted, 2 trial round)
///     3 append           previous index · previous term · commit · entry count, then for each: term · kind · data
///     4 append response  index · flags u8 (1 refused), then if refused: hint index · hint term
///     5 heartbeat        commit · context
///     6 heartbeat response  context
///     7 timeout now
///
/// The checksum is the CRC-32C of all before it. Entries have successive indexes, so theirs are not sent. A snapshot's
/// install message is not among them: it comes of the last ``SnapshotPart``.
struct RaftBatch: Hashable, Sendable {
    /// A batch is closed once it holds this many bytes of entries; 4 MiB. A larger entry goes in one of its own.
    static let bytesMax = 4 << 20
    /// Messages in one batch; 4,096.
    static let messagesMax = 4_096
    private static let version: UInt8 = 1
    /// Indexes and terms beyond this come from a broken or hostile sender.
    private static let numberMax: UInt64 = 1 << 62

    /// The cluster the sender belongs to.
    var cluster: ID
    var from: ServerID
    /// Where the sender is reached, for a receiver that does not know the membership yet.
    var address: String
    var to: ServerID
    var messages: [Message]

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 128 + messages.reduce(0) { $0 + $1.bytesEstimate })
        writer.byte(RaftBatch.version)
        writer.id(cluster)
        writer.text(from.name)
        writer.text(address)
        writer.text(to.name)
        writer.number(messages.count)
        for message in messages { RaftBatch.write(message, to: &writer) }
        writer.word(UInt64(CRC32C.checksum(writer.bytes)))
        return writer.bytes
    }

    private static func write(_ message: Message, to writer: inout ByteWriter) {
        func head(_ type: UInt8, _ numbers: UInt64...) {
            writer.byte(type)
            writer.number(message.term)
            for number in numbers { writer.number(number) }
        }
        switch message.body {
        case .voteRequest(let request):
            head(1, request.lastIndex, request.lastTerm)
            writer.byte((request.isPreVote ? 1 : 0) | (request.isTransfer ? 2 : 0))
        case .voteResponse(let response):
            head(2)
            writer.byte((response.isGranted ? 1 : 0) | (response.isPreVote ? 2 : 0))
        case .append(let append):
            head(3, append.previousIndex, append.previousTerm, append.commit, UInt64(append.entries.count))
            for entry in append.entries {
                writer.number(entry.term)
                writer.number(entry.kind.rawValue)
                writer.data(entry.data)
            }
        case .appendResponse(let response):
            head(4, response.index)
            writer.flag(response.rejection != nil)
            if let rejection = response.rejection {
                writer.number(rejection.hintIndex)
                writer.number(rejection.hintTerm)
            }
        case .heartbeat(let commit, let context): head(5, commit, context)
        case .heartbeatResponse(let context): head(6, context)
        case .timeoutNow: head(7)
        case .installSnapshot: preconditionFailure("an install message travels as the end of a snapshot")
        }
    }
}

extension RaftBatch {
    /// Reads what ``encoded`` wrote; throws for anything else, before memory is taken for what it claims to hold.
    init(decoding bytes: [UInt8]) throws(CodecError) {
        let count = bytes.count - 8
        guard count > 0 else { throw CodecError(message: "too short for a batch of raft messages", position: 0) }
        var tail = ByteReader(bytes[count...])
        guard try tail.word() == UInt64(CRC32C.checksum(Array(bytes[..<count]))) else {
            throw CodecError(message: "the checksum of a batch of raft messages does not fit", position: count)
        }
        var reader = ByteReader(bytes[..<count])
        let version = try reader.byte()
        guard version == RaftBatch.version else {
            throw reader.error("raft messages of version \(version), which this release does not know")
        }
        cluster = try reader.id()
        from = ServerID(try reader.text())
        address = try reader.text()
        to = ServerID(try reader.text())
        guard max(from.name.utf8.count, to.name.utf8.count, address.utf8.count) <= 255 else {
            throw reader.error("an id or address of more than 255 bytes")
        }
        let messageCount = try reader.count(elementSize: 2)
        guard messageCount <= RaftBatch.messagesMax else { throw reader.error("\(messageCount) messages in one batch") }
        messages = []
        messages.reserveCapacity(messageCount)
        for _ in 0..<messageCount {
            messages.append(try RaftBatch.message(&reader, from: from, to: to))
        }
        guard reader.isAtEnd else { throw reader.error("more follows the last message") }
    }

    private static func message(
        _ reader: inout ByteReader, from: ServerID, to: ServerID
    ) throws(CodecError) -> Message {
        let type = try reader.byte()
        let term = try plausible(&reader)
        let body: Message.Body
        switch type {
        case 1:
            let (index, lastTerm) = (try plausible(&reader), try plausible(&reader))
            let flags = try flags(&reader)
            body = .voteRequest(
                .init(
                    lastIndex: index, lastTerm: lastTerm, isPreVote: flags & 1 != 0, isTransfer: flags & 2 != 0))
        case 2:
            let flags = try flags(&reader)
            body = .voteResponse(.init(isGranted: flags & 1 != 0, isPreVote: flags & 2 != 0))
        case 3: body = .append(try append(&reader))
        case 4:
            let index = try plausible(&reader)
            let isRefused = try reader.flag()
            let rejection =
                isRefused
                ? Message.Rejection(hintIndex: try plausible(&reader), hintTerm: try plausible(&reader)) : nil
            body = .appendResponse(.init(index: index, rejection: rejection))
        case 5: body = .heartbeat(commit: try plausible(&reader), context: try reader.number())
        case 6: body = .heartbeatResponse(context: try reader.number())
        case 7: body = .timeoutNow
        default: throw reader.error("unknown raft message \(type)")
        }
        return Message(from: from, to: to, term: term, body: body)
    }

    private static func append(_ reader: inout ByteReader) throws(CodecError) -> Message.Append {
        let (previousIndex, previousTerm) = (try plausible(&reader), try plausible(&reader))
        let commit = try plausible(&reader)
        let count = try reader.count(elementSize: 3)
        var entries: [LogEntry] = []
        entries.reserveCapacity(count)
        for ordinal in 0..<UInt64(count) {
            let term = try plausible(&reader)
            let kind = EntryKind(rawValue: try reader.number(as: UInt16.self))
            let data = try reader.data()
            guard data.count <= LogFormat.entryBytesMax else { throw reader.error("an entry of \(data.count) bytes") }
            entries.append(
                LogEntry(index: previousIndex + 1 + ordinal, term: term, kind: kind, data: Array(data)))
        }
        return Message.Append(
            previousIndex: previousIndex, previousTerm: previousTerm, entries: entries, commit: commit)
    }

    private static func flags(_ reader: inout ByteReader) throws(CodecError) -> UInt8 {
        let flags = try reader.byte()
        guard flags <= 3 else { throw reader.error("flags \(flags)") }
        return flags
    }

    /// An index or a term.
    private static func plausible(_ reader: inout ByteReader) throws(CodecError) -> UInt64 {
        let number = try reader.number()
        guard number < numberMax else { throw reader.error("\(number) is no index or term") }
        return number
    }
}

extension Message {
    /// About how many bytes it takes in a batch and, while it waits, in memory.
    var bytesEstimate: Int {
        guard case .append(let append) = body else { return 32 }
        return append.entries.reduce(48) { $0 + $1.data.count + 24 }
    }
}
