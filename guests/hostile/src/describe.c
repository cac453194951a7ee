/* A description of 100,000 outputs, no two alike: a host that compares each with all before it is
 * busy for a while. */
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define OUTPUTS 100000

static char text[1 << 20];
static char *end = text;

static void add(const char *s) {
    while (*s) *end++ = *s++;
}

EXPORT("wasmflow_describe") uint64_t describe(void) {
    end = text;
    add("{\"name\":\"hostile\",\"version\":\"1\",\"functions\":[");
    add("{\"name\":\"f\",\"role\":\"transform\",\"outputs\":[");
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        char name[] = "\"o00000\",";
        uint32_t n = i;
        for (int k = 6; k > 1; k--, n /= 10) name[k] = (char)('0' + n % 10);
        if (i + 1 == OUTPUTS) name[8] = 0;
        add(name);
    }
    add("]}]}");
    return (uint64_t)(uintptr_t)text << 32 | (uint32_t)(end - text);
}

EXPORT("wasmflow_abi_v1") uint32_t abi(void) { return 0; }
EXPORT("wasmflow_open") uint64_t open(uint32_t at, uint32_t n) { return (void)at, (void)n, 0; }
EXPORT("wasmflow_reserve") uint32_t reserve(uint32_t n) { return (void)n, 0; }

EXPORT("wasmflow_process") uint32_t process(uint32_t function, uint32_t first, uint64_t cursor) {
    return (void)function, (void)first, (void)cursor, 0;
}
