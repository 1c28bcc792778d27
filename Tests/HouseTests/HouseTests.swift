import Foundation
import Testing

/// The rules of the house that a compiler does not check. Each message says how to mend the break.
@Suite struct HouseTests {
    /// Modules that are pure: same input, same output, nothing reached from outside.
    static let cores = [
        "Basics", "Model", "HCL", "JobSpec", "Filter", "Raft", "Gossip", "StateStore", "Broker", "Scheduling",
    ]

    /// Outermost shells: the only places that may start unstructured tasks or read the machine's clock.
    static let shells = [
        "Sources/drover/", "Sources/Linux/", "Sources/Simulation/Seam/", "Sources/CLI/", "Sources/PluginHost/",
        "Sources/APIClient/", "Sources/RPC/Transport/",
    ]

    @Test func topLevelIsTheDesigns() {
        let allowed = ["LICENSE", "Makefile", "Package.swift", "Plugins", "README.md", "SDK", "Sources", "Tests"]
        let odd = Tree.entries().filter { !$0.hasPrefix(".") && !allowed.contains($0) && $0 != "Package.resolved" }
        #expect(odd.isEmpty, "move these below one of \(allowed)")
    }

    @Test func everyModuleHasAReadme() {
        let folders = Tree.entries("Sources").filter { !Tree.entries("Sources/\($0)").isEmpty }
        let without = folders.filter { !Tree.entries("Sources/\($0)").contains("README.md") }
        #expect(without.isEmpty, "add a README.md that says what the module is and where the next change goes")
    }

    /// `Module.Type` cannot be written when a type has its module's name.
    @Test func noTypeIsNamedAsItsModule() {
        let modules = Tree.entries("Sources").filter { !Tree.entries("Sources/\($0)").isEmpty }
        let clashes = modules.filter { module in
            let kinds = ["struct", "class", "enum", "protocol", "actor"]
            return Tree.files(below: "Sources/\(module)").contains { path in
                Tree.code(path).contains { line in
                    !line.text.hasPrefix(" ") && kinds.contains { line.text.contains("\($0) \(module)\u{3C}") }
                        || kinds.contains { kind in
                            [" ", ":", " {"].contains { line.text.contains("\(kind) \(module)\($0)") }
                        }
                }
            }
        }
        #expect(clashes.isEmpty, "give the type a name of its own, such as ServerAgent in Server")
    }

    @Test func coresReachNothing() {
        let banned = [
            "import Foundation", "import Glibc", "import Logging", "import NIO", "import Dispatch", "ContinuousClock",
            "SuspendingClock", "SystemRandomNumberGenerator", ".random(in:", ".shuffled()", ".randomElement()",
            "print(",
        ]
        let breaks = Self.cores.flatMap { Tree.files(below: "Sources/\($0)") }.flatMap { path in
            Tree.code(path).filter { line in
                banned.contains { line.text.contains($0) } && !line.text.contains("using:")
            }.map { "\(path):\($0.number): \($0.text)" }
        }
        #expect(breaks.isEmpty, "a core takes time, randomness and I/O as arguments")
    }

    @Test func noUnstructuredTasksOutsideShells() {
        let banned = ["Task {", "Task.detached", "Task.sleep", "DispatchQueue", "Thread.sleep", "usleep("]
        let breaks = Tree.files(below: "Sources").filter { path in !Self.shells.contains { path.hasPrefix($0) } }
            .flatMap { path in
                Tree.code(path).filter { line in banned.contains { contains(line.text, word: $0) } }
                    .map { "\(path):\($0.number): \($0.text)" }
            }
        #expect(breaks.isEmpty, "use a task group, a Service or the seam: a simulation must be able to drive this code")
    }

    @Test func nothingUnfinished() {
        let words = ["FIX" + "ME", "TO" + "DO", "fatalError(", "try!", "as!"]
        let files = ["Sources", "Plugins", "SDK"].flatMap { Tree.files(below: $0, endings: ["swift", "c", "h"]) }
        let breaks = files.flatMap { path in
            Tree.text(path).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .filter { line in words.contains { contains(line.element, word: $0) } }
                .map { "\(path):\($0.offset + 1): \($0.element)" }
        }
        #expect(breaks.isEmpty, "finish it, or throw an error that says what to do")
    }

    @Test func filesStaySmall() {
        let files = ["Sources", "Plugins", "SDK", "Tests"].flatMap { Tree.files(below: $0) }
        let lines = files.map {
            (path: $0, count: Tree.text($0).split(separator: "\n", omittingEmptySubsequences: false).count)
        }
        let long = lines.filter { $0.count > 700 }
        #expect(long.isEmpty, "split by concern: Type+Concern.swift")
        let sorted = lines.map(\.count).sorted()
        guard !sorted.isEmpty else { return }
        let ninetieth = sorted[sorted.count * 9 / 10]
        #expect(ninetieth <= 450, "nine files of ten stay under 450 lines; the 90th percentile is \(ninetieth)")
    }

    @Test func everyHeaderIsInTheUmbrella() {
        let folder = "SDK/Sources/CDroverABI/include/drover"
        let umbrella = Tree.text(folder + "/drover.h")
        let lost = Tree.entries(folder).filter { $0.hasSuffix(".h") && $0 != "drover.h" }.filter { header in
            !umbrella.contains("\"\(header)\"")
                && !Tree.entries(folder).contains { other in
                    other != "drover.h" && Tree.text("\(folder)/\(other)").contains("#include \"\(header)\"")
                }
        }
        #expect(lost.isEmpty, "include it in drover.h, or put it in draft/")
    }

    @Test func noPathsOfOneMachine() {
        let files = ["Sources", "Plugins", "SDK", "Tests"].flatMap {
            Tree.files(below: $0, endings: ["swift", "c", "h", "md", "sh", "hcl", "txt"])
        }
        let banned = ["/" + "work/", "/" + "opt/swift", "/" + "tmp/team"]
        let breaks = files.filter { path in banned.contains { Tree.text(path).contains($0) } }
        #expect(breaks.isEmpty, "write paths relative to the checkout or take them from the environment")
    }

    /// The shim is C and cannot use the Swift enumeration.
    @Test func faultPointsOfTheShimAreNamedAlike() throws {
        let here = Tree.text("Sources/Linux/FaultPoint.swift")
        let moments = here.matches(of: #/case \w+ = "(shim\.\w+)"/#).map { String($0.1) }
        let named = Set(moments.flatMap { ["\($0).before", "\($0).after"] })
        let shim = Tree.files(below: "Sources/drover-shim", endings: ["c"]).map { Tree.text($0) }.joined()
        let reached = Set(shim.matches(of: #/fault_point\("([^"]+)"\)/#).map { String($0.1) })
        #expect(
            !named.isEmpty && reached == named, "each moment of FaultPoint that is the shim's has both its calls there")
    }

    /// Whether `word` stands in `text` not as the tail of a longer identifier.
    private func contains(_ text: Substring, word: String) -> Bool {
        guard let range = text.range(of: word) else { return false }
        guard range.lowerBound > text.startIndex else { return true }
        let before = text[text.index(before: range.lowerBound)]
        return !(before.isLetter || before.isNumber || before == "_")
    }
}
