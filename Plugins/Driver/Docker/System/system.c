#define _GNU_SOURCE
#include "docker_system.h"

#include <fcntl.h>
#include <unistd.h>

int docker_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
