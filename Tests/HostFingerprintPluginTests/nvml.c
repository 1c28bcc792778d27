// A stand-in for libnvidia-ml, with the documented layouts, that says what a script says now: the file given to `stand_in_script`,
// else the one that NVML_SCRIPT names. One line a thing, words "key=value"; a name's blanks are written "_":
//   driver 550.54              the driver's version
//   fail 999                   every call fails with this code
//   gpu uuid=GPU-1 name=NVIDIA_H100 bus=00000000:4A:00.0 minor=0 total=81559 used=1024 [busy=7] [ecc=2] [remap=1] [lost=1] [recovery=1]
//   mig uuid=MIG-1 gi=1 ci=0 total=9728 slices=1 [name=...]         an instance of the GPU before
//   xid 79                     of the GPU before, told once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPUS 16
typedef struct { char uuid[80], name[96]; unsigned gi, ci, slices; unsigned long long total, used; } unit;
typedef struct { unit self; char bus[32]; unsigned minor, ecc, remap, lost, parts; int busy, recovery; unit part[8]; unsigned xid; } gpu;

static gpu gpus[GPUS];
static unsigned count, told[GPUS];
static int failure, initialized;
static char driver[80];

static const char *value(const char *line, const char *key) {
    static char text[96];
    char pattern[32];
    snprintf(pattern, sizeof pattern, " %s=", key);
    const char *at = strstr(line, pattern);
    if (!at) return NULL;
    sscanf(at + strlen(pattern), "%95s", text);
    for (char *c = text; *c; c++) if (*c == '_') *c = ' ';
    return text;
}
static unsigned long long number(const char *line, const char *key) {
    const char *text = value(line, key);
    return text ? strtoull(text, NULL, 10) : 0;
}
static void text(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from ? from : ""); }

static void read_unit(unit *u, const char *line) {
    text(u->uuid, sizeof u->uuid, value(line, "uuid"));
    text(u->name, sizeof u->name, value(line, "name"));
    u->total = number(line, "total") << 20;
    u->used = number(line, "used") << 20;
    u->gi = (unsigned)number(line, "gi");
    u->ci = (unsigned)number(line, "ci");
    u->slices = (unsigned)number(line, "slices");
}

static char script[4096];

// Tests that share a process may not change its environment: others read it at the same time.
void stand_in_script(const char *path) { snprintf(script, sizeof script, "%s", path); }

static int read_script(void) {
    const char *path = script[0] ? script : getenv("NVML_SCRIPT");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[512];
    count = 0;
    failure = 0;
    if (!file) return failure = 9; // the driver is not loaded
    while (fgets(line, sizeof line, file)) {
        gpu *last = count ? &gpus[count - 1] : NULL;
        if (strncmp(line, "driver ", 7) == 0) sscanf(line + 7, "%79s", driver);
        if (strncmp(line, "fail ", 5) == 0) failure = atoi(line + 5);
        if (strncmp(line, "xid ", 4) == 0 && last) last->xid = (unsigned)atoi(line + 4);
        if (strncmp(line, "gpu ", 4) == 0 && count < GPUS) {
            gpu *g = &gpus[count++];
            memset(g, 0, sizeof *g);
            read_unit(&g->self, line);
            text(g->bus, sizeof g->bus, value(line, "bus"));
            g->minor = (unsigned)number(line, "minor");
            g->ecc = (unsigned)number(line, "ecc");
            g->remap = (unsigned)number(line, "remap");
            g->lost = (unsigned)number(line, "lost");
            g->recovery = value(line, "recovery") ? (int)number(line, "recovery") : -1;
            g->busy = value(line, "busy") ? (int)number(line, "busy") : -1;
        }
        if (strncmp(line, "mig ", 4) == 0 && last && last->parts < 8) {
            unit *u = &last->part[last->parts++];
            read_unit(u, line);
            if (!u->name[0]) text(u->name, sizeof u->name, last->self.name);
        }
    }
    fclose(file);
    return failure;
}

// A handle is a pointer into `gpus`: to the GPU, or to one of its parts.
static gpu *whole(void *device) { return &gpus[((char *)device - (char *)gpus) / (long)sizeof(gpu)]; }
static int is_part(void *device) { return device != (void *)whole(device); }
static unit *of(void *device) { return is_part(device) ? device : &whole(device)->self; }
static int state(void *device) { return failure ? failure : whole(device)->lost ? 15 : 0; }

int nvmlInit_v2(void) { const int code = read_script(); initialized = code == 0; return code; }
int nvmlShutdown(void) { initialized = 0; return 0; }
const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : code == 9 ? "Driver Not Loaded" : "Unknown Error"; }
int nvmlSystemGetDriverVersion(char *to, unsigned size) { text(to, size, driver); return 0; }
int nvmlDeviceGetCount_v2(unsigned *to) {
    if (!initialized) return 1;
    const int code = read_script();
    *to = count;
    return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **to) {
    if (index >= count) return 2;
    *to = &gpus[index];
    return state(*to);
}
int nvmlDeviceGetUUID(void *d, char *to, unsigned size) { text(to, size, of(d)->uuid); return state(d); }
int nvmlDeviceGetName(void *d, char *to, unsigned size) { text(to, size, of(d)->name); return state(d); }
int nvmlDeviceGetMinorNumber(void *d, unsigned *to) { *to = whole(d)->minor; return 0; }
typedef struct { unsigned long long total, free, used; } memory;
int nvmlDeviceGetMemoryInfo(void *d, memory *m) {
    m->total = of(d)->total;
    m->used = of(d)->used;
    m->free = m->total - m->used;
    return 0;
}
int nvmlDeviceGetBAR1MemoryInfo(void *d, memory *m) {
    (void)d;
    m->total = 256ull << 20;
    m->free = 255ull << 20;
    m->used = 1ull << 20;
    return 0;
}
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char busId[32]; } pci;
int nvmlDeviceGetPciInfo_v3(void *d, pci *p) { memset(p, 0, sizeof *p); text(p->busId, 32, whole(d)->bus); return 0; }
typedef struct { unsigned gpu, memory; } utilization;
int nvmlDeviceGetUtilizationRates(void *d, utilization *u) {
    if (is_part(d) || whole(d)->busy < 0) return 3; // not supported
    u->gpu = (unsigned)whole(d)->busy;
    u->memory = 2;
    return 0;
}
int nvmlDeviceGetMaxClockInfo(void *d, unsigned kind, unsigned *to) { (void)d; *to = kind == 2 ? 2619 : 1980; return 0; }
int nvmlDeviceGetClockInfo(void *d, unsigned kind, unsigned *to) { (void)d; *to = kind == 2 ? 2619 : 345; return 0; }
int nvmlDeviceGetPowerManagementLimit(void *d, unsigned *to) { (void)d; *to = 700000; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *to) { *to = 71500; return is_part(d) ? 3 : 0; }
int nvmlDeviceGetTemperature(void *d, unsigned kind, unsigned *to) { *to = 34 + kind; return is_part(d) ? 3 : 0; }
int nvmlDeviceGetEncoderUtilization(void *d, unsigned *to, unsigned *us) { (void)d; *to = 0; *us = 167000; return 0; }
int nvmlDeviceGetDisplayMode(void *d, unsigned *to) { (void)d; *to = 0; return 0; }
int nvmlDeviceGetPersistenceMode(void *d, unsigned *to) { (void)d; *to = 1; return 0; }
int nvmlDeviceGetEccMode(void *d, unsigned *now, unsigned *later) { (void)d; *now = *later = 1; return 0; }
int nvmlDeviceGetCudaComputeCapability(void *d, int *major, int *minor) { (void)d; *major = 9; *minor = 0; return 0; }
int nvmlDeviceGetMaxPcieLinkGeneration(void *d, unsigned *to) { (void)d; *to = 5; return 0; }
int nvmlDeviceGetMaxPcieLinkWidth(void *d, unsigned *to) { (void)d; *to = 16; return 0; }
int nvmlDeviceGetTotalEccErrors(void *d, unsigned error, unsigned counter, unsigned long long *to) {
    *to = error == 1 && counter == 0 ? whole(d)->ecc : 99;
    return 0;
}
int nvmlDeviceGetMemoryErrorCounter(void *d, unsigned error, unsigned counter, unsigned place, unsigned long long *to) {
    *to = error == 1 && counter == 0 && place == 2 ? whole(d)->ecc : 0;
    return 0;
}
int nvmlDeviceGetRemappedRows(void *d, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
    *corrected = *uncorrected = *pending = 0;
    *failed = whole(d)->remap;
    return 0;
}
typedef struct { unsigned id, scope; long long time, latency; int type, result; union { unsigned number; double real; } value; } field;
int nvmlDeviceGetFieldValues(void *d, int count, field *f) {
    for (int i = 0; i < count; i++) {
        f[i].result = f[i].id == 230 && whole(d)->recovery >= 0 ? 0 : 3;
        f[i].value.number = (unsigned)whole(d)->recovery;
    }
    return 0;
}
int nvmlDeviceGetMigMode(void *d, unsigned *now, unsigned *later) {
    if (is_part(d)) return 3;
    *now = *later = whole(d)->parts > 0;
    return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void *d, unsigned *to) { (void)d; *to = 8; return 0; }
// Every other place is empty, as after instances have been removed.
int nvmlDeviceGetMigDeviceHandleByIndex(void *d, unsigned index, void **to) {
    if (index % 2 || index / 2 >= whole(d)->parts) return 6;
    *to = &whole(d)->part[index / 2];
    return 0;
}
int nvmlDeviceGetGpuInstanceId(void *d, unsigned *to) { *to = of(d)->gi; return 0; }
int nvmlDeviceGetComputeInstanceId(void *d, unsigned *to) { *to = of(d)->ci; return 0; }
typedef struct { unsigned counts[6], gpuSlices, computeSlices; unsigned long long memorySizeMB; } attributes;
int nvmlDeviceGetAttributes_v2(void *d, attributes *a) {
    memset(a, 0, sizeof *a);
    a->gpuSlices = a->computeSlices = of(d)->slices;
    a->memorySizeMB = of(d)->total >> 20;
    return 0;
}
typedef struct { void *device; unsigned long long type, data; unsigned gi, ci; } event;
int nvmlEventSetCreate(void **to) { *to = told; return 0; }
int nvmlEventSetFree(void *set) { (void)set; return 0; }
int nvmlDeviceRegisterEvents(void *d, unsigned long long types, void *set) { (void)d; (void)set; return types & 8 ? 0 : 3; }
int nvmlEventSetWait_v2(void *set, event *e, unsigned timeout) {
    (void)set;
    (void)timeout;
    for (unsigned i = 0; i < count; i++) {
        if (gpus[i].xid == told[i]) continue;
        told[i] = gpus[i].xid;
        if (!told[i]) continue;
        e->device = &gpus[i];
        e->type = 8;
        e->data = told[i];
        return 0;
    }
    return 10; // timeout
}
