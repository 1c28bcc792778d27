public import Basics

/// A key with which servers encrypt variables, as everybody may know it; the key itself lies in the servers' keystores.
public struct RootKeyMeta: Document {
    public var keyID = ID.none
    public var algorithm = RootKeyMeta.aes256GCM
    public var createTime = Timestamp.never
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var state = State.inactive
    /// When a prepublished key becomes the active one; 0 for others.
    public var publishTime = Timestamp.never

    public static let aes256GCM = "aes256-gcm"

    /// ```
    /// prepublished ──► active ──► inactive ──► rekeying ──► deprecated
    ///                    └──────────────────────▲   full rotation
    /// ```
    public enum State: String, JSONForm, CaseIterable {
        /// Known to the servers and not yet used.
        case prepublished
        /// Everything is encrypted with it; there is one.
        case active
        /// Some variables may still be encrypted with it.
        case inactive
        /// The leader encrypts anew what is encrypted with it.
        case rekeying
        /// Nothing is encrypted with it any more.
        case deprecated
    }

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("KeyID", &keyID)
        try visitor.field("Algorithm", &algorithm)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("State", &state)
        try visitor.field("PublishTime", &publishTime)
    }
}
