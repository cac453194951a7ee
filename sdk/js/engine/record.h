/*
 * record.h: the record at hand, as an object of the script.
 *
 * A record is valid while it is at hand, which is the time from the call of the script's function
 * to its return (or, of an asynchronous one, to the end of its promise); in a batch function, until
 * the next one. It holds nothing: what it is asked for is read from the frame then.
 */
#ifndef WF_RECORD_H
#define WF_RECORD_H

#include "input.h"

static struct {
    JSClassID class;
    JSValue object;  /* of the record at hand, or undefined */
    uint32_t index;  /* its index in the frame */
} at_hand = {.object = JS_UNDEFINED};

/* wf_text_kind: 1 for ASCII, 2 for other UTF-8, 0 for bytes that are no UTF-8. */
static int wf_text_kind(const uint8_t *p, uint32_t n) {
    const uint8_t *end = p + n;
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        if (word & 0x8080808080808080u) break;
    }
    while (p < end && *p < 0x80) p++;
    if (p == end) return 1;
    while (p < end) {
        uint8_t c = *p++;
        if (c < 0x80) continue;
        int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        if (c < 0xC2 || c > 0xF4 || end - p < more) return 0;
        if ((c == 0xE0 && *p < 0xA0) || (c == 0xED && *p > 0x9F) || /* too long, a surrogate */
            (c == 0xF0 && *p < 0x90) || (c == 0xF4 && *p > 0x8F))   /* too long, too large */
            return 0;
        while (more--)
            if ((*p++ & 0xC0) != 0x80) return 0;
    }
    return 2;
}

/* wf_text makes a string. What is no UTF-8 is refused: a string that lost bytes looks like one that
 * did not. */
static JSValue wf_text(JSContext *ctx, wf_bytes b, const char *what) {
    if (!b.at) return JS_NULL;
    switch (wf_text_kind(b.at, b.length)) {
    case 1: return js_new_string8_len(ctx, (const char *)b.at, (int)b.length);
    case 2: return JS_NewStringLen(ctx, (const char *)b.at, b.length);
    }
    return JS_ThrowTypeError(ctx, "the %s is no UTF-8; read %sBytes", what, what);
}

static JSValue wf_array(JSContext *ctx, wf_bytes b) {
    return b.at ? JS_NewUint8ArrayCopy(ctx, b.at, b.length) : JS_NULL;
}

/* wf_either makes a string of UTF-8 and bytes of other bytes. */
static JSValue wf_either(JSContext *ctx, wf_bytes b) {
    if (b.at && !wf_text_kind(b.at, b.length)) return wf_array(ctx, b);
    return wf_text(ctx, b, "text");
}

/* wf_this tells whether self is the record at hand, and throws otherwise. */
static bool wf_this(JSContext *ctx, JSValueConst self) {
    if (JS_VALUE_GET_TAG(self) == JS_TAG_OBJECT && JS_IsObject(at_hand.object) &&
        JS_VALUE_GET_PTR(self) == JS_VALUE_GET_PTR(at_hand.object))
        return true;
    JS_ThrowTypeError(ctx, "the record is no longer at hand; take what you need of it in time");
    return false;
}

static JSValue wf_beyond(JSContext *ctx) {
    return JS_ThrowInternalError(ctx, "the frame is damaged: a range ends beyond it");
}

enum { WF_GET_KEY, WF_GET_KEY_BYTES, WF_GET_VALUE, WF_GET_VALUE_BYTES };

static JSValue wf_get_part(JSContext *ctx, JSValueConst self, int magic) {
    wf_bytes b;
    if (!wf_this(ctx, self)) return JS_EXCEPTION;
    bool key = magic == WF_GET_KEY || magic == WF_GET_KEY_BYTES;
    if (!(key ? wf_key : wf_value)(at_hand.index, &b)) return wf_beyond(ctx);
    if (magic == WF_GET_KEY_BYTES || magic == WF_GET_VALUE_BYTES) return wf_array(ctx, b);
    return wf_text(ctx, b, key ? "key" : "value");
}

/* wf_json parses the value where it lies. The parser wants a 0 behind the text: the byte that is
 * there, in the frame or in the slack, is put back afterwards. */
static JSValue wf_json(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
    wf_bytes b;
    if (!wf_this(ctx, self)) return JS_EXCEPTION;
    if (!wf_value(at_hand.index, &b)) return wf_beyond(ctx);
    if (!b.at) return JS_NULL;
    if (!wf_text_kind(b.at, b.length)) return wf_text(ctx, b, "value");
    uint8_t *end = in.region + (b.at - in.region) + b.length;
    uint8_t kept = *end;
    *end = 0;
    JSValue v = JS_ParseJSON(ctx, (const char *)b.at, b.length, "<value>");
    *end = kept;
    return v;
}

static JSValue wf_get_timestamp(JSContext *ctx, JSValueConst self) {
    if (!wf_this(ctx, self)) return JS_EXCEPTION;
    int64_t ms = wf_entry_at(at_hand.index)->timestamp;
    if (ms == WF_NO_TIMESTAMP) return JS_NULL;
    if (ms < -MAX_SAFE_INTEGER || ms > MAX_SAFE_INTEGER) return JS_NewBigInt64(ctx, ms);
    return JS_NewInt64(ctx, ms);
}

static JSValue wf_pair(JSContext *ctx, JSValue a, JSValue b) {
    JSValue pair = JS_NewArray(ctx);
    if (JS_IsException(a) || JS_IsException(b) || JS_IsException(pair)) {
        JS_FreeValue(ctx, a);
        JS_FreeValue(ctx, b);
        JS_FreeValue(ctx, pair);
        return JS_EXCEPTION;
    }
    if (JS_SetPropertyUint32(ctx, pair, 0, a) < 0 || JS_SetPropertyUint32(ctx, pair, 1, b) < 0) {
        JS_FreeValue(ctx, pair);
        return JS_EXCEPTION;
    }
    return pair;
}

/* wf_get_headers makes the list of [key, value] pairs. */
static JSValue wf_get_headers(JSContext *ctx, JSValueConst self) {
    wf_headers h;
    if (!wf_this(ctx, self)) return JS_EXCEPTION;
    if (!in.headers.stride)
        return JS_ThrowTypeError(ctx, "register the function with columns: [\"headers\"]");
    if (!wf_headers_at(at_hand.index, &h)) return wf_beyond(ctx);
    JSValue list = JS_NewArray(ctx);
    for (uint32_t i = 0; i < h.count && !JS_IsException(list); i++) {
        wf_bytes key, value;
        if (!wf_header_at(h.first + i, &key, &value)) {
            JS_FreeValue(ctx, list);
            return wf_beyond(ctx);
        }
        JSValue pair = wf_pair(ctx, JS_NewStringLen(ctx, (const char *)key.at, key.length),
                               wf_either(ctx, value));
        if (JS_IsException(pair) || JS_SetPropertyUint32(ctx, list, i, pair) < 0) {
            JS_FreeValue(ctx, list);
            return JS_EXCEPTION;
        }
    }
    return list;
}

/* wf_get_source makes {split, position, ordinal}: position and ordinal as BigInt. */
static JSValue wf_get_source(JSContext *ctx, JSValueConst self) {
    if (!wf_this(ctx, self)) return JS_EXCEPTION;
    if (!in.source.stride)
        return JS_ThrowTypeError(ctx, "register the function with columns: [\"source\"]");
    wf_source s = *(const wf_source *)wf_row_of(&in.source, at_hand.index);
    wf_bytes split = {NULL, 0};
    if (s.split != WF_NONE && !wf_string_at(s.split, &split)) return wf_beyond(ctx);
    JSValue o = JS_NewObject(ctx);
    if (JS_IsException(o)) return o;
    const struct { const char *name; JSValue v; } fields[] = {
        {"split", wf_either(ctx, split)},
        {"positionHigh", JS_NewBigUint64(ctx, s.position_high)},
        {"positionLow", JS_NewBigUint64(ctx, s.position_low)},
        {"ordinal", JS_NewBigUint64(ctx, s.ordinal)},
    };
    bool broken = false;
    for (size_t i = 0; i < countof(fields); i++)
        broken |= JS_SetPropertyStr(ctx, o, fields[i].name, fields[i].v) < 0;
    if (!broken) return o;
    JS_FreeValue(ctx, o);
    return JS_EXCEPTION;
}

static const JSCFunctionListEntry wf_record_members[] = {
    JS_CGETSET_MAGIC_DEF("key", wf_get_part, NULL, WF_GET_KEY),
    JS_CGETSET_MAGIC_DEF("keyBytes", wf_get_part, NULL, WF_GET_KEY_BYTES),
    JS_CGETSET_MAGIC_DEF("value", wf_get_part, NULL, WF_GET_VALUE),
    JS_CGETSET_MAGIC_DEF("valueBytes", wf_get_part, NULL, WF_GET_VALUE_BYTES),
    JS_CGETSET_DEF("timestamp", wf_get_timestamp, NULL),
    JS_CGETSET_DEF("headers", wf_get_headers, NULL),
    JS_CGETSET_DEF("source", wf_get_source, NULL),
    JS_CFUNC_DEF("json", 0, wf_json),
};

/* wf_take_up makes record i the one at hand, wf_let_go lets the one at hand go. */
static bool wf_take_up(JSContext *ctx, uint32_t i) {
    JSValue object = JS_NewObjectClass(ctx, at_hand.class);
    if (JS_IsException(object)) return false;
    JS_FreeValue(ctx, at_hand.object);
    at_hand.object = object;
    at_hand.index = i;
    return true;
}

static void wf_let_go(JSContext *ctx) {
    JS_FreeValue(ctx, at_hand.object);
    at_hand.object = JS_UNDEFINED;
}

#endif
