# A batch job: runs to its end once.
variable "lines" {
  type    = number
  default = 3
}

job "report" {
  type = "batch"

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  group "report" {
    task "write" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "for i in $(seq ${var.lines}); do echo line $i of $NOMAD_JOB_NAME on ${attr.cpu.arch}; done"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
