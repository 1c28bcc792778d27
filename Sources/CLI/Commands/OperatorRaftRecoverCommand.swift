package import ArgumentParser
internal import Basics
internal import Consensus
internal import Linux
internal import Raft
internal import Recovery

package struct RaftRecoverCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Let the one server that is left of a cluster go on alone.",
        discussion: """
            For a cluster that lost the majority of its servers for good. Run it on the machine of the server that is \
            left, with its agent stopped; of several, on the one whose log is furthest, as this command shows it. It \
            says what it is going to do, and asks; asked again it changes nothing more. Start the agent afterwards, \
            and new servers with this one in their retry_join.
            """)

    @Flag(name: .go("yes"), help: "Do not ask.")
    var yes = false

    @Argument(help: ArgumentHelp("The agent's data_dir.", valueName: "folder"))
    var folder: String

    package init() {}

    package func run() throws {
        do {
            try recover()
        } catch let error as ConsensusError {
            throw CommandError("\(error)")
        } catch let error as RecoveryError {
            throw CommandError("\(error)")
        } catch let error as DiskError {
            throw CommandError("\(error)")
        }
    }

    private func recover() throws {
        let recovery = try QuorumRecovery(folder, disk: SystemDisk())
        let situation = try recovery.situation()
        let output = RecoveryOutput(situation: situation, folder: recovery.folder)
        guard !situation.isAlone || situation.isUnderWay else { return Console.write(output.nothingToDo) }
        let listening = situation.others.filter { member in
            guard let address = NetworkAddress(member.address, defaultPort: 4647) else { return false }
            return Reachability.isListening(host: address.host, port: address.port)
        }
        Console.write(output.plan(listening: listening))
        if let refusal = output.refusal(listening: listening) { throw CommandError(refusal) }
        if !yes {
            Console.write("\nGo on? Only 'yes' is taken for an answer.")
            guard readLine(strippingNewline: true) == "yes" else { throw CommandError("Nothing was changed") }
        }
        var generator = SystemRandomNumberGenerator()
        let copy = try recovery.carryOut(cluster: ID(random: &generator))
        Console.write(output.done(copy: copy))
    }
}
