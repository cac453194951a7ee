/* Workloads of the metering benchmark, in C: short loops, long straight code, recursion, calls. */
#define WF_NAME "bench-records"
#define WF_VERSION "1.0.0"
#define WF_FUNCTIONS(F) \
    F(upper, "transform", "upper-cases bytes") \
    F(json, "transform", "counts the values of a JSON text, by recursive descent") \
    F(sort, "transform", "sorts the bytes with a quicksort") \
    F(sha256, "transform", "hashes the value")
#include "wasmflow.h"

static wf_verdict upper(const wf_record *r) {
    uint8_t *out = wf_room(r->value_length);
    if (!out) return wf_fail(0, "no memory");
    for (uint32_t i = 0; i < r->value_length; i++) {
        uint8_t c = r->value[i];
        out[i] = c >= 'a' && c <= 'z' ? c - 32 : c;
    }
    return wf_emit_value(out, r->value_length);
}

static wf_verdict emit_number(uint32_t n) {
    uint8_t *out = wf_room(4);
    if (!out) return wf_fail(0, "no memory");
    for (int i = 0; i < 4; i++) out[i] = n >> (8 * i);
    return wf_emit_value(out, 4);
}

typedef struct { const uint8_t *at, *end; uint32_t values; } text;

static void space(text *t) {
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t')) t->at++;
}

static void string(text *t) {
    t->at++;
    while (t->at < t->end && *t->at != '"') t->at += *t->at == '\\' ? 2 : 1;
    t->at++;
}

static void value(text *t) {
    space(t);
    if (t->at >= t->end) return;
    t->values++;
    uint8_t c = *t->at;
    if (c == '{' || c == '[') {
        uint8_t close = c == '{' ? '}' : ']';
        t->at++;
        for (space(t); t->at < t->end && *t->at != close; space(t)) {
            if (*t->at == ',' || *t->at == ':') {
                t->at++;
                continue;
            }
            value(t);
        }
        t->at++;
    } else if (c == '"') {
        string(t);
    } else {
        while (t->at < t->end && *t->at != ',' && *t->at != '}' && *t->at != ']' && *t->at != ' ')
            t->at++;
    }
}

static wf_verdict json(const wf_record *r) {
    text t = {r->value, r->value + r->value_length, 0};
    value(&t);
    return emit_number(t.values);
}

static void quicksort(uint8_t *a, int lo, int hi) {
    while (lo < hi) {
        uint8_t pivot = a[(lo + hi) / 2];
        int i = lo, j = hi;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (a[j] > pivot) j--;
            if (i <= j) {
                uint8_t x = a[i];
                a[i++] = a[j];
                a[j--] = x;
            }
        }
        quicksort(a, lo, j);
        lo = i;
    }
}

static wf_verdict sort(const wf_record *r) {
    uint8_t *out = wf_room(r->value_length);
    if (!out) return wf_fail(0, "no memory");
    __builtin_memcpy(out, r->value, r->value_length);
    quicksort(out, 0, (int)r->value_length - 1);
    return wf_emit_value(out, r->value_length);
}

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static const uint32_t primes[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void block(uint32_t *h, const uint8_t *p) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) s[i] = h[i];
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t x = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                     ((e & s[5]) ^ (~e & s[6])) + primes[i] + w[i];
        uint32_t y = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
                     ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        for (int k = 7; k > 0; k--) s[k] = s[k - 1];
        s[4] += x;
        s[0] = x + y;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

static wf_verdict sha256(const wf_record *r) {
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[128] = {0};
    uint32_t whole = r->value_length / 64 * 64, rest = r->value_length - whole;
    for (uint32_t i = 0; i < whole; i += 64) block(h, r->value + i);
    for (uint32_t i = 0; i < rest; i++) last[i] = r->value[whole + i];
    last[rest] = 0x80;
    uint32_t size = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)r->value_length * 8;
    for (int i = 0; i < 8; i++) last[size - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (uint32_t i = 0; i < size; i += 64) block(h, last + i);
    return emit_number(h[0]);
}
