# A parameterized batch job with a lifecycle, written the old way with a bare task too.
job "encode" {
  type = "batch"

  parameterized {
    payload       = "required"
    meta_required = ["input"]
    meta_optional = ["profile"]
  }

  reschedule {
    attempts       = 2
    interval       = "1h"
    delay          = "10s"
    delay_function = "constant"
    unlimited      = false
  }

  vault {
    policies = ["encode"]
  }

  group "work" {
    task "prepare" {
      driver = "exec"
      lifecycle {
        hook    = "prestart"
        sidecar = false
      }
      config {
        command = "prepare.sh"
      }
    }
    task "encode" {
      driver = "exec"
      dispatch_payload {
        file = "input.json"
      }
      config {
        command = "encode"
        args    = ["${NOMAD_META_input}"]
      }
      leader = true
    }
  }

  task "report" {
    driver = "docker"
    config {
      image = "report:1"
      port_map {
        http = 80
      }
      mount {
        type = "bind"
        bind_options {
          propagation = "rslave"
        }
      }
      mount {
        type = "tmpfs"
      }
      labels = { a = "b" }
    }
  }
}
