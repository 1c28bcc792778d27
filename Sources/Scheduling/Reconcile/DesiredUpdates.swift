package import Basics

/// What is to be done for a task group: the annotation shown by `job plan` and kept in the reconciler's log.
package struct DesiredUpdates: Document {
    package var ignore = 0
    package var place = 0
    package var migrate = 0
    package var stop = 0
    package var inPlaceUpdate = 0
    package var destructiveUpdate = 0
    package var canary = 0
    package var preemptions = 0
    package var disconnect = 0
    package var reconnect = 0
    package var rescheduleNow = 0
    package var rescheduleLater = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Ignore", &ignore)
        try visitor.field("Place", &place)
        try visitor.field("Migrate", &migrate)
        try visitor.field("Stop", &stop)
        try visitor.field("InPlaceUpdate", &inPlaceUpdate)
        try visitor.field("DestructiveUpdate", &destructiveUpdate)
        try visitor.field("Canary", &canary)
        try visitor.field("Preemptions", &preemptions)
        try visitor.field("Disconnect", &disconnect)
        try visitor.field("Reconnect", &reconnect)
        try visitor.field("RescheduleNow", &rescheduleNow)
        try visitor.field("RescheduleLater", &rescheduleLater)
    }
}
