import ArgumentParser
import Testing

@testable import CLI

@Suite("Arguments")
struct ArgumentTests {
    @Test(arguments: [
        (["job", "run", "--detach", "a.hcl"], ["job", "run", "-detach", "a.hcl"]),
        (["job", "run", "-detach=true", "a"], ["job", "run", "-detach", "a"]),
        (["job", "run", "-detach=false", "a"], ["job", "run", "a"]),
        (["plan", "--diff=false", "a"], ["plan", "-no-diff", "a"]),
        (["run", "-var", "a=b", "-var=c=true", "-"], ["run", "-var", "a=b", "-var=c=true", "-"]),
        (
            ["operator", "scheduler", "set-config", "-pause-eval-broker=true"],
            ["operator", "scheduler", "set-config", "-pause-eval-broker=true"]
        ),
        (["node-status", "-self"], ["node", "status", "-self"]),
        (["--version"], ["version"]),
        (["job", "status", "--", "--odd"], ["job", "status", "--", "--odd"]),
        (
            ["alloc", "exec", "--task=web", "-t=false", "1a2b", "ls", "--color", "-t=false"],
            ["alloc", "exec", "-task=web", "-no-t", "1a2b", "ls", "--color", "-t=false"]
        ),
        (["exec", "--task", "web", "-job", "shop", "--x"], ["exec", "-task", "web", "-job", "shop", "--x"]),
        (
            ["exec", "-i=false", "--job=true", "shop", "a", "--", "--b"],
            ["exec", "-no-i", "-job", "shop", "a", "--", "--b"]
        ),
        ([], []),
    ])
    func goForm(given: [String], normalized: [String]) { #expect(ArgumentForm.normalized(given) == normalized) }

    struct Root: AsyncParsableCommand {
        static let configuration = CommandLineInterface.configuration(adding: [Extra.self])
    }

    struct Extra: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "agent", abstract: "Runs an agent.")
    }

    /// Command lines out of Nomad's documentation reach the command they name.
    @Test(arguments: [
        ("job run -detach -check-index 3 -var a=b -var-file v.hcl x.hcl", "JobRunCommand"),
        ("run x.hcl", "JobRunCommand"),
        ("job status -short -evals -all-allocs -verbose web", "JobStatusCommand"),
        ("status", "StatusCommand"),
        ("stop -purge -yes -detach web", "JobStopCommand"),
        ("job plan -diff=false x.hcl", "JobPlanCommand"),
        ("validate x.hcl", "JobValidateCommand"),
        ("job init -short", "JobInitCommand"),
        ("inspect -version 2 web", "JobInspectCommand"),
        ("alloc status -json -address=http://h:1 1a2b", "AllocStatusCommand"),
        ("logs -f -stderr -tail -n 20 1a2b web", "AllocLogsCommand"),
        ("alloc logs -job -task web redis", "AllocLogsCommand"),
        ("alloc fs -H -stat 1a2b alloc/logs", "AllocFSCommand"),
        ("alloc exec -i -t -e none -task web 1a2b ls -l --color", "AllocExecCommand"),
        ("exec -job -group web shop cat", "AllocExecCommand"),
        ("alloc stop -no-shutdown-delay 1a2b", "AllocStopCommand"),
        ("alloc restart -all-tasks 1a2b", "AllocRestartCommand"),
        ("alloc signal -s SIGHUP 1a2b web", "AllocSignalCommand"),
        ("node status -self -stats", "NodeStatusCommand"),
        ("eval status -monitor 1a2b", "EvalStatusCommand"),
        ("eval list -job web -per-page 5", "EvalListCommand"),
        ("server members -json", "ServerMembersCommand"),
        ("server members -detailed", "ServerMembersCommand"),
        ("server-members -verbose", "ServerMembersCommand"),
        ("server join 10.0.0.1 10.0.0.2:4648", "ServerJoinCommand"),
        ("server force-leave -prune s1.global", "ServerForceLeaveCommand"),
        ("operator gossip keyring generate", "KeyringGenerateCommand"),
        ("operator gossip keyring list", "KeyringListCommand"),
        ("operator gossip keyring install abc=", "KeyringInstallCommand"),
        ("operator gossip keyring use abc=", "KeyringUseCommand"),
        ("operator gossip keyring remove abc=", "KeyringRemoveCommand"),
        ("plugin status -json", "PluginStatusCommand"),
        ("system gc", "SystemGCCommand"),
        ("operator scheduler get-config -json", "SchedulerGetConfigCommand"),
        (
            "operator scheduler set-config -scheduler-algorithm spread -pause-eval-broker=true",
            "SchedulerSetConfigCommand"
        ),
        (
            "operator scheduler set-config -scheduler-rule job-type=batch,plugin=scored -shadow-plugin none",
            "SchedulerSetConfigCommand"
        ),
        ("operator scheduler status -json", "SchedulerStatusCommand"),
        ("job run -immediate a.hcl", "JobRunCommand"),
        ("job dispatch -meta a=1 -meta b=2 -idempotency-token t -detach resize input", "JobDispatchCommand"),
        ("operator api -X POST -H a:b /v1/system/gc", "OperatorAPICommand"),
        ("tls ca create -name-constraint=true -domain example -days=30", "TLSAuthorityCreateCommand"),
        ("tls ca info ca.pem", "TLSAuthorityInfoCommand"),
        ("tls cert create -server -region eu -additional-dnsname db -ca ca.pem", "TLSCertificateCreateCommand"),
        ("tls cert info c.pem", "TLSCertificateInfoCommand"),
        ("node status -ca-cert ca.pem -client-cert=c.pem -client-key k.pem -insecure", "NodeStatusCommand"),
        ("agent", "Extra"),
        ("version", "VersionCommand"),
    ])
    func commandLines(line: String, command: String) throws {
        let arguments = ArgumentForm.normalized(line.split(separator: " ").map(String.init))
        #expect("\(type(of: try Root.parseAsRoot(arguments)))" == command)
    }

    @Test(arguments: ["job run", "job bogus", "logs -n 5 -c 5 1a2b", "alloc logs -n x 1a2b", "run -bogus x.hcl"])
    func wrongUsage(line: String) {
        let arguments = ArgumentForm.normalized(line.split(separator: " ").map(String.init))
        #expect(throws: (any Error).self) { _ = try Root.parseAsRoot(arguments) }
    }

    /// Options of Nomad's that no command has: who gives one is told what does instead.
    @Test(arguments: [
        ("var put -template x a b=c", "jq"), ("var get -out go-template a", "jq"), ("job status -t {{.ID}}", "jq"),
        ("var get -ui a", "no web interface"), ("run -bogus x.hcl", nil),
    ])
    func whatIsLeftOutIsExplained(line: String, hint: String?) {
        let arguments = ArgumentForm.normalized(line.split(separator: " ").map(String.init))
        do {
            _ = try Root.parseAsRoot(arguments)
            Issue.record("it is taken")
        } catch {
            let text = Root.fullMessage(for: error)
            let explained = CommandLineInterface.explained(text)
            #expect(hint.map { explained.split(separator: "\n").last?.contains($0) == true } ?? (explained == text))
        }
    }

    @Test func rootHelp() {
        let text = Root.helpMessage(columns: 100)
        #expect(
            text == """
                OVERVIEW: Runs jobs on a cluster of machines.

                Commands speak to an agent at -address, DROVER_ADDR or NOMAD_ADDR, http://127.0.0.1:4646 if none is
                given.
                Long options have one dash, as in Nomad; two dashes work as well. To try it out:

                  drover agent -dev
                  drover job init
                  drover job run example.nomad.hcl

                USAGE: drover <subcommand>

                OPTIONS:
                  -h, -help               Show help information.

                SUBCOMMANDS:
                  job                     Run and watch jobs.
                  alloc                   Look at allocations, and act on them.
                  node                    Look at the machines that run tasks.
                  eval                    Look at evaluations: the requests to place a job's work.
                  server                  Look at the servers, and at their gossip pool.
                  namespace               Keep sets of jobs apart.
                  quota                   Bound what namespaces may hold together.
                  var                     Keep small secrets and settings, encrypted.
                  plugin                  Look at an agent's plug-ins.
                  system                  Keep the cluster's state in order.
                  operator                Tools for those who run the cluster.
                  tls                     Make and read certificates for a cluster's TLS.
                  status                  List jobs, or show whatever an ID belongs to.
                  version                 Show the program's version.
                  agent                   Runs an agent.

                COMMON SUBCOMMANDS:
                  run                     Run a job, or change a running one.
                  plan                    Show what running a job file would change.
                  stop                    Stop a job's allocations.
                  validate                Check a job file.
                  init                    Write an example job file.
                  inspect                 Show a job's specification as JSON.
                  logs                    Show what a task writes.
                  fs                      List an allocation's folders and show its files.
                  exec                    Run a command inside a running task.

                  See 'drover help <subcommand>' for detailed help.
                """)
    }

    @Test func commandHelp() {
        let text = Root.helpMessage(for: AllocLogsCommand.self, columns: 100)
        #expect(
            text == """
                OVERVIEW: Show what a task writes.

                Without -stdout and -stderr it is standard output, and with -f both.

                USAGE: drover logs [<options>] <allocation> [<task>]

                ARGUMENTS:
                  <allocation>            The allocation's ID, or the beginning of one.
                  <task>                  The task; needed when there are several.

                OPTIONS:
                  -address <address>      The agent: http://host:port, https://host:port or unix:///path.
                        Also DROVER_ADDR or NOMAD_ADDR.
                  -region <name>          The region asked, forwarded by the agent.
                  -namespace <name>       The namespace asked; * is all on lists.
                  -token <secret>         The secret of an ACL token.
                  -ca-cert <path>         PEM file of the CA that signed an https agent's certificate.
                  -ca-path <path>         Folder of such files, .pem or .crt.
                  -client-cert <path>     PEM file of a certificate for agents that ask for one.
                  -client-key <path>      PEM file of its key.
                  -tls-server-name <name> Name in the agent's certificate, if not the address's host.
                  -tls-skip-verify, -insecure
                                          Believe any certificate of the agent; for trying out only.
                  -no-color               Output without colors; it has none on pipes in any case.
                  -force-color            Output with colors on pipes too.
                  -f                      Go on with what is appended, until interrupted.
                  -tail                   Only the end: the last 10 lines, or as -n or -c say.
                  -n <lines>              With -tail: so many lines.
                  -c <bytes>              With -tail: so many bytes.
                  -stderr                 Standard error.
                  -stdout                 Standard output.
                  -job                    The argument is a job; show its newest running allocation.
                  -group <name>           With -job: an allocation of this group.
                  -task <name>            The task; needed when there are several.
                  -h, -help               Show help information.

                """)
    }
}
