/*
 * engine.c: a wasmflow guest that runs a script.
 *
 * It is QuickJS-ng with the guest ABI (abi/SPEC.md) around it. The script is none of the engine's
 * own bytes: the host hands over what stands in the module's section wasmflow.script, so that every
 * script runs in the same engine, which is compiled once.
 *
 * QuickJS-ng is one translation unit with this file: its check of the stack, which it leaves unused
 * on WASI, and its strings of 8 bits are not part of its interface.
 */
#include <time.h>
#include <unistd.h>

#include "quickjs.c"

#include "input.h"
#include "output.h"
#include "record.h"
#include "emit.h"

static JSValue wf_batch_self(JSContext *, JSValueConst, int, JSValueConst *);
static JSValue wf_batch_next(JSContext *, JSValueConst, int, JSValueConst *, int *, int);

/* The records of a call, as a batch function takes them. */
static struct {
    JSClassID class;
    JSValue object;
    uint32_t next;   /* index of the next record */
    bool open;       /* a batch function runs */
    bool taken;      /* it took a record since it was called */
    wf_mark before;  /* the record at hand */
} batch;

static const JSCFunctionListEntry wf_batch_members[] = {
    JS_CFUNC_DEF("[Symbol.iterator]", 0, wf_batch_self),
    JS_ITERATOR_NEXT_DEF("next", 0, wf_batch_next, 0),
};

#include "script.h"
#include "process.h"
#include "refusal.h"

WF_EXPORT("wasmflow_abi_v1") uint32_t wf_abi_v1(void) { return 0; }

WF_EXPORT("wasmflow_script") uint64_t wf_script(char *at, uint32_t length) {
    char late[WF_BOUND_MAX], large[WF_BOUND_MAX];
    at[length] = 0; /* there is slack behind the region */
    if (wf_begin_engine() && wf_begin_sdk() && wf_load(at, length)) return 0;
    snprintf(late, sizeof late, "interrupted: to load it takes more than %u steps of ten thousand "
             "loops and calls", (unsigned)engine.steps_max);
    snprintf(large, sizeof large, "out of memory: it has %u bytes, and to load it takes more than "
             "%u MiB, or than the instance has", (unsigned)length,
             (unsigned)(engine.memory_max >> 20));
    return wf_refusal(late, large);
}

WF_EXPORT("wasmflow_describe") uint64_t wf_describe(void) {
    return wf_pack(engine.description, engine.description_length);
}

WF_EXPORT("wasmflow_open") uint64_t wf_open(const char *json, uint32_t length) {
    static const char late[] = "interrupted: to check the configuration takes more steps than "
                               "plugin({limits: {steps}}) allows";
    static const char large[] = "out of memory: to check the configuration takes more than "
                                "plugin({limits: {memory}}) allows, or than the instance has";
    JSContext *ctx = engine.context;
    engine.steps = 0;
    engine.starved = false;
    JSValue text = JS_NewStringLen(ctx, json, length);
    JSValue refusal = wf_ask("open", 1, &text);
    if (JS_IsException(refusal)) return wf_refusal(late, large);
    if (JS_IsNull(refusal)) return 0;
    size_t n;
    engine.refusal = (char *)JS_ToCStringLen(ctx, &n, refusal);
    JS_FreeValue(ctx, refusal);
    return engine.refusal ? wf_pack(engine.refusal, n) : wf_refusal(late, large);
}
