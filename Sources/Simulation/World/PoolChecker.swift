internal import Gossip

/// What the gossip pool must look like to each server once nothing fails any more: all that run are alive, at their addresses and
/// with their tags, and nobody else is.
enum PoolChecker {
    /// A server that runs, and all that its pool lists.
    struct View {
        let name: String
        let members: [Member]

        func member(_ name: String) -> Member? { members.first { $0.name == name } }
    }

    static func violations(_ views: [View]) -> [String] {
        views.flatMap { view in missing(in: view, of: views) + superfluous(in: view, of: views) }
    }

    private static func missing(in view: View, of views: [View]) -> [String] {
        views.compactMap { other in
            guard let own = other.member(other.name) else { return "\(other.name) does not list itself" }
            guard let member = view.member(other.name) else { return "\(view.name) does not list \(other.name)" }
            guard member.status == .alive else { return "\(view.name) holds \(other.name) for \(member.status)" }
            return member == own ? nil : "\(view.name) lists \(other.name) as \(member), which is \(own)"
        }
    }

    private static func superfluous(in view: View, of views: [View]) -> [String] {
        view.members.compactMap { member in
            let isGone = member.status == .left || member.status == .failed
            return isGone || views.contains { $0.name == member.name }
                ? nil : "\(view.name) holds \(member.name), which is gone, for \(member.status)"
        }
    }
}
