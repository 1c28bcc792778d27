# A system job: one instance on every node.
job "probe" {
  type = "system"

  group "probe" {
    task "watch" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "while :; do echo load on ${node.unique.name}: $(cat /proc/loadavg); sleep 5; done"]
      }

      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
