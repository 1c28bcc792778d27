public import Basics

/// The size of a terminal, in characters.
public struct TerminalSize: Equatable, Sendable {
    public var rows: Int
    public var columns: Int

    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }
}

/// What is said to a program that runs inside a task (`/v1/client/allocation/:id/exec`); empty it only keeps the connection up.
///
/// On the wire `{"stdin": {"data": base64, "close": true}, "tty_size": {"height": 24, "width": 80}}`, each part only where there
/// is one (Nomad docs: client API, exec allocation).
public struct CommandInput: JSONForm, Equatable {
    /// For its standard input.
    public var data: [UInt8]
    /// Standard input ends, after `data`.
    public var isEnd: Bool
    /// Its terminal has this size from now on.
    public var size: TerminalSize?

    public init(data: [UInt8] = [], isEnd: Bool = false, size: TerminalSize? = nil) {
        self.data = data
        self.isEnd = isEnd
        self.size = size
    }

    public func write(to writer: inout JSONWriter) {
        var members: [(String, JSON)] = []
        if !data.isEmpty || isEnd { members.append(("stdin", FrameData.json(data, isEnd: isEnd))) }
        if let size {
            let parts: [(String, JSON)] = [
                ("height", .integer(Int64(size.rows))), ("width", .integer(Int64(size.columns))),
            ]
            members.append(("tty_size", .object(parts)))
        }
        writer.raw(JSON.object(members).bytes)
    }

    public static func read(_ json: JSON) throws(DocumentError) -> CommandInput {
        var input = CommandInput()
        (input.data, input.isEnd) = try FrameData.read(try FrameData.member("stdin", of: json))
        if let size = try FrameData.member("tty_size", of: json) {
            guard let rows = size["height"]?.integer, let columns = size["width"]?.integer,
                (0...65_535).contains(rows), (0...65_535).contains(columns)
            else {
                throw DocumentError(path: "tty_size", message: "height and width must be whole numbers from 0 to 65535")
            }
            input.size = TerminalSize(rows: Int(rows), columns: Int(columns))
        }
        return input
    }
}

/// What a program that runs inside a task says; empty it only keeps the connection up.
///
/// On the wire `{"stdout": {"data": base64}}`, `{"stderr": ...}`, and at the end `{"exited": true, "result": {"exit_code": n}}`.
public struct CommandOutput: JSONForm, Equatable {
    public var standardOutput: [UInt8]
    public var standardError: [UInt8]
    /// Set in the last one: its exit code, or 128 and the number of the signal that ended it.
    public var exitCode: Int?

    public init(standardOutput: [UInt8] = [], standardError: [UInt8] = [], exitCode: Int? = nil) {
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.exitCode = exitCode
    }

    public func write(to writer: inout JSONWriter) {
        var members: [(String, JSON)] = []
        if !standardOutput.isEmpty { members.append(("stdout", FrameData.json(standardOutput))) }
        if !standardError.isEmpty { members.append(("stderr", FrameData.json(standardError))) }
        if let exitCode {
            members.append(("exited", .bool(true)))
            members.append(("result", .object([("exit_code", .integer(Int64(exitCode)))])))
        }
        writer.raw(JSON.object(members).bytes)
    }

    public static func read(_ json: JSON) throws(DocumentError) -> CommandOutput {
        var output = CommandOutput()
        output.standardOutput = try FrameData.read(try FrameData.member("stdout", of: json)).data
        output.standardError = try FrameData.read(try FrameData.member("stderr", of: json)).data
        if json["exited"]?.bool == true { output.exitCode = Int(json["result"]?["exit_code"]?.integer ?? 0) }
        return output
    }
}

/// Bytes of one stream in a frame.
private enum FrameData {
    static func json(_ data: [UInt8], isEnd: Bool = false) -> JSON {
        var members: [(String, JSON)] = []
        if !data.isEmpty { members.append(("data", .string(Base64.encode(data)))) }
        if isEnd { members.append(("close", .bool(true))) }
        return .object(members)
    }

    /// The object of that name; nil when it is absent or null.
    static func member(_ name: String, of json: JSON) throws(DocumentError) -> JSON? {
        guard json.object != nil else { throw DocumentError(message: "expected an object") }
        guard let member = json[name], !member.isNull else { return nil }
        guard member.object != nil else { throw DocumentError(path: name, message: "expected an object") }
        return member
    }

    static func read(_ json: JSON?) throws(DocumentError) -> (data: [UInt8], isEnd: Bool) {
        guard let json else { return ([], false) }
        var data: [UInt8] = []
        if let text = json["data"], !text.isNull {
            guard let bytes = text.string.flatMap({ Base64.decode($0) }) else {
                throw DocumentError(path: "data", message: "expected base64 in quotes")
            }
            data = bytes
        }
        return (data, json["close"]?.bool ?? false)
    }
}
