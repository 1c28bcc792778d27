/// The job file `job init` writes.
enum ExampleJob {
    static let text = """
        # A job is what you want to run. This one runs a small program on one machine and keeps it running.
        # Try it: drover job run example.nomad.hcl
        job "example" {
          # service: kept running; batch: runs to its end; system and sysbatch: the same on every machine.
          type = "service"

          # Tasks of a group run together on one machine. count is how many of the group there are.
          group "hello" {
            count = 1

            # A port of the machine, chosen when the group is placed; tasks see it as NOMAD_PORT_http.
            network {
              port "http" {}
            }

            # A task that fails is started again here: twice in half an hour, 15 seconds apart, before giving up.
            restart {
              attempts = 2
              interval = "30m"
              delay    = "15s"
              mode     = "fail"
            }

            task "greeter" {
              # How the task is started; "drover node status -self" lists what this machine has.
              driver = "raw_exec"

              config {
                command = "/bin/sh"
                args    = ["-c", "while true; do echo \\"$GREETING from port $NOMAD_PORT_http\\"; sleep 5; done"]
              }

              env {
                GREETING = "hello"
              }

              # What is set aside for it: CPU in MHz, memory in MiB.
              resources {
                cpu    = 50
                memory = 32
              }
            }
          }
        }

        """

    /// Without comments and the blank lines they leave doubled.
    static var short: String {
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.drop(while: { $0 == " " }).hasPrefix("#") { continue }
            if line.isEmpty, lines.last.map({ $0.isEmpty || $0.hasSuffix("{") }) ?? true { continue }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}
