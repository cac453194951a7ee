/*
 * process.h: a call of process.
 */
#ifndef WF_PROCESS_H
#define WF_PROCESS_H

#include "script.h"

/* An error's text ends in a header of a dead letter: so much says what happened and where. */
#define WF_TEXT_MAX 4096

static void wf_failure_text(JSContext *ctx, JSValueConst exception, uint32_t i) {
    wf_row *r = wf_row_at(i);
    size_t n;
    JSValue text = JS_DupValue(ctx, exception);
    JSValue told = wf_ask("told", 1, &text);
    if (JS_IsException(told)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        told = JS_ToString(ctx, exception);
    }
    const char *s = JS_IsException(told) ? NULL : JS_ToCStringLen(ctx, &n, told);
    if (!s) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        s = "the script threw what has no text";
        n = strlen(s);
        if (wf_put(s, (uint32_t)n, &r->error)) r->error_length = (uint32_t)n;
        return;
    }
    if (n > WF_TEXT_MAX) n = WF_TEXT_MAX;
    while (n && ((uint8_t)s[n] & 0xC0) == 0x80) n--; /* not within a character */
    if (wf_put(s, (uint32_t)n, &r->error)) r->error_length = (uint32_t)n;
    JS_FreeCString(ctx, s);
    JS_FreeValue(ctx, told);
}

/* wf_failed puts the exception in the place of what the record emitted. */
static bool wf_failed(uint32_t parent, wf_mark before) {
    static const char interrupted[] = "interrupted: the record takes more steps than "
                                      "plugin({limits: {steps}}) allows";
    static const char starved[] = "out of memory, and none left for the stack";
    JSContext *ctx = engine.context;
    JSValue exception = JS_GetException(ctx);
    bool late = engine.steps > engine.steps_max;
    engine.steps = 0; /* telling the failure is work as well */
    wf_forget(ctx);
    wf_let_go(ctx); /* what is thrown may be asked by its own code, which is to emit nothing now */
    wf_take_back(before);
    wf_row *r = wf_add(parent);
    if (!r) {
        JS_FreeValue(ctx, exception);
        return false;
    }
    *r = (wf_row){.status = WF_ERROR, .parent = parent, .timestamp = WF_NO_TIMESTAMP,
                  .target = WF_NONE, .partition = -1, .bucket = WF_NONE};
    JSValue code = JS_IsObject(exception) ? JS_GetPropertyStr(ctx, exception, "wasmflowCode")
                                          : JS_UNDEFINED;
    if (JS_IsNumber(code)) JS_ToUint32(ctx, &r->error_code, code);
    else if (JS_IsException(code)) JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeValue(ctx, code);
    const char *known = late ? interrupted : engine.starved && JS_IsNull(exception) ? starved : NULL;
    engine.starved = false;
    if (known) {
        uint32_t n = (uint32_t)strlen(known);
        if (wf_put(known, n, &r->error)) r->error_length = n;
    } else {
        wf_failure_text(ctx, exception, out.rows.count - 1);
    }
    out.columns |= 1u << WF_COLUMN_ERROR;
    JS_FreeValue(ctx, exception);
    return true;
}

/* ---- batches ---- */

static void wf_mark_progress(uint32_t i) {
    *(volatile uint32_t *)&wf_frame_of()->progress = i; /* the host reads it when the call traps */
    engine.steps = 0;
    engine.starved = false;
}

static JSValue wf_batch_self(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    return JS_DupValue(ctx, self);
}

/* wf_batch_next takes up the next record, which ends the work on the one before. */
static JSValue wf_batch_next(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv,
                             int *done, int magic) {
    *done = true;
    if (!batch.open) return JS_UNDEFINED;
    if (batch.taken && wf_full()) return JS_UNDEFINED;
    while (batch.next < wf_frame_of()->count && wf_entry_at(batch.next)->kind != WF_KIND_DATA)
        batch.next++;
    if (batch.next >= wf_frame_of()->count) return JS_UNDEFINED;
    if (!wf_take_up(ctx, batch.next)) return JS_EXCEPTION;
    batch.before = wf_marked();
    batch.taken = true;
    wf_mark_progress(batch.next++);
    *done = false;
    return JS_DupValue(ctx, at_hand.object);
}

/* wf_process_batch calls a batch function until it has worked on all records, or enough of them.
 * When it throws, the record at hand fails, and it is called anew for those behind it. */
static bool wf_process_batch(const wf_function *f, uint32_t *i) {
    JSContext *ctx = engine.context;
    uint32_t count = wf_frame_of()->count;
    batch.next = *i;
    batch.open = true;
    bool ok = true;
    while (ok && batch.next < count && !wf_full()) {
        batch.taken = false;
        batch.before = wf_marked();
        uint32_t first = batch.next;
        JSValueConst argv[] = {batch.object, emit.object};
        JSValue v = wf_settle(ctx, JS_Call(ctx, f->call, JS_UNDEFINED, 2, argv));
        bool threw = JS_IsException(v);
        JS_FreeValue(ctx, v);
        if (!batch.taken && batch.next < count) {
            /* It would be called for ever. */
            batch.next = first + 1;
            if (!threw) JS_ThrowTypeError(ctx, "the batch function took no record");
            ok = wf_failed(first, batch.before);
        } else if (threw) {
            ok = wf_failed(batch.next - 1, batch.before);
        }
        wf_let_go(ctx);
    }
    batch.open = false;
    *i = batch.next;
    return ok;
}

/* ---- records ---- */

/* wf_answer_of makes a row of what a partitioner or bucketer returned. */
static int wf_answer_of(JSContext *ctx, const wf_function *f, JSValueConst v) {
    uint32_t i;
    if (wf_new_row(ctx, &i) < 0) return -1;
    if (f->role == WF_BUCKETER) {
        uint32_t bucket;
        if (wf_set_name(ctx, v, WF_COLUMN_BUCKET, &bucket) < 0) return -1;
        wf_row_at(i)->bucket = bucket;
        return 0;
    }
    int32_t partition;
    if (wf_partition_of(ctx, v, &partition) < 0) return -1;
    wf_row_at(i)->partition = partition;
    return 0;
}

static int wf_call(const wf_function *f, uint32_t i) {
    JSContext *ctx = engine.context;
    if (!wf_take_up(ctx, i)) return -1;
    uint32_t partitions = 0;
    if (f->role == WF_PARTITIONER && in.partition_count.stride)
        partitions = *(const uint32_t *)wf_row_of(&in.partition_count, i);
    JSValueConst argv[] = {
        at_hand.object,
        f->role == WF_PARTITIONER ? JS_NewUint32(ctx, partitions) : (JSValue)emit.object,
    };
    int argc = f->role == WF_BUCKETER ? 1 : 2;
    JSValue v = wf_settle(ctx, JS_Call(ctx, f->call, JS_UNDEFINED, argc, argv));
    int result = JS_IsException(v) ? -1 : 0;
    if (result == 0 && (f->role == WF_PARTITIONER || f->role == WF_BUCKETER))
        result = wf_answer_of(ctx, f, v);
    JS_FreeValue(ctx, v);
    return result;
}

/* wf_end_stream adds the last row of a split. */
static bool wf_end_stream(uint32_t i) {
    wf_row *r = wf_add(i);
    if (!r) return false;
    r->status = WF_END_OF_STREAM;
    r->flags = 0;
    return true;
}

/* wf_process_records calls a function record by record. It stops behind a record where the output
 * is large enough, and at one that wants to go on. */
static bool wf_process_records(const wf_function *f, uint32_t *i, uint64_t cursor) {
    uint32_t count = wf_frame_of()->count;
    for (bool ok = true; *i < count; ++*i, cursor = 0) {
        if (wf_entry_at(*i)->kind != WF_KIND_DATA) continue;
        wf_mark_progress(*i);
        wf_mark before = wf_marked();
        emit.cursor = cursor;
        emit.more = emit.ended = false;
        int result = wf_call(f, *i);
        if (result == 0 && emit.more) {
            if (out.rows.count > before.rows) return true;
            JS_ThrowTypeError(engine.context, "more was asked for before anything was emitted");
            result = -1;
        }
        emit.more = false;
        if (result < 0) ok = wf_failed(*i, before);
        else if (emit.ended) ok = wf_end_stream(*i);
        if (!ok) return false;
        if (wf_full()) {
            ++*i;
            return true;
        }
    }
    return true;
}

/* wf_seed seeds Math.random: the same for the same call, another for each. */
static uint64_t wf_seed(uint64_t seed, uint32_t first, uint64_t cursor) {
    uint64_t h = seed ^ first * 0x9e3779b97f4a7c15u ^ cursor * 0xc2b2ae3d27d4eb4fu;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    h ^= h >> 33;
    return h ? h : 1;
}

WF_EXPORT("wasmflow_process")
wf_answer *wf_process(uint32_t function, uint32_t first, uint64_t cursor) {
    const char *problem = wf_frame_problem(first);
    if (problem) return wf_refuse(WF_CALL_BAD_FRAME, problem);
    if (function >= engine.functions_count)
        return wf_refuse(WF_CALL_NO_FUNCTION, "no such function");
    const wf_function *f = &engine.functions[function];
    engine.context->random_state = wf_seed(wf_frame_of()->seed, first, cursor);
    wf_begin_output();
    emit.outputs = f->outputs;
    emit.batch = f->batch;
    emit.deserializer = f->role == WF_DESERIALIZER;
    emit.more = false;
    uint32_t i = first;
    bool ok = f->batch ? wf_process_batch(f, &i) : wf_process_records(f, &i, cursor);
    wf_let_go(engine.context);
    wf_frame_of()->progress = WF_NONE;
    if (!ok) return wf_refuse(WF_CALL_BROKE, wf_no_memory);
    return wf_finish(i, emit.more, emit.next);
}

#endif
