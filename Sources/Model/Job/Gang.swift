public import Basics

/// Whether instances of a group are placed all or none, alone or together with other groups. Drover's own.
///
/// In JSON and job files: `true` for a gang of the group's own, a name for one that all groups of that name share.
public enum Gang: JSONForm, Hashable {
    /// Instances are placed one by one, as room is found.
    case none
    /// All of the group or none of it.
    case own
    /// All groups of the job with this name, or none of them.
    case named(String)

    /// Reads what a job file says.
    public init(text: String) {
        switch text {
        case "", "false": self = .none
        case "true": self = .own
        default: self = .named(text)
        }
    }

    public func write(to writer: inout JSONWriter) {
        switch self {
        case .none: writer.bool(false)
        case .own: writer.bool(true)
        case .named(let name): writer.string(name)
        }
    }

    public static func read(_ json: JSON) throws(DocumentError) -> Gang {
        if let flag = json.bool { return flag ? .own : .none }
        guard let text = json.string else {
            throw DocumentError(message: "expected true, false or a gang's name")
        }
        return Gang(text: text)
    }
}
