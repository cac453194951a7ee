/* What the hostile guests have in common. Define WF_NAME, WF_VERSION and WF_FUNCTIONS first. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "../../uppercase-c/src/wasmflow.h"

#define WASI_IMPORT(name) \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

static int begins(const wf_record *r, const char *with) {
    uint32_t n = wf_length(with);
    if (r->value_length < n) return 0;
    for (uint32_t i = 0; i < n; i++)
        if (r->value[i] != (uint8_t)with[i]) return 0;
    return 1;
}

#endif
