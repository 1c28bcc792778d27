// What Swift's module of the C library leaves out: epoll(7), eventfd(2), pipe2(2).
#ifndef DOCKER_SYSTEM_H
#define DOCKER_SYSTEM_H

#include <sys/epoll.h>
#include <sys/eventfd.h>

// A pipe whose ends are closed on exec: ends[0] is read from. 0, or -1 with errno.
int docker_pipe(int ends[2]);

#endif
