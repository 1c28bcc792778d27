// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

text text_over(char *buffer, size_t size) { return (text){buffer, 0, size, 0}; }

void text_add(text *out, const char *word) {
    while (*word != 0) {
        if (out->length + 1 >= out->size) {
            out->cut = 1;
            return;
        }
        out->bytes[out->length++] = *word++;
    }
}

void text_add_number(text *out, int64_t value) {
    char digits[21];
    size_t count = sizeof digits - 1;
    digits[count] = 0;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--count] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0) text_add(out, "-");
    text_add(out, digits + count);
}

char *text_end(text *out) {
    out->bytes[out->length] = 0;
    return out->bytes;
}

int parse_number(const char *word, int64_t *value) {
    int negative = *word == '-';
    if (negative) word++;
    if (*word == 0) return -1;
    int64_t sum = 0;
    for (; *word != 0; word++) {
        if (*word < '0' || *word > '9') return -1;
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *word - '0', &sum)) return -1;
    }
    *value = negative ? -sum : sum;
    return 0;
}

long read_small_file(const char *path, char *buffer, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t length = 0;
    while (length + 1 < size) {
        ssize_t count = read(fd, buffer + length, size - 1 - length);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        length += (size_t)count;
    }
    close(fd);
    buffer[length] = 0;
    return (long)length;
}

int write_small_file(const char *path, const char *bytes, size_t length) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t count = write(fd, bytes, length);
    close(fd);
    return count == (ssize_t)length ? 0 : -1;
}

uint64_t process_start_time(int pid) {
    char path[40], stat[1024];
    text name = text_over(path, sizeof path);
    text_add(&name, "/proc/");
    text_add_number(&name, pid);
    text_add(&name, "/stat");
    if (read_small_file(text_end(&name), stat, sizeof stat) <= 0) return 0;
    // The second field, the program's name, may hold spaces and parentheses: count fields from its last ")".
    char *field = strrchr(stat, ')');
    if (field == NULL) return 0;
    for (int skipped = 0; skipped < 20; skipped++) {
        field = strchr(field + 1, ' ');
        if (field == NULL) return 0;
    }
    uint64_t ticks = 0;
    for (field++; *field >= '0' && *field <= '9'; field++) ticks = ticks * 10 + (uint64_t)(*field - '0');
    return ticks;
}
