// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "spec.h"

#include "text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// Where the parser is: the lists under construction share one allocation, argv first, then env, then binds.
typedef struct parser {
    shim_spec *spec;
    char **argv;
    size_t argv_count;
    char **envp;
    size_t env_count;
    drover_spawn_bind *binds;
} parser;

static const char *map_file(int run, shim_spec *spec) {
    int fd = openat(run, "spec", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return "cannot open the file";
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size <= 0) {
        close(fd);
        return "the file is empty";
    }
    if (status.st_size > SPEC_BYTES_MAX) {
        close(fd);
        return "the file is over 4 MiB";
    }
    spec->byte_count = (size_t)status.st_size;
    spec->bytes = mmap(NULL, spec->byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    if (spec->bytes == MAP_FAILED) return "cannot map the file";
    if (spec->bytes[spec->byte_count - 1] != 0) return "the last record has no end";
    return NULL;
}

// One allocation that holds the most pointers the records could need.
static const char *make_lists(parser *state) {
    size_t records = 0, binds = 0;
    shim_spec *spec = state->spec;
    for (char *record = spec->bytes; record < spec->bytes + spec->byte_count; record += strlen(record) + 1) {
        records++;
        if (strncmp(record, "bind=", 5) == 0) binds++;
    }
    if (binds > SPEC_BINDS_MAX) return "more than 256 binds";
    size_t pointers = 2 * (records + 1) * sizeof(char *);
    spec->word_bytes = pointers + binds * sizeof(drover_spawn_bind);
    void *memory = mmap(NULL, spec->word_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return "out of memory";
    spec->words = memory;
    state->argv = spec->words;
    state->envp = spec->words + records + 1;
    state->binds = (drover_spawn_bind *)((char *)memory + pointers);
    return NULL;
}

static const char *take_number(const char *value, int64_t low, int64_t high, int64_t *out) {
    if (parse_number(value, out) < 0 || *out < low || *out > high) return "not a number in range";
    return NULL;
}

static const char *take_limit(shim_spec *spec, char *value) {
    int64_t numbers[3];
    for (int i = 0; i < 3; i++) {
        char *space = strchr(value, ' ');
        if ((i < 2) != (space != NULL)) return "wants three numbers";
        if (space != NULL) *space = 0;
        if (parse_number(value, &numbers[i]) < 0) return "wants three numbers";
        value = space == NULL ? value : space + 1;
    }
    size_t count = spec->spawn.limit_count;
    if (count == SPEC_LIMITS_MAX) return "more than 16 limits";
    spec->limits[count] = (drover_spawn_limit){(int32_t)numbers[0], 0, (uint64_t)numbers[1], (uint64_t)numbers[2]};
    spec->spawn.limit_count++;
    return NULL;
}

static const char *take_bind(parser *state, char *value) {
    int read_only = strncmp(value, "ro ", 3) == 0;
    if (!read_only && strncmp(value, "rw ", 3) != 0) return "wants ro or rw";
    char *tab = strchr(value, '\t');
    if (tab == NULL) return "wants source, tab, target";
    *tab = 0;
    drover_spawn_spec *spawn = &state->spec->spawn;
    state->binds[spawn->bind_count++] = (drover_spawn_bind){value + 3, tab + 1, (uint32_t)read_only, 0};
    return NULL;
}

static const char *take_flag(shim_spec *spec, const char *value, uint32_t flag) {
    if (strcmp(value, "1") != 0) return "wants 1";
    spec->spawn.flags |= flag;
    return NULL;
}

static const char *take_cgroup(const char **list, size_t *count, const char *value) {
    if (*count == SPEC_CGROUPS_MAX) return "more than 16 cgroups";
    list[(*count)++] = value;
    return NULL;
}

// Keys with text values. Returns 1 when `key` is one of them.
static int take_text(parser *state, const char *key, char *value, const char **problem) {
    shim_spec *spec = state->spec;
    if (strcmp(key, "argv") == 0) state->argv[state->argv_count++] = value;
    else if (strcmp(key, "env") == 0) state->envp[state->env_count++] = value;
    else if (strcmp(key, "id") == 0) spec->id = value;
    else if (strcmp(key, "path") == 0) spec->spawn.path = value;
    else if (strcmp(key, "cwd") == 0) spec->spawn.cwd = value;
    else if (strcmp(key, "network") == 0) spec->spawn.network = value;
    else if (strcmp(key, "root") == 0) spec->spawn.root = value;
    else if (strcmp(key, "hostname") == 0) spec->spawn.hostname = value;
    else if (strcmp(key, "log_dir") == 0) spec->log_dir = value;
    else if (strcmp(key, "log_stdout") == 0) spec->log_names[0] = value;
    else if (strcmp(key, "log_stderr") == 0) spec->log_names[1] = value;
    else if (strcmp(key, "cgroup") == 0) *problem = take_cgroup(spec->cgroups, &spec->own_cgroup_count, value);
    else if (strcmp(key, "cgroup_join") == 0) *problem = take_cgroup(spec->joined, &spec->joined_count, value);
    else if (strcmp(key, "bind") == 0) *problem = take_bind(state, value);
    else if (strcmp(key, "limit") == 0) *problem = take_limit(spec, value);
    else if (strcmp(key, "mount_proc") == 0) *problem = take_flag(spec, value, DROVER_SPAWN_MOUNT_PROC);
    else if (strcmp(key, "no_new_privs") == 0) *problem = take_flag(spec, value, DROVER_SPAWN_NO_NEW_PRIVS);
    else if (strcmp(key, "root_tmpfs") == 0) *problem = take_flag(spec, value, DROVER_SPAWN_ROOT_TMPFS);
    else if (strcmp(key, "no_pivot") == 0) *problem = take_flag(spec, value, DROVER_SPAWN_NO_PIVOT);
    else if (strcmp(key, "seccomp") == 0) *problem = take_flag(spec, value, DROVER_SPAWN_SECCOMP);
    else return 0;
    return 1;
}

// Keys with one number.
static const char *take_numeric(shim_spec *spec, const char *key, const char *value) {
    static const struct { const char *key; int64_t low, high; } table[] = {
        {"uid", 0, UINT32_MAX - 1ll}, {"gid", 0, UINT32_MAX - 1ll}, {"group", 0, UINT32_MAX - 1ll},
        {"oom_score_adj", -1000, 1000}, {"namespaces", 0, INT64_MAX}, {"capabilities", 0, INT64_MAX},
        {"log_files_max", 1, 1000}, {"log_bytes_max", 1, 1ll << 40},
    };
    size_t row = 0, rows = sizeof table / sizeof table[0];
    while (row < rows && strcmp(table[row].key, key) != 0) row++;
    if (row == rows) return "unknown key";
    int64_t number;
    const char *problem = take_number(value, table[row].low, table[row].high, &number);
    if (problem != NULL) return problem;
    drover_spawn_spec *spawn = &spec->spawn;
    switch (row) {
    case 0: spawn->uid = (uint32_t)number; spawn->flags |= DROVER_SPAWN_USER; break;
    case 1: spawn->gid = (uint32_t)number; break;
    case 2:
        if (spawn->group_count == SPEC_GROUPS_MAX) return "more than 64 groups";
        spec->groups[spawn->group_count++] = (uint32_t)number;
        break;
    case 3: spawn->oom_score_adj = (int32_t)number; spawn->flags |= DROVER_SPAWN_OOM_SCORE; break;
    case 4: spawn->namespaces = (uint64_t)number; break;
    case 5: spawn->capabilities = (uint64_t)number; spawn->flags |= DROVER_SPAWN_CAPABILITIES; break;
    case 6: spec->log_files_max = (uint32_t)number; break;
    default: spec->log_bytes_max = (uint64_t)number; break;
    }
    return NULL;
}

static const char *take_records(parser *state, const char **key) {
    char *record = state->spec->bytes, *stop = record + state->spec->byte_count;
    *key = "header";
    if (strcmp(record, "drover-shim-spec 1") != 0) return "not a launch specification of version 1";
    for (record += strlen(record) + 1; record < stop;) {
        char *next = record + strlen(record) + 1;
        *key = record;
        if (strcmp(record, "end") == 0) return next == stop ? NULL : "records after the end";
        char *value = strchr(record, '=');
        if (value == NULL) return "no value";
        *value++ = 0;
        const char *problem = NULL;
        if (!take_text(state, record, value, &problem)) problem = take_numeric(state->spec, record, value);
        if (problem != NULL) return problem;
        record = next;
    }
    *key = "end";
    return "missing: the file is torn";
}

// What no single record can be blamed for.
static const char *check(const parser *state, const char **key) {
    const shim_spec *spec = state->spec;
    *key = "id";
    if (spec->id == NULL) return "missing";
    *key = "path";
    if (spec->spawn.path == NULL || spec->spawn.path[0] != '/') return "wants an absolute path";
    *key = "argv";
    if (state->argv_count == 0) return "missing";
    *key = "root_tmpfs";
    if ((spec->spawn.flags & DROVER_SPAWN_ROOT_TMPFS) != 0 && spec->spawn.root == NULL) return "wants root";
    for (int i = 0; i < 2; i++) {
        *key = i == 0 ? "log_stdout" : "log_stderr";
        if (spec->log_dir != NULL && spec->log_names[i] == NULL) return "missing, though log_dir is set";
        if (spec->log_names[i] != NULL && strchr(spec->log_names[i], '/') != NULL) return "holds a slash";
    }
    return NULL;
}

const char *spec_read(int run, shim_spec *spec, const char **key) {
    *spec = (shim_spec){.log_files_max = 10, .log_bytes_max = 10u << 20};
    spec->spawn.join_pidfd = -1;
    parser state = {.spec = spec};
    *key = "spec";
    const char *problem = map_file(run, spec);
    if (problem == NULL) problem = make_lists(&state);
    if (problem == NULL) problem = take_records(&state, key);
    if (problem != NULL) return problem;
    spec->spawn.argv = state.argv;
    spec->spawn.envp = state.envp;
    spec->spawn.binds = state.binds;
    spec->spawn.cgroups = spec->cgroups;
    spec->spawn.groups = spec->groups;
    spec->spawn.limits = spec->limits;
    for (size_t i = 0; i < spec->joined_count; i++) spec->cgroups[spec->own_cgroup_count + i] = spec->joined[i];
    spec->spawn.cgroup_count = spec->own_cgroup_count + spec->joined_count;
    return check(&state, key);
}

void spec_forget_words(shim_spec *spec) {
    munmap(spec->words, spec->word_bytes);
    spec->words = NULL;
    spec->spawn.argv = NULL;
    spec->spawn.envp = NULL;
    spec->spawn.binds = NULL;
}
