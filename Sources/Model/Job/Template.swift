public import Basics

/// A file rendered into the task's folder.
public struct Template: Document {
    public var sourcePath = ""
    public var destPath = ""
    public var embeddedTmpl = ""
    public var changeMode = ""
    public var changeScript: ChangeScript?
    public var changeSignal = ""
    public var once = false
    public var splay: Duration?
    public var perms = ""
    public var uid: Int?
    public var gid: Int?
    public var leftDelim = ""
    public var rightDelim = ""
    public var envvars = false
    public var vaultGrace: Duration?
    public var wait: WaitConfig?
    public var errMissingKey = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SourcePath", &sourcePath)
        try visitor.field("DestPath", &destPath)
        try visitor.field("EmbeddedTmpl", &embeddedTmpl)
        try visitor.field("ChangeMode", &changeMode)
        try visitor.field("ChangeScript", &changeScript)
        try visitor.field("ChangeSignal", &changeSignal)
        try visitor.field("Once", &once)
        try visitor.field("Splay", &splay)
        try visitor.field("Perms", &perms)
        try visitor.field("Uid", &uid)
        try visitor.field("Gid", &gid)
        try visitor.field("LeftDelim", &leftDelim)
        try visitor.field("RightDelim", &rightDelim)
        try visitor.field("Envvars", &envvars)
        try visitor.field("VaultGrace", &vaultGrace)
        try visitor.field("Wait", &wait)
        try visitor.field("ErrMissingKey", &errMissingKey)
    }
}

/// A command run after a template changed.
public struct ChangeScript: Document {
    public var command = ""
    public var args: [String] = []
    public var timeout = Duration.zero
    public var failOnError = false
    public var runOnFirstRender = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Command", &command)
        try visitor.field("Args", &args)
        try visitor.field("Timeout", &timeout)
        try visitor.field("FailOnError", &failOnError)
        try visitor.field("RunOnFirstRender", &runOnFirstRender)
    }
}

/// How long a template waits for its inputs to settle.
public struct WaitConfig: Document {
    public var min: Duration?
    public var max: Duration?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Min", &min)
        try visitor.field("Max", &max)
    }
}
