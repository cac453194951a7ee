/* A plugin that marks every record, and turns on the host if its orders say so. The orders are bytes
 * of the module: whoever changes them in the file (cmd/chaos does) has another version of the plugin,
 * under another digest, whose output tells which version made it. */
#define WF_NAME "marks"
#define WF_VERSION "1.0.0"
#define WF_FUNCTIONS(F) F(mark, "transform", "adds the mark; refuses values that end with 17")
#define WF_OPEN opened
#include "../../../guests/uppercase-c/src/wasmflow.h"

/* What the file says. Volatile keeps the compiler from knowing it. */
static const volatile struct {
    char name[8];
    char mark[8];
    /* g: good; t: traps; b: answers with bytes it does not have; s: loops without end; o: traps when
     * it is opened; r: refuses its configuration */
    char deed;
    char after[7]; /* records of an instance before it does it, in digits */
} orders = {"orders: ", "00000000", 'g', "0000000"};

static uint32_t seen, patience; /* records */

static const char *opened(const char *config, uint32_t length) {
    (void)config, (void)length;
    if (orders.deed == 'o') __builtin_trap();
    if (orders.deed == 'r') return "{\"message\":\"told to refuse\"}";
    for (uint32_t i = 0; i < sizeof orders.after; i++)
        patience = 10 * patience + (uint32_t)(orders.after[i] - '0');
    return NULL;
}

static wf_verdict mark(const wf_record *r) {
    uint32_t n = r->value_length;
    if (n > 1 && r->value[n - 2] == '1' && r->value[n - 1] == '7') return wf_fail(17, "ends with 17");
    uint8_t *out = wf_room(n + 1 + sizeof orders.mark);
    if (!out) return wf_fail(0, "no memory for the value");
    __builtin_memcpy(out, r->value, n);
    out[n] = ' ';
    for (uint32_t i = 0; i < sizeof orders.mark; i++) out[n + 1 + i] = (uint8_t)orders.mark[i];
    if (orders.deed != 'g' && ++seen > patience) {
        if (orders.deed == 't') __builtin_trap();
        if (orders.deed == 'b') return wf_emit_value((const void *)0xFFFFFF00u, 64);
        while (orders.deed == 's') __asm__ volatile("");
    }
    return wf_emit_value(out, n + 1 + sizeof orders.mark);
}
