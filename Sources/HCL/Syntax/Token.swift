/// One lexical element; its text is the bytes `start..<end` of the file.
struct Token {
    enum Kind: UInt8 {
        case identifier, number
        case quoteOpen, quoteClose, heredocOpen, heredocFlushOpen, heredocClose, stringLiteral
        case interpolationOpen, controlOpen, templateClose
        case braceOpen, braceClose, bracketOpen, bracketClose, parenthesisOpen, parenthesisClose
        case dot, ellipsis, comma, colon, equal, question, arrow
        case plus, minus, star, slash, percent
        case equalEqual, notEqual, less, greater, lessEqual, greaterEqual, and, or, not
        case newline, endOfFile
    }

    let kind: Kind
    let start: Int
    let end: Int
    /// For template delimiters: a `~` asks to trim the white space on that side.
    var trims = false
}

extension Token.Kind {
    /// How the token is named in messages.
    var name: String {
        switch self {
        case .identifier: "an identifier"
        case .number: "a number"
        case .quoteOpen, .quoteClose, .stringLiteral: "a quoted string"
        case .heredocOpen, .heredocFlushOpen, .heredocClose: "a heredoc"
        case .interpolationOpen: "\"${\""
        case .controlOpen: "\"%{\""
        case .templateClose: "the \"}\" that ends a template sequence"
        case .newline: "a line end"
        case .endOfFile: "the end of the file"
        default: "\"\(Self.spelling[self] ?? "?")\""
        }
    }

    private static let spelling: [Token.Kind: String] = [
        .braceOpen: "{", .braceClose: "}", .bracketOpen: "[", .bracketClose: "]", .parenthesisOpen: "(",
        .parenthesisClose: ")", .dot: ".", .ellipsis: "...", .comma: ",", .colon: ":", .equal: "=",
        .question: "?", .arrow: "=>", .plus: "+", .minus: "-", .star: "*", .slash: "/", .percent: "%",
        .equalEqual: "==", .notEqual: "!=", .less: "<", .greater: ">", .lessEqual: "<=", .greaterEqual: ">=",
        .and: "&&", .or: "||", .not: "!",
    ]
}
