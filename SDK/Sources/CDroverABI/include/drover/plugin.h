// Drover plug-in ABI: the entry point, the plug-in's table and its static manifest.
//
// A plug-in is a shared library that exports ONE function, `drover_plugin_entry`. The host reads the manifest without
// loading the library, loads it, calls the entry, checks the table field by field, calls `create` with the operator's
// configuration, and asks the instance for interfaces by id. One library may offer several interfaces; the host may
// create several instances. Drivers and fingerprinters normally run in a process of their own, schedulers in the
// agent; a plug-in cannot tell and need not care.
#ifndef DROVER_PLUGIN_H
#define DROVER_PLUGIN_H

#include "abi_hash.h"
#include "types.h"

// The version is 0 while the ABI is a draft: then DROVER_ABI_HASH of both sides must be equal, so rebuild plug-ins
// with the agent. From version 1 on the hash is not compared and older plug-ins keep loading.
#define DROVER_ABI_VERSION 0
#define DROVER_ABI_MAGIC 0x31305245564f5244ULL  // "DROVER01" in little-endian memory
#define DROVER_ENTRY_SYMBOL "drover_plugin_entry"
#define DROVER_MANIFEST_SECTION ".drover.manifest"

DROVER_BEGIN

struct drover_host;

// What a library is. Static: lives as long as the library is loaded.
typedef struct drover_plugin {
    uint32_t size;
    uint32_t abi_version;      // DROVER_ABI_VERSION
    uint64_t magic;            // DROVER_ABI_MAGIC
    drover_text abi_hash;      // DROVER_ABI_HASH
    drover_text manifest;      // byte for byte what the section .drover.manifest holds
    // Make an instance. `host` is this instance's own table and stays valid, as do all tables got from it, until the
    // process ends; after `destroy` they answer DROVER_E_REVOKED. `config` is a JSON object, already checked against
    // "config_schema" of the manifest ({} when the operator wrote none). Stores the instance, owned by the plug-in, in
    // `*instance`. Allocate, parse, no more: threads, sockets and probing belong to the first interface call.
    // Errors: DROVER_E_INVALID (a configuration value, with its key), others as apt; message to `error`.
    // [any, within 5 s]  since draft 1
    int32_t (*DROVER_NULLABLE create)(const struct drover_host *host, drover_text config, drover_sink error,
                                      void *DROVER_NULLABLE *DROVER_NULLABLE instance);
    // The table for `id` (such as "drover.driver/1", NUL-terminated, compare with strcmp), or null when the plug-in
    // does not offer it. The table is static; its functions take `instance` as `self`. [quick]  since draft 1
    const void *DROVER_NULLABLE (*DROVER_NULLABLE get_interface)(void *DROVER_NULLABLE instance, const char *id);
    // End an instance: complete every open call with DROVER_E_CANCELLED, stop own threads, free. TASKS KEEP RUNNING:
    // another instance will `recover` them. Never called while another function of the instance runs.
    // [serial, within 5 s]  since draft 1
    void (*DROVER_NULLABLE destroy)(void *DROVER_NULLABLE instance);
} drover_plugin;

// The one exported symbol. Returns a static table; does nothing else. [any]  since draft 1
DROVER_EXPORT const drover_plugin *DROVER_NULLABLE drover_plugin_entry(void);

DROVER_END

// The manifest: a JSON object in the ELF section .drover.manifest, readable without running code. Keys:
//   "drover_manifest" 1, "abi" number, "abi_hash" text                   written by the macro
//   "name"        what jobs and the operator call it: "raw_exec", "spread-by-rack"; [a-z0-9_-], at most 64 bytes
//   "version"     semantic version
//   "interfaces"  array of ids, each of which get_interface must answer
//   "config_schema"  optional: schema of the operator's plugin { config { } } block
//   "task_schema"    optional, drivers: schema of a job's task { config { } } block
//   "threading"   optional: "any" (default) or "serial": at most one call at a time for the whole instance
//   "licence", "description"  optional text;  "signatures"  optional: interface id -> signature lines (types.h)
// A schema is an object: key -> {"type": T, "required": bool, "default": value, "min": n, "max": n, "values": [...],
// "doc": text}, all but "type" optional. T: "string" "bool" "int" "float" "duration" ("30s", reaches the plug-in as
// nanoseconds) "list(string)" "map(string)" "any", or "block", "list(block)" with "keys": schema: "list(block)" may be
// repeated in a job file. Keys not in the schema are refused with the list of allowed ones. No schema: anything goes.
//
// DROVER_MANIFEST(name, version, interfaces, more): all string literals; `interfaces` is the JSON array, `more` is ""
// or further members beginning with a comma. Defines `drover_manifest_json`; use it once per library.
#define DROVER_STRINGIFY_(x) #x
#define DROVER_STRINGIFY(x) DROVER_STRINGIFY_(x)
#define DROVER_MANIFEST_JSON(name, version, interfaces, more)                                                          \
    "{\"drover_manifest\":1,\"abi\":" DROVER_STRINGIFY(DROVER_ABI_VERSION) ",\"abi_hash\":\"" DROVER_ABI_HASH          \
    "\",\"name\":\"" name "\",\"version\":\"" version "\",\"interfaces\":" interfaces more "}"
#define DROVER_MANIFEST(name, version, interfaces, more)                                                               \
    __attribute__((used, section(DROVER_MANIFEST_SECTION))) static const char drover_manifest_json[] =                 \
        DROVER_MANIFEST_JSON(name, version, interfaces, more)

#endif
