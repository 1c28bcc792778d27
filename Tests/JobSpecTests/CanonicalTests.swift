import Basics
import JobSpec
import Model
import Testing

/// Defaults and checks that the servers rely on.
@Suite struct CanonicalTests {
    static func canonical(_ type: String, _ inside: String = "", _ group: String = "") throws -> Job {
        try JobFile.parse(
            """
            job "j" {
              type = "\(type)"
              \(inside)
              group "g" {
                \(group)
                task "t" {
                  driver = "raw_exec"
                }
              }
            }
            """
        ).job.canonicalized()
    }

    @Test func fillsTheDefaults() throws {
        let job = try Self.canonical("service")
        #expect(job.id == "j" && job.name == "j" && job.namespace == "default" && job.region == "global")
        #expect(job.priority == 50 && job.datacenters == ["*"] && job.nodePool == "default")
        let group = try #require(job.taskGroups.first)
        #expect(group.count == 1 && group.ephemeralDisk?.sizeMB == 300)
        #expect(group.update?.maxParallel == 1 && group.update?.progressDeadline == .seconds(600))
        #expect(group.migrate?.healthyDeadline == .seconds(300))
        let task = try #require(group.tasks.first)
        #expect(
            task.killTimeout == .seconds(5) && task.logConfig?.maxFiles == 10 && task.logConfig?.maxFileSizeMB == 10)
        #expect(task.resources?.cpu == 100 && task.resources?.memoryMB == 300)
        #expect(job.validate() == [])
    }

    @Test(arguments: [
        ("service", 2, 30 * 60, true, 30, "exponential"), ("batch", 3, 24 * 3600, false, 5, "constant"),
        ("system", 2, 30 * 60, false, 0, ""), ("sysbatch", 3, 24 * 3600, false, 0, ""),
    ])
    func policiesFollowTheType(
        type: String, restarts: Int, interval: Int, unlimited: Bool, delay: Int, function: String
    ) throws {
        let group = try #require(try Self.canonical(type).taskGroups.first)
        #expect(group.tasks.first?.restartPolicy?.attempts == restarts)
        #expect(group.tasks.first?.restartPolicy?.interval == .seconds(interval))
        #expect(group.reschedulePolicy?.unlimited == unlimited)
        #expect(group.reschedulePolicy?.delay == .seconds(delay))
        #expect(group.reschedulePolicy?.delayFunction == function)
        #expect((group.update != nil) == (type == "service"))
    }

    @Test func groupsOverrideTheJob() throws {
        let job = try Self.canonical(
            "service", "update {\nmax_parallel = 3\ncanary = 1\n}\nreschedule {\nattempts = 4\ninterval = \"1h\"\n}",
            "update {\ncanary = 2\n}\nrestart {\nattempts = 9\n}")
        let group = try #require(job.taskGroups.first)
        #expect(group.update?.maxParallel == 3 && group.update?.canary == 2)
        #expect(group.reschedulePolicy?.attempts == 4 && group.reschedulePolicy?.unlimited == false)
        #expect(
            group.tasks.first?.restartPolicy?.attempts == 9 && group.tasks.first?.restartPolicy?.delay == .seconds(15))
    }

    @Test(arguments: ["service", "batch", "system", "sysbatch"])
    func canonicalizingTwiceChangesNothing(type: String) throws {
        let once = try Self.canonical(type)
        #expect(JobFileTests.lines(once) == JobFileTests.lines(once.canonicalized()))
        #expect(once.validate() == [])
    }

    @Test(arguments: [
        ("service", "priority = 101", "", "job priority must be between [1, 100]"),
        ("service", "id = \"a b\"", "", "job ID contains a space"),
        ("system", "affinity {\nattribute = \"a\"\nvalue = \"b\"\n}", "", "system jobs may not have an affinity block"),
        (
            "system", "", "gang = \"ring\"",
            "task group g validation failed: system jobs may not have a gang: each node gets its instance or not by itself"
        ),
        (
            "service", "",
            "task \"u\" {\ndriver = \"x\"\nresources {\nnuma {\naffinity = \"near\"\n}\n}\n}",
            "task group g validation failed: Task u validation failed: numa affinity must be none, prefer or require; got \"near\""
        ),
        (
            "service", "",
            "task \"u\" {\ndriver = \"x\"\nresources {\ndevice \"gpu\" {\naffinity {\nattribute = \"${device.model}\"\nvalue = \"a\"\nweight = 101\n}\n}\n}\n}",
            "task group g validation failed: Task u validation failed: device 1 validation failed: Affinity weight must be within the range [-100,100]"
        ),
        ("system", "", "count = 2", "job task group g has count 2. Count cannot exceed 1 with system scheduler"),
        (
            "service", "constraint {\nattribute = \"${attr.x}\"\noperator = \"~\"\nvalue = \"1\"\n}", "",
            "constraint 1 validation failed: Unknown constraint type \"~\""
        ),
        (
            "service", "periodic {\ncron = \"@daily\"\n}", "",
            "periodic can only be used with \"batch\" or \"sysbatch\" scheduler"
        ),
        ("service", "", "count = -1", "task group g validation failed: Task group count can't be negative"),
        (
            "service", "", "restart {\nattempts = 10\ninterval = \"10s\"\ndelay = \"5s\"\n}",
            "task group g validation failed: Nomad can't restart the TaskGroup 10 times in an interval of 10s with a delay of 5s"
        ),
        (
            "service", "", "update {\nmin_healthy_time = \"10m\"\n}",
            "task group g validation failed: Minimum healthy time must be less than healthy deadline: 10m0s > 5m0s"
        ),
        (
            "service", "", "task \"t\" {\ndriver = \"x\"\n}",
            "task group g validation failed: Task 2 redefines 't' from task 1"
        ),
        (
            "service", "", "task \"a/b\" {\ndriver = \"x\"\n}",
            "task group g validation failed: Task a/b validation failed: Task name cannot include slashes"
        ),
        (
            "service", "", "task \".network\" {\ndriver = \"x\"\n}",
            "task group g validation failed: Task .network validation failed: Task name \".network\" is reserved: an allocation's folder has an entry of that name"
        ),
        (
            "service", "", "task \"u\" {\n}",
            "task group g validation failed: Task u validation failed: Missing task driver"
        ),
        (
            "service", "", "task \"u\" {\ndriver = \"x\"\nresources {\nmemory = 1\n}\n}",
            "task group g validation failed: Task u validation failed: minimum MemoryMB value is 10; got 1"
        ),
        (
            "service", "", "task \"u\" {\ndriver = \"x\"\nlogs {\nmax_files = 100\n}\n}",
            "task group g validation failed: Task u validation failed: log storage (1000 MB) must be less than requested disk capacity (300 MB)"
        ),
        (
            "service", "",
            "task \"u\" {\ndriver = \"x\"\nartifact {\nsource = \"http://x\"\ndestination = \"../../etc\"\n}\n}",
            "task group g validation failed: Task u validation failed: Artifact 1 validation failed: destination escapes allocation directory"
        ),
        (
            "service", "", "network {\nport \"a\" {\nstatic = 80\n}\nport \"b\" {\nstatic = 80\n}\n}",
            "task group g validation failed: Static port 80 already reserved by port:a"
        ),
        (
            "service", "", "network {\nport \"a\" {\nstatic = 70000\n}\n}",
            "task group g validation failed: Port \"a\" cannot be static 70000, must be 1 to 65535"
        ),
        (
            "service", "", "service {\nprovider = \"nomad\"\nport = \"web\"\n}",
            "task group g validation failed: Service \"j-g\": port label \"web\" referenced but not defined in a network block"
        ),
        (
            "service", "", "disconnect {\nlost_after = \"-5s\"\n}",
            "task group g validation failed: disconnect lost_after must not be negative: -5s"
        ),
        (
            "service", "", "disconnect {\nlost_after = \"5s\"\nstop_on_client_after = \"5s\"\n}",
            "task group g validation failed: disconnect lost_after and stop_on_client_after cannot be used together: leave one out"
        ),
        (
            "service", "", "max_client_disconnect = \"5s\"\ndisconnect {\nlost_after = \"5s\"\n}",
            "task group g validation failed: disconnect lost_after and max_client_disconnect cannot be used together: leave one out"
        ),
        (
            "service", "", "prevent_reschedule_on_lost = true\ndisconnect {\n}",
            "task group g validation failed: disconnect replace and prevent_reschedule_on_lost cannot be used together: leave one out"
        ),
        (
            "system", "", "stop_after_client_disconnect = \"5s\"",
            "task group g validation failed: Job type \"system\" does not allow stop_on_client_after: only service and batch jobs do"
        ),
        (
            "service", "", "disconnect {\nreconcile = \"newest\"\n}",
            "task group g validation failed: disconnect reconcile must be one of best_score, keep_original, keep_replacement, longest_running; got \"newest\""
        ),
    ])
    func refuses(type: String, inside: String, group: String, fault: String) throws {
        #expect(try Self.canonical(type, inside, group).validate().contains(fault))
    }

    /// Any name that can be a folder's beside those that an allocation's folder has itself.
    @Test(arguments: [".hidden", "a.network", "...", "alloc.d"])
    func takesTaskNames(name: String) throws {
        let job = try Self.canonical("service", "", "task \"\(name)\" {\ndriver = \"x\"\n}")
        #expect(job.validate() == [])
    }

    @Test func refusesAnEmptyJob() throws {
        let faults = try JobFile.parse("job \"j\" {\n}\n").job.canonicalized().validate()
        #expect(faults == ["missing job task groups"])
    }

    @Test func namesWhatIsNotSupported() throws {
        let job = try Self.canonical("service", "vault {\n}", "service {\nname = \"s\"\n}")
        #expect(
            job.unsupportedFeatures() == [
                "group \"g\": service \"s\" is registered in Consul, which is not supported; set provider = \"nomad\"",
                "task \"t\": Vault is not supported; remove the vault block",
            ])
    }
}
