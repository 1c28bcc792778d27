package import Basics

/// What can be asked of a node's client about the node and its allocations: of the one in this process, or over a relay of another
/// (``RelayedNode``).
///
/// Paths are relative to the allocation's folder and cannot lead out of it. Every function throws ``CallError``: `notFound` for an
/// unknown allocation, task or file, `invalid` for a bad argument.
package protocol NodeEndpoint: Sendable {
    func files(allocation: ID, path: String) async throws -> [FileInfo]

    func file(allocation: ID, path: String) async throws -> FileInfo

    /// Frames of a file, then, when `follow` is set, of what is appended to it.
    func stream(allocation: ID, path: String, from: FilePosition, follow: Bool) async throws -> any FileStream

    /// Frames of a task's rotated log files in order.
    func logs(allocation: ID, request: LogRequest) async throws -> any FileStream

    /// A HostStats object (SURFACE §7).
    func hostStatistics() async throws -> JSON

    /// An AllocResourceUsage object.
    func statistics(allocation: ID, task: String?) async throws -> JSON

    func restart(allocation: ID, task: String?, allTasks: Bool) async throws

    func signal(allocation: ID, task: String?, signal: String) async throws

    /// Removes ended allocations from the node; one, or all when nil.
    func collectGarbage(allocation: ID?) async throws
}

/// The client of this agent, which the HTTP API calls in the same process.
package protocol ClientEndpoint: NodeEndpoint {
    var nodeID: ID { get }

    /// The namespace of an allocation; nil when it is none of this node's.
    func namespace(ofAllocation id: ID) -> String?

    /// Runs a program inside a running task until it ends, which is the last that `channel` is told, or until its caller is
    /// gone, which ends it by force.
    ///
    /// Throws `permission` where tasks are not kept from the node's files and the caller may not reach those, `unsupported`
    /// when the task's driver runs no programs, `limited` when too many run; then the program has not been started.
    func run(_ command: TaskCommand, over channel: any CommandChannel) async throws
}

/// A file's entry, as `/v1/client/fs/ls` answers.
package struct FileInfo: Document {
    package var name = ""
    package var isDirectory = false
    package var size: Int64 = 0
    /// As `ls` shows it: `-rw-r--r--`.
    package var fileMode = ""
    package var modificationTime = TimeText()
    package var contentType = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("IsDir", &isDirectory)
        try visitor.field("Size", &size)
        try visitor.field("FileMode", &fileMode)
        try visitor.field("ModTime", &modificationTime)
        try visitor.field("ContentType", &contentType)
    }
}

package struct FilePosition: Sendable, Equatable {
    package var offset: Int64
    /// The offset counts back from the end.
    package var fromEnd: Bool

    package init(offset: Int64 = 0, fromEnd: Bool = false) {
        self.offset = offset
        self.fromEnd = fromEnd
    }
}

package struct LogRequest: Sendable, Equatable {
    package enum Stream: String, Sendable {
        case stdout
        case stderr
    }

    package var task: String
    package var stream: Stream
    package var position: FilePosition
    package var follow: Bool

    package init(task: String, stream: Stream, position: FilePosition = FilePosition(), follow: Bool = false) {
        self.task = task
        self.stream = stream
        self.position = position
        self.follow = follow
    }
}

/// A piece of a streamed file; on the wire `{"Offset": ..., "Data": base64, "File": ..., "FileEvent": ...}`, without what is empty.
package struct FileFrame: Sendable, Equatable {
    package var data: [UInt8]
    package var file: String
    /// Position in the file just after `data`.
    package var offset: Int64
    /// `file deleted` or `file truncated`; empty for plain data.
    package var event: String

    package init(data: [UInt8], file: String, offset: Int64, event: String = "") {
        self.data = data
        self.file = file
        self.offset = offset
        self.event = event
    }
}

extension FileFrame: JSONForm {
    package func write(to writer: inout JSONWriter) {
        var members: [(String, JSON)] = []
        if offset > 0 { members.append(("Offset", .integer(offset))) }
        if !data.isEmpty { members.append(("Data", .string(Base64.encode(data)))) }
        members.append(("File", .string(file)))
        if !event.isEmpty { members.append(("FileEvent", .string(event))) }
        writer.raw(JSON.object(members).bytes)
    }

    package static func read(_ json: JSON) throws(DocumentError) -> FileFrame {
        guard json.object != nil else { throw DocumentError(message: "expected an object") }
        guard let data = Base64.decode(json["Data"]?.string ?? "") else {
            throw DocumentError(path: "Data", message: "expected base64 in quotes")
        }
        return FileFrame(
            data: data, file: json["File"]?.string ?? "", offset: json["Offset"]?.integer ?? 0,
            event: json["FileEvent"]?.string ?? "")
    }
}

/// Frames pulled one by one; nil at the end. The puller cancels by cancelling its task.
package protocol FileStream: Sendable {
    func next() async throws -> FileFrame?

    /// Runs beside the puller, until cancelled, so that a long pause between two pulls does not end the stream.
    func keepOpen() async

    /// Says that no more is pulled, also after the last frame.
    func end() async
}

extension FileStream {
    package func keepOpen() async {}

    package func end() async {}
}
