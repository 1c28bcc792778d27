# A web service: networks, services with checks, templates, update and constraints.
variable "image_version" {
  type    = string
  default = "1.2.3"
}

locals {
  root = "/srv/${local.name}"
  name = "web-${var.image_version}"
}

job "web" {
  region      = "eu"
  datacenters = ["dc1", "dc2"]
  node_pool   = "edge"
  type        = "service"
  priority    = 70

  meta {
    owner = "team-a"
    build = 42
  }

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  constraint {
    distinct_hosts = true
  }

  constraint {
    attribute = "${attr.nomad.version}"
    version   = ">= 1.2"
  }

  affinity {
    attribute = "${meta.rack}"
    regexp    = "r[0-9]+"
    weight    = 80
  }

  spread {
    attribute = "${node.datacenter}"
    weight    = 100
    target "dc1" {
      percent = 70
    }
    target "dc2" {
      percent = 30
    }
  }

  update {
    max_parallel     = 2
    canary           = 1
    auto_revert      = true
    min_healthy_time = "15s"
    healthy_deadline = "3m"
  }

  ui {
    description = "The **web** front end"
    link {
      label = "Docs"
      url   = "https://example.org/docs"
    }
  }

  group "front" {
    count = 3

    network {
      mode = "host"
      port "http" {
        static = 8080
        to     = 80
      }
      port "metrics" {}
      dns {
        servers = ["10.0.0.2"]
      }
    }

    service {
      name     = "web"
      port     = "http"
      provider = "nomad"
      tags     = ["public", "${NOMAD_ALLOC_INDEX}"]

      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "2s"
        header {
          Authorization = ["Basic abc"]
        }
        check_restart {
          limit = 3
          grace = "90s"
        }
      }
    }

    restart {
      attempts = 5
      interval = "10m"
      delay    = "20s"
      mode     = "delay"
    }

    ephemeral_disk {
      size   = 500
      sticky = true
    }

    volume "data" {
      type      = "host"
      source    = "fast"
      read_only = true
    }

    task "server" {
      driver       = "raw_exec"
      kill_timeout = "20s"
      kill_signal  = "SIGINT"

      config {
        command = "${local.root}/bin/server"
        args    = ["-port", "${NOMAD_PORT_http}", "-root=${local.root}"]
      }

      env = {
        "LOG.LEVEL" = "debug"
        HOME        = "${env["HOME"]}"
      }

      template {
        destination = "local/app.conf"
        data        = <<-EOT
          listen {{ env "NOMAD_PORT_http" }}
            indented
          EOT
        change_mode   = "signal"
        change_signal = "SIGHUP"
      }

      artifact {
        source      = "https://example.org/app.tgz"
        destination = "local/app"
        options {
          checksum = "sha256:00"
        }
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      resources {
        cpu        = 500
        memory     = 256
        memory_max = 512
        device "nvidia/gpu" {
          count = 2
          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "8 GiB"
          }
        }
      }

      logs {
        max_files     = 3
        max_file_size = 5
      }

      identity {
        env  = true
        file = true
      }

      identity {
        name = "vault_default"
        aud  = ["vault.io"]
        ttl  = "1h"
      }

      action "dump" {
        command = "/bin/kill"
        args    = ["-USR1", "1"]
      }
    }
  }
}
