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

static uint64_t wf_pack(const void *p, size_t length) {
    return (uint64_t)(uintptr_t)p << 32 | (uint32_t)length;
}

/* wf_refusal makes the JSON of a refusal of the exception, or of the SDK's answer. */
static uint64_t wf_refusal(void) {
    JSContext *ctx = engine.context;
    static const char broken[] = "{\"field\":\"\",\"message\":\"the engine has no memory\"}";
    size_t n;
    if (!ctx) return wf_pack(broken, sizeof broken - 1);
    JSValue exception = JS_GetException(ctx);
    engine.steps = 0;
    JSValue text = JS_IsObject(engine.internals) ? wf_ask("refusal", 1, &exception) : exception;
    engine.refusal = (char *)JS_ToCStringLen(ctx, &n, text);
    JS_FreeValue(ctx, text);
    return engine.refusal ? wf_pack(engine.refusal, n) : wf_pack(broken, sizeof broken - 1);
}

WF_EXPORT("wasmflow_abi_v1") uint32_t wf_abi_v1(void) { return 0; }

WF_EXPORT("wasmflow_script") uint64_t wf_script(char *at, uint32_t length) {
    at[length] = 0; /* there is slack behind the region */
    if (!wf_begin_engine() || !wf_begin_sdk() || !wf_load(at, length)) return wf_refusal();
    return 0;
}

WF_EXPORT("wasmflow_describe") uint64_t wf_describe(void) {
    return wf_pack(engine.description, engine.description_length);
}

WF_EXPORT("wasmflow_open") uint64_t wf_open(const char *json, uint32_t length) {
    JSContext *ctx = engine.context;
    engine.steps = 0;
    JSValue text = JS_NewStringLen(ctx, json, length);
    JSValue refusal = wf_ask("open", 1, &text);
    if (JS_IsException(refusal)) return wf_refusal();
    if (JS_IsNull(refusal)) return 0;
    size_t n;
    engine.refusal = (char *)JS_ToCStringLen(ctx, &n, refusal);
    JS_FreeValue(ctx, refusal);
    return engine.refusal ? wf_pack(engine.refusal, n) : wf_refusal();
}
