/*
 * refusal.h: why a script does not load, or does not take its configuration.
 */
#ifndef WF_REFUSAL_H
#define WF_REFUSAL_H

#include "script.h"

#define WF_BOUND_MAX 192 /* bytes of a text about a bound */

static uint64_t wf_pack(const void *p, size_t length) {
    return (uint64_t)(uintptr_t)p << 32 | (uint32_t)length;
}

/* wf_says tells whether the exception is an error with this message. */
static bool wf_says(JSContext *ctx, JSValueConst exception, const char *message) {
    if (!JS_IsObject(exception)) return false;
    JSValue v = JS_GetPropertyStr(ctx, exception, "message");
    const char *text = JS_IsString(v) ? JS_ToCString(ctx, v) : NULL;
    bool same = text && !strcmp(text, message);
    JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, v);
    return same;
}

/* wf_refusal makes the JSON of a refusal of the exception. late and large are what to say where it
 * is that of a bound: of the engine's steps, or of its memory. They hold nothing that JSON would
 * have escaped. */
static uint64_t wf_refusal(const char *late, const char *large) {
    static char plain[WF_BOUND_MAX + 32];
    JSContext *ctx = engine.context;
    JSValue exception = ctx ? JS_GetException(ctx) : JS_NULL, text = JS_NULL;
    bool starved = !ctx || (engine.starved && (JS_IsNull(exception) ||
                                               wf_says(ctx, exception, "out of memory")));
    const char *bound = engine.steps > engine.steps_max ? late : starved ? large : NULL;
    size_t n;
    engine.steps = 0; /* telling it is work as well */
    if (bound && JS_IsObject(exception)) /* it has the script's stack */
        JS_SetPropertyStr(ctx, exception, "message", JS_NewString(ctx, bound));
    if (JS_IsObject(engine.internals) && !JS_IsNull(exception))
        text = wf_ask("refusal", 1, &exception);
    if (JS_IsString(text) && (engine.refusal = (char *)JS_ToCStringLen(ctx, &n, text)))
        return wf_pack(engine.refusal, n);
    n = (size_t)snprintf(plain, sizeof plain, "{\"field\":\"\",\"message\":\"%s\"}",
                         bound ? bound : "the engine has no memory");
    return wf_pack(plain, n);
}

#endif
