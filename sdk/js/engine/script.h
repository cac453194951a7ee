/*
 * script.h: the engine, its bounds, and the script in it.
 */
#ifndef WF_SCRIPT_H
#define WF_SCRIPT_H

#include "case.h"
#include "emit.h"

/* The source of the module "wasmflow", with a 0 behind it. */
static const char wf_sdk_source[] = {
#embed "../wasmflow.js"
    , 0,
};

/* What the script may take unless it asks for other bounds (plugin({limits})). The host's own hold
 * as well; these end a record with an error and the script's stack, those end the instance. */
#define WF_MEMORY (48u << 20) /* of the 64 MiB an instance has by default */
#define WF_STEPS 400u         /* of ten thousand loops and calls each, for one record */

/* The stack lies at the beginning of memory, 1 MiB of it. So many bytes are left when a script has
 * recursed as deeply as it may: for C, and because the host bounds the stack as well, by its own
 * estimate (limits.stack), and is to find nothing to stop. */
#define WF_STACK_RESERVE (768u << 10)

/* So many promises' jobs are counted as a step. */
#define WF_JOBS_STEP 100u

enum { WF_TRANSFORM, WF_DESERIALIZER, WF_SERIALIZER, WF_PARTITIONER, WF_BUCKETER };

typedef struct {
    JSValue call, outputs;
    int role;
    bool batch;
} wf_function;

#define WF_FUNCTIONS_MAX 256

static struct {
    JSRuntime *runtime;
    JSContext *context;
    JSValue internals;  /* of the module "wasmflow" */
    wf_function functions[WF_FUNCTIONS_MAX];
    uint32_t functions_count;
    char *description;  /* JSON */
    size_t description_length;
    uint32_t steps, steps_max;
    uint32_t memory_max;
    bool starved;       /* memory was refused since the record at hand was taken up */
    void *rejected;     /* a promise that was rejected and that nobody waits for, and with what */
    JSValue unhandled;
    char *refusal;
} engine = {.internals = JS_UNDEFINED, .unhandled = JS_UNINITIALIZED};

WF_IMPORT("log") void wf_host_log(uint32_t level, const char *text, uint32_t length);
WF_IMPORT("metric")
void wf_host_metric(uint32_t kind, const char *name, uint32_t length, double value);

static int wf_interrupt(JSRuntime *rt, void *opaque) { return ++engine.steps > engine.steps_max; }

static void wf_rejected(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled,
                        void *opaque) {
    void *which = JS_VALUE_GET_PTR(promise);
    if (handled ? which != engine.rejected : engine.rejected != NULL) return;
    JS_FreeValue(ctx, engine.unhandled);
    engine.rejected = handled ? NULL : which;
    engine.unhandled = handled ? JS_UNINITIALIZED : JS_DupValue(ctx, reason);
}

/* wf_forget drops what a record left that failed: jobs, and a rejection. */
static void wf_forget(JSContext *ctx) {
    struct list_head *el, *next;
    list_for_each_safe(el, next, &engine.runtime->job_list) {
        JSJobEntry *e = list_entry(el, JSJobEntry, link);
        list_del(&e->link);
        for (int i = 0; i < e->argc; i++) JS_FreeValue(ctx, e->argv[i]);
        js_free(ctx, e);
    }
    JS_FreeValue(ctx, engine.unhandled);
    engine.unhandled = JS_UNINITIALIZED;
    engine.rejected = NULL;
}

/* wf_jobs runs what awaits, and throws what a promise was rejected with that nobody waits for. */
static int wf_jobs(JSContext *ctx, void *awaited) {
    JSContext *of;
    int result;
    uint32_t jobs = 0;
    while ((result = JS_ExecutePendingJob(engine.runtime, &of)) > 0) {
        if (++jobs % WF_JOBS_STEP || !wf_interrupt(engine.runtime, NULL)) continue;
        JS_ThrowInternalError(ctx, "interrupted");
        return -1;
    }
    if (result < 0 || !engine.rejected || engine.rejected == awaited) return result;
    engine.rejected = NULL;
    JS_Throw(ctx, engine.unhandled);
    engine.unhandled = JS_UNINITIALIZED;
    return -1;
}

/* wf_settle makes of the promise of an asynchronous function what it was kept with. It takes v. */
static JSValue wf_settle(JSContext *ctx, JSValue v) {
    if (JS_IsException(v)) return v;
    bool promise = JS_IsPromise(v);
    bool busy = JS_IsJobPending(engine.runtime) || engine.rejected;
    if (busy && wf_jobs(ctx, promise ? JS_VALUE_GET_PTR(v) : NULL) < 0) {
        JS_FreeValue(ctx, v);
        return JS_EXCEPTION;
    }
    if (!promise) return v;
    JSValue settled;
    switch (JS_PromiseState(ctx, v)) {
    case JS_PROMISE_FULFILLED: settled = JS_PromiseResult(ctx, v); break;
    case JS_PROMISE_REJECTED: settled = JS_Throw(ctx, JS_PromiseResult(ctx, v)); break;
    default:
        settled = JS_ThrowTypeError(ctx, "waits for a promise that nothing can keep: "
                                         "there are no timers and no input here");
    }
    JS_FreeValue(ctx, v);
    return settled;
}

/* ---- what the module "wasmflow" asks of the engine ---- */

static JSValue wf_js_log(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    int32_t level;
    size_t n;
    if (JS_ToInt32(ctx, &level, argv[0]) < 0) return JS_EXCEPTION;
    const char *text = JS_ToCStringLen(ctx, &n, argv[1]);
    if (!text) return JS_EXCEPTION;
    wf_host_log((uint32_t)level, text, (uint32_t)n);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

static JSValue wf_js_metric(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    int32_t kind;
    double value;
    size_t n;
    if (JS_ToInt32(ctx, &kind, argv[0]) < 0 || JS_ToFloat64(ctx, &value, argv[2]) < 0)
        return JS_EXCEPTION;
    const char *name = JS_ToCStringLen(ctx, &n, argv[1]);
    if (!name) return JS_EXCEPTION;
    wf_host_metric((uint32_t)kind, name, (uint32_t)n, value);
    JS_FreeCString(ctx, name);
    return JS_UNDEFINED;
}

static JSValue wf_js_sleep(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    double ms;
    if (JS_ToFloat64(ctx, &ms, argv[0]) < 0) return JS_EXCEPTION;
    if (!(ms > 0)) return JS_UNDEFINED;
    double s = floor(ms / 1000);
    if (s > INT32_MAX) return JS_ThrowRangeError(ctx, "cannot sleep for so long");
    struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((ms - s * 1000) * 1e6)};
    nanosleep(&t, NULL);
    return JS_UNDEFINED;
}

/* wf_js_random fills a Uint8Array with what the host draws. */
static JSValue wf_js_random(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    const size_t at_once = 256; /* getentropy takes no more */
    size_t n;
    uint8_t *at = JS_GetUint8Array(ctx, &n, argv[0]);
    if (!at && n) return JS_EXCEPTION;
    for (size_t i = 0; i < n; i += at_once)
        if (getentropy(at + i, n - i < at_once ? n - i : at_once))
            return JS_ThrowInternalError(ctx, "there is no randomness");
    return JS_UNDEFINED;
}

static const JSCFunctionListEntry wf_native_members[] = {
    JS_CFUNC_DEF("log", 2, wf_js_log),
    JS_CFUNC_DEF("metric", 3, wf_js_metric),
    JS_CFUNC_DEF("sleep", 1, wf_js_sleep),
    JS_CFUNC_DEF("random", 1, wf_js_random),
};

/* ---- memory ---- */

/* wf_may_take holds the script to its memory. The engine has a limit of its own, but it holds for
 * the error that says so as well, which is lost then. */
static bool wf_may_take(size_t more) {
    const JSRuntime *rt = engine.runtime;
    if (!rt || rt->in_out_of_memory || rt->malloc_state.malloc_size + more <= engine.memory_max)
        return true;
    engine.starved = true;
    return false;
}

static void *wf_given(void *p) {
    engine.starved |= !p;
    return p;
}

static void *wf_calloc(void *opaque, size_t count, size_t size) {
    return wf_may_take(count * size) ? wf_given(calloc(count, size)) : NULL;
}

static void *wf_malloc(void *opaque, size_t size) {
    return wf_may_take(size) ? wf_given(malloc(size)) : NULL;
}

static void *wf_realloc(void *opaque, void *p, size_t size) {
    size_t had = p ? malloc_usable_size(p) : 0;
    return size <= had || wf_may_take(size - had) ? wf_given(realloc(p, size)) : NULL;
}

static void wf_free(void *opaque, void *p) { free(p); }

static const JSMallocFunctions wf_memory = {
    wf_calloc, wf_malloc, wf_free, wf_realloc, js__malloc_usable_size,
};

/* ---- start ---- */

static JSModuleDef *wf_module(JSContext *ctx, const char *name, void *opaque) {
    if (strcmp(name, "wasmflow")) {
        JS_ThrowReferenceError(ctx, "cannot import \"%s\": a script is packed with what it "
                                    "imports, but for \"wasmflow\" (wasmflow build)", name);
        return NULL;
    }
    JSValue v = JS_Eval(ctx, wf_sdk_source, sizeof wf_sdk_source - 1, name,
                        JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(v)) return NULL;
    JSModuleDef *m = JS_VALUE_GET_PTR(v);
    JS_FreeValue(ctx, v); /* the context keeps modules */
    return m;
}

static char *wf_normalize(JSContext *ctx, const char *base, const char *name, void *opaque) {
    return js_strdup(ctx, name);
}

static bool wf_class(JSContext *ctx, JSClassID *id, const char *name,
                     const JSCFunctionListEntry *members, int n) {
    JSClassDef def = {.class_name = name};
    JS_NewClassID(engine.runtime, id);
    if (JS_NewClass(engine.runtime, *id, &def) < 0) return false;
    JSValue proto = JS_NewObject(ctx);
    if (JS_IsException(proto) || JS_SetPropertyFunctionList(ctx, proto, members, n) < 0)
        return false;
    JS_SetClassProto(ctx, *id, proto);
    return true;
}

static void wf_atoms(JSContext *ctx) {
    emit.key = JS_NewAtom(ctx, "key");
    emit.value = JS_NewAtom(ctx, "value");
    emit.json = JS_NewAtom(ctx, "json");
    emit.headers = JS_NewAtom(ctx, "headers");
    emit.timestamp = JS_NewAtom(ctx, "timestamp");
    emit.target = JS_NewAtom(ctx, "target");
    emit.partition = JS_NewAtom(ctx, "partition");
    emit.output = JS_NewAtom(ctx, "output");
}

/* wf_begin_engine makes the engine, without a script. */
static bool wf_begin_engine(void) {
    engine.memory_max = WF_MEMORY;
    engine.runtime = JS_NewRuntime2(&wf_memory, NULL);
    if (!engine.runtime) return false;
    /* The engine has its check of the stack, but thinks it knows no bounds on WASI. */
    engine.runtime->stack_limit = WF_STACK_RESERVE;
    engine.steps_max = 10 * WF_STEPS; /* to load; the host bounds the start */
    JS_SetInterruptHandler(engine.runtime, wf_interrupt, NULL);
    JS_SetHostPromiseRejectionTracker(engine.runtime, wf_rejected, NULL);
    JS_SetModuleLoaderFunc(engine.runtime, wf_normalize, wf_module, NULL);
    JSContext *ctx = engine.context = JS_NewContext(engine.runtime);
    if (!ctx) return false;
    wf_atoms(ctx);
    if (!wf_case_begin(ctx) ||
        !wf_class(ctx, &at_hand.class, "Record", wf_record_members, countof(wf_record_members)) ||
        !wf_class(ctx, &emit.class, "Emitter", wf_emit_members, countof(wf_emit_members)) ||
        !wf_class(ctx, &batch.class, "Records", wf_batch_members, countof(wf_batch_members)))
        return false;
    emit.object = JS_NewObjectClass(ctx, emit.class);
    batch.object = JS_NewObjectClass(ctx, batch.class);
    return !JS_IsException(emit.object) && !JS_IsException(batch.object);
}

/* wf_import evaluates a module and returns what it exports. */
static JSValue wf_import(JSContext *ctx, const char *source, size_t length, const char *name) {
    JSValue m = JS_Eval(ctx, source, length, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(m)) return m;
    JSModuleDef *def = JS_VALUE_GET_PTR(m);
    JSValue done = wf_settle(ctx, JS_EvalFunction(ctx, m));
    if (JS_IsException(done)) return done;
    JS_FreeValue(ctx, done);
    return JS_GetModuleNamespace(ctx, def);
}

/* wf_ask calls a function of the SDK's internals. */
static JSValue wf_ask(const char *name, int argc, JSValue *argv) {
    JSContext *ctx = engine.context;
    JSValue f = JS_GetPropertyStr(ctx, engine.internals, name);
    JSValue v = JS_IsException(f) ? f : JS_Call(ctx, f, engine.internals, argc, argv);
    JS_FreeValue(ctx, f);
    for (int i = 0; i < argc; i++) JS_FreeValue(ctx, argv[i]);
    return v;
}

static bool wf_begin_sdk(void) {
    JSContext *ctx = engine.context;
    static const char start[] = "export { internals } from 'wasmflow'";
    JSValue exports = wf_import(ctx, start, sizeof start - 1, "<start>");
    if (JS_IsException(exports)) return false;
    engine.internals = JS_GetPropertyStr(ctx, exports, "internals");
    JS_FreeValue(ctx, exports);
    JSValue native = JS_NewObject(ctx);
    if (JS_IsException(native) ||
        JS_SetPropertyFunctionList(ctx, native, wf_native_members, countof(wf_native_members)) < 0)
        return false;
    JSValue used = wf_ask("use", 1, &native);
    JS_FreeValue(ctx, used);
    return !JS_IsException(used);
}

static uint32_t wf_number(JSValueConst o, const char *name) {
    uint32_t n = 0;
    JSValue v = JS_GetPropertyStr(engine.context, o, name);
    JS_ToUint32(engine.context, &n, v); /* the SDK wrote it: it is a number */
    JS_FreeValue(engine.context, v);
    return n;
}

/* wf_table_of takes over the functions the script has registered, and its bounds. */
static bool wf_table_of(JSValueConst loaded) {
    JSContext *ctx = engine.context;
    JSValue list = JS_GetPropertyStr(ctx, loaded, "functions");
    engine.functions_count = wf_number(list, "length");
    for (uint32_t i = 0; i < engine.functions_count && i < WF_FUNCTIONS_MAX; i++) {
        JSValue f = JS_GetPropertyUint32(ctx, list, i);
        engine.functions[i] = (wf_function){
            .call = JS_GetPropertyStr(ctx, f, "call"),
            .outputs = JS_GetPropertyStr(ctx, f, "outputs"),
            .role = (int)wf_number(f, "role"), .batch = wf_number(f, "batch"),
        };
        JS_FreeValue(ctx, f);
    }
    JS_FreeValue(ctx, list);
    if (wf_number(loaded, "memory")) engine.memory_max = wf_number(loaded, "memory");
    engine.steps_max = wf_number(loaded, "steps") ? wf_number(loaded, "steps") : WF_STEPS;
    JSValue text = JS_GetPropertyStr(ctx, loaded, "description");
    engine.description = (char *)JS_ToCStringLen(ctx, &engine.description_length, text);
    JS_FreeValue(ctx, text);
    return engine.description && engine.functions_count <= WF_FUNCTIONS_MAX;
}

/* wf_load evaluates the script: its name, a 0, its text, a 0. */
static bool wf_load(const char *name, uint32_t length) {
    size_t named = strnlen(name, length);
    if (named == length) {
        JS_ThrowSyntaxError(engine.context, "the section holds no script");
        return false;
    }
    const char *source = name + named + 1;
    JSValue exports = wf_import(engine.context, source, length - named - 1, name);
    if (JS_IsException(exports)) return false;
    JS_FreeValue(engine.context, exports);
    JSValue loaded = wf_ask("load", 0, NULL);
    if (JS_IsException(loaded)) return false;
    bool ok = wf_table_of(loaded);
    JS_FreeValue(engine.context, loaded);
    return ok;
}

#endif
