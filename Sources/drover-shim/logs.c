// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "logs.h"

#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// One buffer for both streams: the loop is single-threaded. 16 KiB are four pages of private memory.
static char buffer[16 * 1024];

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void file_name(const log_stream *stream, uint64_t index, char *out, size_t size) {
    text name = text_over(out, size);
    text_add(&name, stream->name);
    text_add(&name, ".");
    text_add_number(&name, (int64_t)index);
    text_end(&name);
}

// The N of `NAME.N`, or -1 when `entry` is another file.
static int64_t index_of(const log_stream *stream, const char *entry) {
    size_t length = strlen(stream->name);
    int64_t index;
    if (strncmp(entry, stream->name, length) != 0 || entry[length] != '.') return -1;
    if (parse_number(entry + length + 1, &index) < 0 || index < 0) return -1;
    return index;
}

// Calls for every file of the stream: finds the highest N, or with `below` > 0 removes every N < below.
static uint64_t scan(log_stream *stream, uint64_t below) {
    uint64_t highest = 0;
    if (lseek(stream->folder, 0, SEEK_SET) < 0) return 0;
    for (;;) {
        // getdents64 into the carry buffer: opendir would allocate 32 KiB.
        long count = syscall(SYS_getdents64, stream->folder, buffer, sizeof buffer);
        if (count <= 0) break;
        for (long at = 0; at < count;) {
            struct directory_entry *entry = (struct directory_entry *)(buffer + at);
            int64_t index = index_of(stream, entry->name);
            if (index >= 0 && (uint64_t)index > highest) highest = (uint64_t)index;
            if (index >= 0 && (uint64_t)index < below) unlinkat(stream->folder, entry->name, 0);
            at += entry->length;
        }
    }
    return highest;
}

static int open_file(log_stream *stream) {
    char name[LOG_NAME_MAX + 32];
    file_name(stream, stream->index, name, sizeof name);
    // O_NOFOLLOW: the folder may be writable by the task, which must not lead a root process elsewhere.
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    stream->file = openat(stream->folder, name, flags, 0644);
    if (stream->file < 0) return -1;
    struct stat status;
    if (fstat(stream->file, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(stream->file);
        stream->file = -1;
        errno = EINVAL;
        return -1;
    }
    stream->bytes = (uint64_t)status.st_size;
    return 0;
}

int log_open(log_stream *stream, int folder, const char *name, uint32_t files_max, uint64_t bytes_max) {
    *stream = (log_stream){.source = -1, .folder = folder, .file = -1, .files_max = files_max, .bytes_max = bytes_max};
    if (strlen(name) + 21 > LOG_NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(stream->name, name, strlen(name) + 1);
    stream->index = scan(stream, 0);
    return 0;
}

static void rotate(log_stream *stream) {
    if (stream->file >= 0) close(stream->file);
    stream->index++;
    if (stream->index >= stream->files_max) scan(stream, stream->index - stream->files_max + 1);
    open_file(stream);
}

// Writes what the file has room for; 0 when nothing could be written.
static size_t write_part(log_stream *stream, const char *bytes, size_t count) {
    uint64_t room = stream->bytes_max > stream->bytes ? stream->bytes_max - stream->bytes : 0;
    size_t part = count < room ? count : (size_t)room;
    ssize_t written = write(stream->file, bytes, part);
    if (written < 0) return 0;
    stream->bytes += (uint64_t)written;
    return (size_t)written;
}

void log_end(log_stream *stream) {
    close(stream->source);
    stream->source = -1;
}

int log_carry(log_stream *stream) {
    for (int turn = 0; turn < 64; turn++) {
        if (stream->file >= 0 && stream->bytes >= stream->bytes_max) rotate(stream);
        if (stream->file < 0) open_file(stream);
        // Never read more than the file has room for: then no unwritten rest exists when the buffer is reused.
        if (stream->file >= 0 && stream->bytes >= stream->bytes_max) continue;
        uint64_t room = stream->file >= 0 ? stream->bytes_max - stream->bytes : sizeof buffer;
        size_t want = room < sizeof buffer ? (size_t)room : sizeof buffer;
        ssize_t count = read(stream->source, buffer, want);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return 1;
        if (count <= 0) {
            log_end(stream);
            return 0;
        }
        for (size_t done = 0; done < (size_t)count;) {
            size_t part = stream->file >= 0 ? write_part(stream, buffer + done, (size_t)count - done) : 0;
            if (part == 0) {
                stream->dropped += (size_t)count - done;
                break;
            }
            done += part;
        }
    }
    return 1;
}
