# A service: two instances, restarted when they end, each with a port of its own.
job "web" {
  type = "service"

  group "server" {
    count = 2

    network {
      port "http" {}
    }

    restart {
      attempts = 3
      delay    = "1s"
      interval = "5m"
      mode     = "delay"
    }

    task "httpd" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo ${NOMAD_ALLOC_NAME} would listen on $NOMAD_ADDR_http; exec sleep 3600"]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
