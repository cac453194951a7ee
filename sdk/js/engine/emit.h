/*
 * emit.h: what the script's functions answer with.
 */
#ifndef WF_EMIT_H
#define WF_EMIT_H

#include "output.h"
#include "record.h"

static struct {
    JSClassID class;
    JSValue object;      /* the emitter, one for all calls */
    uint64_t cursor;     /* of the record at hand, as the host gave it */
    uint64_t next;       /* as given to more */
    bool more, ended;    /* asked for by the record at hand */
    bool batch;          /* a batch function runs */
    bool deserializer;
    JSAtom key, value, json, headers, timestamp, target, partition, output;
    JSValue outputs;     /* names of the running function's outputs, an array */
} emit;

static const char wf_no_memory[] = "no memory for the output";

static int wf_out_of_memory(JSContext *ctx) {
    JS_ThrowInternalError(ctx, "%s", wf_no_memory);
    return -1;
}

/* wf_mend makes replacement characters of lone surrogates, which are no UTF-8. Both take three
 * bytes. */
static void wf_mend(uint8_t *p, uint32_t n) {
    for (uint32_t i = 0; i + 2 < n; i++)
        if (p[i] == 0xED && p[i + 1] >= 0xA0) p[i] = 0xEF, p[i + 1] = 0xBF, p[i + 2] = 0xBD;
}

static int wf_put_text(JSContext *ctx, JSValueConst v, uint32_t *offset, uint32_t *length) {
    size_t n;
    bool wide = JS_VALUE_GET_TAG(v) != JS_TAG_STRING || JS_VALUE_GET_STRING(v)->is_wide_char;
    const char *text = JS_ToCStringLen(ctx, &n, v);
    if (!text) return -1;
    bool ok = n <= UINT32_MAX && wf_put(text, (uint32_t)n, offset);
    JS_FreeCString(ctx, text);
    if (!ok) return wf_out_of_memory(ctx);
    *length = (uint32_t)n;
    if (wide) wf_mend((uint8_t *)out.bytes.at + *offset, *length);
    return 0;
}

/* wf_put_value puts a string, bytes or null: 1 is null. */
static int wf_put_value(JSContext *ctx, JSValueConst v, const char *what, uint32_t *offset,
                        uint32_t *length) {
    *offset = *length = 0;
    if (JS_IsNull(v)) return 1;
    if (JS_IsString(v)) return wf_put_text(ctx, v, offset, length);
    uint8_t *at = NULL;
    size_t n = 0;
    if (JS_GetTypedArrayType(v) == JS_TYPED_ARRAY_UINT8) at = JS_GetUint8Array(ctx, &n, v);
    else if (JS_IsArrayBuffer(v)) at = JS_GetArrayBuffer(ctx, &n, v);
    else {
        JS_ThrowTypeError(ctx, "the %s must be a string, a Uint8Array or null", what);
        return -1;
    }
    if (!at && n) return -1;
    if (n > UINT32_MAX || !wf_put(at, (uint32_t)n, offset)) return wf_out_of_memory(ctx);
    *length = (uint32_t)n;
    return 0;
}

static int wf_set_key(JSContext *ctx, uint32_t i, JSValueConst v) {
    uint32_t offset, length;
    int null = wf_put_value(ctx, v, "key", &offset, &length);
    if (null < 0) return -1;
    wf_row *r = wf_row_at(i);
    r->flags = (r->flags & ~WF_SAME_KEY) | (null ? WF_NULL_KEY : 0);
    r->key = offset;
    r->key_length = length;
    out.size += length;
    return 0;
}

static int wf_set_value(JSContext *ctx, uint32_t i, JSValueConst v) {
    uint32_t offset, length;
    int null = wf_put_value(ctx, v, "value", &offset, &length);
    if (null < 0) return -1;
    wf_row *r = wf_row_at(i);
    r->flags = (r->flags & ~WF_SAME_VALUE) | (null ? WF_NULL_VALUE : 0);
    r->value = offset;
    r->value_length = length;
    out.size += length;
    return 0;
}

static int wf_set_json(JSContext *ctx, uint32_t i, JSValueConst v) {
    JSValue text = JS_JSONStringify(ctx, v, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text)) return -1;
    int result = -1;
    if (JS_IsString(text)) result = wf_set_value(ctx, i, text);
    else JS_ThrowTypeError(ctx, "the value has no form as JSON");
    JS_FreeValue(ctx, text);
    return result;
}

static int wf_set_timestamp(JSContext *ctx, uint32_t i, JSValueConst v) {
    int64_t ms = WF_NO_TIMESTAMP;
    if (JS_IsBigInt(v)) {
        if (JS_ToBigInt64(ctx, &ms, v) < 0) return -1;
    } else if (!JS_IsNull(v)) {
        double d;
        if (!JS_IsNumber(v) || JS_ToFloat64(ctx, &d, v) < 0 || !(fabs(d) <= MAX_SAFE_INTEGER) ||
            d != trunc(d)) {
            JS_ThrowTypeError(ctx, "the timestamp must be whole milliseconds, or null");
            return -1;
        }
        ms = (int64_t)d;
    }
    wf_row *r = wf_row_at(i);
    r->flags &= ~WF_SAME_TIMESTAMP;
    r->timestamp = ms;
    out.columns |= 1u << WF_COLUMN_TIMESTAMP;
    return 0;
}

static int wf_put_header(JSContext *ctx, JSValueConst pair) {
    wf_header h = {0};
    JSValue key = JS_GetPropertyUint32(ctx, pair, 0);
    JSValue value = JS_GetPropertyUint32(ctx, pair, 1);
    int result = -1;
    if (!JS_IsString(key) || JS_IsUndefined(value)) {
        JS_ThrowTypeError(ctx, "a header must be [key, value], key a string");
    } else if (wf_put_text(ctx, key, &h.key_offset, &h.key_length) == 0) {
        result = wf_put_value(ctx, value, "header's value", &h.value_offset, &h.value_length);
        if (result == 1) h.value_length = WF_NONE;
    }
    JS_FreeValue(ctx, key);
    JS_FreeValue(ctx, value);
    if (result < 0) return -1;
    if (!wf_grow(&out.headers, 1, sizeof h)) return wf_out_of_memory(ctx);
    ((wf_header *)out.headers.at)[out.headers.count++] = h;
    return 0;
}

static int wf_set_headers(JSContext *ctx, uint32_t i, JSValueConst list) {
    int64_t n;
    if (!JS_IsArray(list)) {
        JS_ThrowTypeError(ctx, "headers must be a list of [key, value]");
        return -1;
    }
    if (JS_GetLength(ctx, list, &n) < 0) return -1;
    wf_headers h = {.first = out.headers.count, .count = (uint32_t)n};
    for (uint32_t k = 0; k < h.count; k++) {
        JSValue pair = JS_GetPropertyUint32(ctx, list, k);
        int result = JS_IsException(pair) ? -1 : wf_put_header(ctx, pair);
        JS_FreeValue(ctx, pair);
        if (result < 0) return -1;
    }
    wf_row *r = wf_row_at(i);
    r->flags &= ~WF_SAME_HEADERS;
    r->headers = h;
    out.columns |= 1u << WF_COLUMN_HEADERS;
    return 0;
}

/* wf_set_name sets a target or bucket. */
static int wf_set_name(JSContext *ctx, JSValueConst v, uint32_t column, uint32_t *index) {
    size_t n;
    if (!JS_IsString(v)) {
        JS_ThrowTypeError(ctx, "a %s must be a string",
                          column == WF_COLUMN_BUCKET ? "bucket" : "target");
        return -1;
    }
    const char *text = JS_ToCStringLen(ctx, &n, v);
    if (!text) return -1;
    bool ok = wf_name(text, (uint32_t)n, index);
    JS_FreeCString(ctx, text);
    out.columns |= 1u << column;
    return ok ? 0 : wf_out_of_memory(ctx);
}

static int wf_partition_of(JSContext *ctx, JSValueConst v, int32_t *to) {
    double d;
    if (JS_IsNumber(v) && JS_ToFloat64(ctx, &d, v) == 0 && d >= -1 && d <= INT32_MAX &&
        d == trunc(d)) {
        *to = (int32_t)d;
        out.columns |= 1u << WF_COLUMN_PARTITION;
        return 0;
    }
    JS_ThrowTypeError(ctx, "a partition must be a whole number from 0, or -1 for none");
    return -1;
}

/* wf_output_of finds a named output of the running function. */
static int wf_output_of(JSContext *ctx, JSValueConst v, uint16_t *to) {
    int64_t n = 0;
    if (JS_GetLength(ctx, emit.outputs, &n) < 0) return -1;
    for (uint32_t i = 0; i < n; i++) {
        JSValue name = JS_GetPropertyUint32(ctx, emit.outputs, i);
        bool same = JS_IsStrictEqual(ctx, name, v);
        JS_FreeValue(ctx, name);
        if (same) {
            *to = (uint16_t)(i + 1);
            return 0;
        }
    }
    JS_ThrowTypeError(ctx, "the function is registered with no such output");
    return -1;
}

/* wf_set sets the field called name. A field with the value undefined is as if it were not there.
 * Rows move when their table grows, so they are looked up after the value was read. */
static int wf_set(JSContext *ctx, uint32_t i, JSAtom name, JSValueConst v) {
    if (JS_IsUndefined(v)) return 0;
    if (name == emit.value) return wf_set_value(ctx, i, v);
    if (name == emit.key) return wf_set_key(ctx, i, v);
    if (name == emit.json) return wf_set_json(ctx, i, v);
    if (name == emit.headers) return wf_set_headers(ctx, i, v);
    if (name == emit.timestamp) return wf_set_timestamp(ctx, i, v);
    if (name == emit.partition) {
        int32_t partition;
        if (wf_partition_of(ctx, v, &partition) < 0) return -1;
        wf_row_at(i)->partition = partition;
        return 0;
    }
    if (name == emit.target) {
        uint32_t target;
        if (wf_set_name(ctx, v, WF_COLUMN_TARGET, &target) < 0) return -1;
        wf_row_at(i)->target = target;
        return 0;
    }
    if (name == emit.output) return wf_output_of(ctx, v, &wf_row_at(i)->output);
    const char *text = JS_AtomToCString(ctx, name);
    JS_ThrowTypeError(ctx, "a record has no field %s", text ? text : "");
    JS_FreeCString(ctx, text);
    return -1;
}

/* wf_new_row begins a record of the output. */
static int wf_new_row(JSContext *ctx, uint32_t *i) {
    if (!JS_IsObject(at_hand.object)) {
        JS_ThrowTypeError(ctx, "there is no record at hand to emit for");
        return -1;
    }
    *i = out.rows.count;
    return wf_add(at_hand.index) ? 0 : wf_out_of_memory(ctx);
}

static JSValue wf_emit_forward(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    uint32_t i;
    return wf_new_row(ctx, &i) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* wf_emitted ends an emission: one that threw leaves nothing behind, for a script may catch it. */
static JSValue wf_emitted(wf_mark before, int result) {
    if (result == 0) return JS_UNDEFINED;
    wf_take_back(before);
    return JS_EXCEPTION;
}

static JSValue wf_emit_value(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv,
                             int json) {
    uint32_t i;
    wf_mark before = wf_marked();
    if (wf_new_row(ctx, &i) < 0) return JS_EXCEPTION;
    return wf_emitted(before, (json ? wf_set_json : wf_set_value)(ctx, i, argv[0]));
}

static JSValue wf_emit_fields(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    JSPropertyEnum *fields;
    uint32_t i, n;
    wf_mark before = wf_marked();
    if (!JS_IsObject(argv[0])) return JS_ThrowTypeError(ctx, "emit wants an object");
    if (wf_new_row(ctx, &i) < 0) return JS_EXCEPTION;
    if (JS_GetOwnPropertyNames(ctx, &fields, &n, argv[0], JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return wf_emitted(before, -1);
    int result = 0;
    for (uint32_t k = 0; k < n && result == 0; k++) {
        JSValue v = JS_GetProperty(ctx, argv[0], fields[k].atom);
        result = JS_IsException(v) ? -1 : wf_set(ctx, i, fields[k].atom, v);
        JS_FreeValue(ctx, v);
    }
    JS_FreePropertyEnum(ctx, fields, n);
    return wf_emitted(before, result);
}

static JSValue wf_emit_more(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    int64_t cursor;
    if (emit.batch) return JS_ThrowTypeError(ctx, "a batch function cannot go on with a record");
    if (JS_ToInt64(ctx, &cursor, argv[0]) < 0) return JS_EXCEPTION;
    if (cursor < 0 || cursor > MAX_SAFE_INTEGER)
        return JS_ThrowRangeError(ctx, "a cursor must be a whole number from 0 to 2^53 - 1");
    emit.next = (uint64_t)cursor;
    emit.more = true;
    return JS_UNDEFINED;
}

static JSValue wf_emit_end(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    if (!emit.deserializer)
        return JS_ThrowTypeError(ctx, "only a deserializer can end the stream");
    emit.ended = true;
    return JS_UNDEFINED;
}

static JSValue wf_emit_full(JSContext *ctx, JSValueConst self) {
    return JS_NewBool(ctx, wf_full());
}

static JSValue wf_emit_cursor(JSContext *ctx, JSValueConst self) {
    return JS_NewInt64(ctx, (int64_t)emit.cursor);
}

static const JSCFunctionListEntry wf_emit_members[] = {
    JS_CFUNC_DEF("forward", 0, wf_emit_forward),
    JS_CFUNC_MAGIC_DEF("value", 1, wf_emit_value, 0),
    JS_CFUNC_MAGIC_DEF("json", 1, wf_emit_value, 1),
    JS_CFUNC_DEF("emit", 1, wf_emit_fields),
    JS_CFUNC_DEF("more", 1, wf_emit_more),
    JS_CFUNC_DEF("endOfStream", 0, wf_emit_end),
    JS_CGETSET_DEF("full", wf_emit_full, NULL),
    JS_CGETSET_DEF("cursor", wf_emit_cursor, NULL),
};

#endif
