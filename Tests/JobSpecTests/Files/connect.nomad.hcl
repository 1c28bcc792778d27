# Consul Connect, CSI and multiregion are read and kept, so that the refusal can name them.
job "mesh" {
  multiregion {
    strategy {
      max_parallel = 1
    }
    region "west" {
      count       = 2
      datacenters = ["west-1"]
    }
  }
  group "api" {
    network {
      mode = "bridge"
    }
    volume "db" {
      type            = "csi"
      source          = "db"
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime"]
      }
    }
    service {
      name = "api"
      port = "9001"
      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "db"
              local_bind_port  = 5432
            }
          }
        }
        sidecar_task {
          resources {
            cpu = 50
          }
        }
      }
    }
    task "api" {
      driver = "docker"
      csi_plugin {
        id             = "p"
        type           = "node"
        health_timeout = "30s"
      }
    }
  }
}
