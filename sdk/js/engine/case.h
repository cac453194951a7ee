/*
 * case.h: upper and lower case of ASCII, which QuickJS looks up letter by letter.
 */
#ifndef WF_CASE_H
#define WF_CASE_H

static bool wf_is_ascii(const uint8_t *p, uint32_t n) {
    uint8_t all = 0;
    for (uint32_t i = 0; i < n; i++) all |= p[i];
    return all < 0x80;
}

static JSValue wf_case(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int lower) {
    if (JS_VALUE_GET_TAG(self) == JS_TAG_STRING) {
        JSString *from = JS_VALUE_GET_STRING(self);
        uint32_t n = from->len;
        if (n > 0 && !from->is_wide_char && wf_is_ascii(str8(from), n)) {
            JSString *to = js_alloc_string(ctx, (int)n, 0);
            if (!to) return JS_EXCEPTION;
            const uint8_t *p = str8(from);
            uint8_t *q = str8(to), first = lower ? 'A' : 'a';
            for (uint32_t i = 0; i < n; i++)
                q[i] = p[i] ^ ((uint8_t)(p[i] - first) < 26 ? 0x20 : 0);
            q[n] = 0;
            return JS_MKPTR(JS_TAG_STRING, to);
        }
    }
    return js_string_toLowerCase(ctx, self, argc, argv, lower);
}

/* wf_case_begin puts them in the place of the engine's. */
static bool wf_case_begin(JSContext *ctx) {
    const int flags = JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE;
    static const char *const names[] = {"toUpperCase", "toLowerCase"};
    for (int lower = 0; lower < 2; lower++) {
        JSValue f = JS_NewCFunctionMagic(ctx, wf_case, names[lower], 0, JS_CFUNC_generic_magic,
                                         lower);
        JSValue proto = ctx->class_proto[JS_CLASS_STRING];
        if (JS_DefinePropertyValueStr(ctx, proto, names[lower], f, flags) < 0) return false;
    }
    return true;
}

#endif
