import Basics
import Client
import Synchronization

/// Networks that are only written down.
final class FakeNetworkTools: NetworkTools {
    struct State {
        var held: Set<String> = []
        /// What was done, in order: "make", "hold SOURCE", "release", "ADD bridge", "DEL bridge".
        var done: [String] = []
        var inputs: [JSON] = []
        /// What plug-ins answer to ADD, by type; the result of the one before is given else.
        var failures: [String: Int] = [:]
    }

    let state = Mutex(State())
    let isAble = true
    let resolverFile = "/etc/resolv.conf"

    var done: [String] { state.withLock { $0.done } }

    func place(of allocation: ID) -> String { "/run/netns/\(allocation)" }

    func make(at path: String) {
        state.withLock { state in
            state.done.append("make")
            state.held.insert(path)
        }
    }

    func hold(_ source: String, at path: String) {
        state.withLock { state in
            state.done.append("hold \(source)")
            state.held.insert(path)
        }
    }

    func isHeld(at path: String) -> Bool { state.withLock { $0.held.contains(path) } }

    func release(_ path: String) {
        state.withLock { state in
            state.done.append("release")
            state.held.remove(path)
        }
    }

    func programs(in folder: String) -> [String] { folder == "/opt/cni/bin" ? CNINetwork.bridgePrograms : [] }

    func run(_ program: String, environment: [String], input: [UInt8], lock: String?) throws -> ProgramAnswer? {
        let type = String(program.split(separator: "/").last ?? "")
        guard let command = environment.first(where: { $0.hasPrefix("CNI_COMMAND=") })?.dropFirst(12) else {
            return ProgramAnswer(exitCode: 0, output: [], error: Array("CNI \(type) plugin v1.4.0\nmore\n".utf8))
        }
        let json = try JSONParser.parse(input)
        return state.withLock { state in
            state.done.append("\(command) \(type)")
            state.inputs.append(json)
            if let left = state.failures["\(command) \(type)"], left > 0 {
                state.failures["\(command) \(type)"] = left - 1
                return ProgramAnswer(exitCode: 1, output: Array(#"{"code":11,"msg":"no room"}"#.utf8))
            }
            guard command == "ADD" else { return ProgramAnswer(exitCode: 0, output: []) }
            let own =
                #"{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"#
                + #""ips":[{"interface":0,"address":"172.26.64.7/20"}]}"#
            return ProgramAnswer(
                exitCode: 0, output: type == "loopback" ? Array(#"{"cniVersion":"1.0.0"}"#.utf8) : Array(own.utf8))
        }
    }
}
