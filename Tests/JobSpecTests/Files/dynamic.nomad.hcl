# Everything that computes: typed variables, locals, for, dynamic blocks, functions, templates.
variables {
  prefix = "svc"
}

variable "shards" {
  type = list(object({
    name = string
    port = optional(number, 9000)
    env  = optional(map(string), {})
  }))
  default = [
    { name = "a", port = 9001, env = { ROLE = "primary" } },
    { name = "b" },
  ]
}

variable "replicas" {
  type        = number
  description = "How many instances of each shard."
  validation {
    condition     = var.replicas > 0 && var.replicas < 10
    error_message = "Replicas must be 1 to 9."
  }
}

locals {
  names = [for s in var.shards : upper(s.name)]
  ports = { for s in var.shards : s.name => s.port }
  total = length(var.shards) * var.replicas
}

job "shards" {
  id   = format("%s-%02d", var.prefix, local.total)
  type = local.total > 3 ? "service" : "batch"

  dynamic "group" {
    for_each = var.shards
    iterator = shard
    labels   = ["shard-${shard.value.name}"]

    content {
      count = var.replicas

      network {
        dynamic "port" {
          for_each = ["main_${shard.key}"]
          labels   = [port.value]
          content {
            static = local.ports[shard.value.name]
          }
        }
      }

      task "run" {
        driver = "raw_exec"
        env    = merge(shard.value.env, { SHARD = shard.value.name, INDEX = shard.key })
        config {
          command = "/bin/run"
          args    = concat(["--all", join(",", local.names)], shard.key == 0 ? ["--first"] : [])

          dynamic "mount" {
            for_each = { "/a" = "ro", "/b" = "rw" }
            content {
              target = mount.key
              mode   = mount.value
              source = "${NOMAD_TASK_DIR}${mount.key}"
            }
          }
        }
        template {
          destination = "local/peers"
          data        = <<EOT
%{ for name in local.names ~}
peer ${name} $${literal} {{ env "X" }}
%{ endfor ~}
EOT
        }
      }
    }
  }
}
