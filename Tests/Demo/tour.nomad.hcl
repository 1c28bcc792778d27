# One group with a task of each isolating driver side by side; `tour` makes the jar, the image and the disk.
variable "folder" {
  type        = string
  description = "Where guest.img is; an allowed folder of the driver qemu."
}

job "tour" {
  group "side-by-side" {
    task "command" {
      driver = "exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo \"exec: pid $$ of user $(id -u) in ${NOMAD_ALLOC_DIR}\"; exec sleep 3600"]
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }

    task "container" {
      driver = "docker"
      config {
        image   = "drover-tour:1"
        command = "/bin/sh"
        args    = ["-c", "echo \"docker: pid $$ on $(hostname)\"; exec sleep 3600"]
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }

    task "program" {
      driver = "java"
      config {
        jar_path    = "/app/tour.jar"
        jvm_options = ["-Xmx32m"]
      }
      resources {
        cpu    = 100
        memory = 128
      }
    }

    task "machine" {
      driver = "qemu"
      config {
        image_path  = "${var.folder}/guest.img"
        accelerator = "tcg"
        args        = ["-snapshot"]
      }
      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
