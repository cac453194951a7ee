/* uppercase: the ASCII letters of each value in upper case; everything else stays as it is. */
#define WF_NAME "uppercase-c"
#define WF_VERSION "1.0.0"
#define WF_FUNCTIONS(F) F(uppercase, "transform", "upper-cases the ASCII letters of the value")
#include "wasmflow.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

/* upper works on 16 bytes at a time and goes up to 15 beyond the end on both sides (WF_SLACK). A
 * letter is one of the 26 lowest bytes once 'a' is moved to the lowest there is, -128: comparing
 * bytes as signed takes one instruction where processors have none for unsigned. */
static inline void upper(uint8_t *to, const uint8_t *from, uint32_t n) {
    const v128_t shift = wasm_i8x16_const_splat(128 - 'a'); /* modulo 256 */
    const v128_t end = wasm_i8x16_const_splat(26 - 128);
    const v128_t bit = wasm_i8x16_const_splat('a' - 'A');
    for (uint32_t i = 0; i < n; i += 16) {
        v128_t v = wasm_v128_load(from + i);
        v128_t lower = wasm_i8x16_lt(wasm_i8x16_add(v, shift), end);
        wasm_v128_store(to + i, wasm_v128_xor(v, wasm_v128_and(lower, bit)));
    }
}
#else

/* upper without vectors, for engines and comparisons that have none. */
static inline void upper(uint8_t *to, const uint8_t *from, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint8_t c = from[i];
        to[i] = c ^ (uint8_t)((uint8_t)(c - 'a') < 26 ? 'a' - 'A' : 0);
    }
}
#endif

static wf_verdict uppercase(const wf_record *r) {
    if (!r->value) return wf_forward();
    uint8_t *out = wf_room(r->value_length);
    if (!out) return wf_fail(0, "no memory for the value");
    upper(out, r->value, r->value_length);
    return wf_emit_value(out, r->value_length);
}

/* bench_loop upper-cases the values of the frame in the reserved region, `rounds` times over, and
 * writes no output: what the guest's own work costs without the ABI around it. It returns the
 * number of bytes it went over, modulo 2^32; 0 without a frame or memory. */
WF_EXPORT("bench_loop") uint32_t bench_loop(uint32_t rounds) {
    if (wf_frame_problem(0)) return 0;
    const wf_frame *f = (const wf_frame *)wf.region;
    wf_record r;
    wf.free = wf.output;
    uint8_t *out = wf_room(f->frame_size); /* no value is longer */
    if (!out) return 0;
    uint32_t bytes = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < f->count; i++) {
            if (!wf_read(f, i, &r) || !r.value) continue;
            upper(out, r.value, r.value_length);
            bytes += r.value_length;
        }
    }
    return bytes;
}
