import Basics
import Model
import Testing

@Suite("Differences of jobs")
struct JobDiffTests {
    static let base = """
        {"ID": "web", "Name": "web", "Type": "service", "Priority": 50, "Datacenters": ["dc1"], "TaskGroups": [{"Name": "g", "Count": 1,
         "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", "true"]}, "Env": {"A": "1"},
           "Resources": {"CPU": 100, "MemoryMB": 32}}]}]}
        """

    private func job(_ changes: (inout Job) -> Void = { _ in }) throws -> Job {
        var job = try Job(json: Array(JobDiffTests.base.utf8)).canonicalized()
        changes(&job)
        return job
    }

    /// Changed things as lines: kind, path, old and new.
    private func lines(_ diff: JSON, path: String = "") -> [String] {
        var out: [String] = []
        for field in diff["Fields"]?.array ?? [] where field["Type"]?.string != "None" {
            let notes = (field["Annotations"]?.array ?? []).compactMap(\.string).map { " (\($0))" }.joined()
            out.append(
                "\(field["Type"]?.string ?? "") \(path)\(field["Name"]?.string ?? ""): "
                    + "\(field["Old"]?.string ?? "") -> \(field["New"]?.string ?? "")\(notes)")
        }
        for key in ["Objects", "TaskGroups", "Tasks"] {
            for part in diff[key]?.array ?? [] {
                let kind = part["Type"]?.string ?? ""
                let name = part["Name"]?.string ?? ""
                guard kind != "None" else { continue }
                let notes = (part["Annotations"]?.array ?? []).compactMap(\.string).map { " (\($0))" }.joined()
                if key != "Objects" || kind != "Edited" { out.append("\(kind) \(path)\(name)\(notes)") }
                if kind == "Edited" { out += lines(part, path: path + name + ".") }
            }
        }
        return out
    }

    @Test func equalJobsDoNotDiffer() throws {
        var old = try job()
        (old.version, old.modifyIndex, old.status, old.submitTime) = (3, 40, .running, Timestamp(seconds: 5))
        let diff = JobDiff.json(old: old, new: try job())
        #expect(diff["Type"]?.string == "None")
        #expect(lines(diff) == [])
    }

    @Test func newJobsAreAddedWhole() throws {
        let updates = JSON.object([("g", .object([("Place", .integer(1)), ("Stop", .integer(0))]))])
        let diff = JobDiff.json(old: nil, new: try job(), updates: updates)
        #expect(diff["Type"]?.string == "Added")
        let group = diff["TaskGroups"]?.array?.first
        #expect(group?["Type"]?.string == "Added")
        #expect(group?["Updates"] == .object([("create", .integer(1))]))
        #expect(group?["Tasks"]?.array?.first?["Annotations"] == .array([.string("forces create")]))
    }

    @Test func everyKindOfChangeIsListed() throws {
        let new = try job { job in
            job.priority = 60
            job.datacenters = ["dc1", "dc2"]
            job.meta = ["owner": "me"]
            job.taskGroups[0].count = 3
            job.taskGroups[0].tasks[0].env = ["A": "2"]
            job.taskGroups[0].tasks[0].config = .object([
                ("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string("false"), .string("x")])),
            ])
            job.taskGroups[0].tasks[0].resources?.cpu = 200
            var constraint = Constraint()
            (constraint.lTarget, constraint.operand, constraint.rTarget) = ("${attr.kernel.name}", "=", "linux")
            job.taskGroups[0].constraints = [constraint]
        }
        let diff = JobDiff.json(old: try job(), new: new, updates: .object([("g", .object([("Place", .integer(2))]))]))
        #expect(diff["Type"]?.string == "Edited")
        #expect(
            lines(diff) == [
                "Added Meta[owner]:  -> me",
                "Edited Priority: 50 -> 60",
                "Added Datacenters.Datacenters:  -> dc2",
                "Edited g",
                "Edited g.Count: 1 -> 3 (forces create)",
                "Added g.Constraint",
                "Edited g.t (forces create/destroy update)",
                "Edited g.t.Env[A]: 1 -> 2",
                "Edited g.t.Config.args[1]: true -> false",
                "Added g.t.Config.args[2]:  -> x",
                "Edited g.t.Resources.CPU: 100 -> 200",
            ])
        // Beside a change within an object its other fields are told.
        let task = diff["TaskGroups"]?.array?.first?["Tasks"]?.array?.first
        let config = task?["Objects"]?.array?.first { $0["Name"]?.string == "Config" }
        #expect(
            config?["Fields"]?.array?.contains { $0["Name"]?.string == "command" && $0["Type"]?.string == "None" }
                == true)
    }

    @Test func groupsAndTasksComeAndGo() throws {
        let new = try job { job in
            job.taskGroups[0].name = "other"
            job.taskGroups[0].count = 2
        }
        #expect(
            lines(JobDiff.json(old: try job(), new: new)) == ["Deleted g", "Added other"])
        let fewer = try job { $0.taskGroups[0].tasks[0].name = "u" }
        #expect(
            lines(JobDiff.json(old: try job(), new: fewer)) == [
                "Edited g", "Deleted g.t (forces destroy)", "Added g.u (forces create)",
            ])
    }

    @Test func someChangesNeedNoRestart() throws {
        let new = try job { $0.taskGroups[0].tasks[0].killTimeout = .seconds(30) }
        #expect(
            lines(JobDiff.json(old: try job(), new: new)) == [
                "Edited g", "Edited g.t (forces in-place update)", "Edited g.t.KillTimeout: 5000000000 -> 30000000000",
            ])
    }
}
