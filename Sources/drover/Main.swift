import Agent
import ArgumentParser
import CJemalloc
import CLI
import Glibc
import PluginHost

/// `drover`: the command line, the agent, the trace simulator, and the process that hosts a plug-in.
@main
struct Drover: AsyncParsableCommand {
    static let configuration = CommandLineInterface.configuration(adding: [AgentCommand.self, SimCommand.self])

    static func main() async {
        let arguments = CommandLine.arguments
        if arguments.count > 1, arguments[1] == "plugin-host" {
            Glibc.exit(PluginHostProcess.main(Array(arguments.dropFirst(2))))
        }
        if arguments.count > 1, arguments[1] == "plugin-probe" {
            Glibc.exit(PluginProbe.main(Array(arguments.dropFirst(2))))
        }
        await CommandLineInterface.run(Drover.self)
    }
}
