/* Functions that turn on the host at records whose value begins with "trap". All other records come
 * back with their value as it is, so that a test can see what became of the neighbours. */
#define WF_NAME "hostile-records"
#define WF_VERSION "1.0.0"
#define WF_FUNCTIONS(F)                                                              \
    F(trap, "transform", "unreachable")                                              \
    F(out_of_bounds, "transform", "reads beyond its memory")                         \
    F(recurse, "transform", "calls itself without end")                              \
    F(exit_three, "transform", "exits with code 3")                                  \
    F(exit_zero, "transform", "exits with code 0")                                   \
    F(log_outside, "transform", "logs a text that lies beyond its memory")           \
    F(metric_name, "transform", "counts under a name that is none")                  \
    F(grow_and_trap, "transform", "takes all memory it can get, then traps")         \
    F(blame_first, "transform", "traps with the progress cell at record 0")          \
    F(blame_last, "transform", "traps with the progress cell at the last record")    \
    F(blame_nobody, "transform", "traps with the progress cell at no record")        \
    F(blame_stranger, "transform", "traps with the progress cell at record 7")       \
    F(continue_for_ever, "transform", "has always more to say of the record")        \
    F(grow, "transform", "takes all memory it can get, then goes on")                \
    F(scribble, "transform", "overwrites the frame")                                 \
    F(log_flood, "transform", "logs 100,000 lines")                                  \
    F(metric_flood, "transform", "makes up 100,000 names of metrics")                \
    F(metric_tide, "transform", "names metrics after the record")                    \
    F(write_flood, "transform", "writes all of its memory 1,024 times in one call")  \
    F(random_flood, "transform", "asks for 16 MiB of randomness at once")            \
    F(sleep, "transform", "sleeps for 292 years")                                    \
    F(swell, "transform", "answers each record with 12 MiB")                         \
    F(spin, "transform", "loops without end")
#include "hostile.h"

WASI_IMPORT("proc_exit") void wasi_exit(uint32_t code);
WASI_IMPORT("fd_write")
uint32_t wasi_write(uint32_t fd, const void *vectors, uint32_t count, uint32_t *written);
WASI_IMPORT("random_get") uint32_t wasi_random(void *to, uint32_t length);
WASI_IMPORT("poll_oneoff")
uint32_t wasi_poll(const void *subscriptions, void *events, uint32_t count, uint32_t *ready);

/* INNOCENT ends a function early for every record that is not the one it turns on. */
#define INNOCENT(r) \
    if (!begins(r, "trap")) return wf_forward()

static volatile uint32_t *progress(void) { return &((wf_frame *)wf.region)->progress; }

/* ---- traps that name their record ---- */

static wf_verdict trap(const wf_record *r) {
    INNOCENT(r);
    wf_forward();
    __builtin_trap();
}

static wf_verdict out_of_bounds(const wf_record *r) {
    INNOCENT(r);
    *(volatile uint32_t *)0xFFFFFFF0u;
    return wf_forward();
}

static volatile uint32_t depth; /* volatile keeps the recursion from becoming a loop */

__attribute__((noinline)) static uint32_t deeper(uint32_t n) {
    depth = n;
    if (depth == UINT32_MAX) return 0;
    return deeper(n + 1) + depth;
}

static wf_verdict recurse(const wf_record *r) {
    INNOCENT(r);
    deeper(0);
    return wf_forward();
}

static wf_verdict exit_three(const wf_record *r) {
    INNOCENT(r);
    wasi_exit(3);
    return wf_forward();
}

static wf_verdict exit_zero(const wf_record *r) {
    INNOCENT(r);
    wasi_exit(0);
    return wf_forward();
}

static wf_verdict log_outside(const wf_record *r) {
    INNOCENT(r);
    wf_log(WF_INFO, (const char *)0xFFFFFFF0u, 64);
    return wf_forward();
}

static wf_verdict metric_name(const wf_record *r) {
    INNOCENT(r);
    wf_metric(WF_COUNTER, "up{job=\"x\"}", 11, 1);
    return wf_forward();
}

/* take grows memory until the host refuses a single page, and touches what it got. */
static void take(void) {
    for (uint32_t pages = 1 << 12; pages; pages /= 2) {
        uint32_t old;
        while ((old = __builtin_wasm_memory_grow(0, pages)) != WF_NONE)
            __builtin_memset((void *)(old * WF_PAGE), 0xA5, pages * WF_PAGE);
    }
}

static wf_verdict grow_and_trap(const wf_record *r) {
    INNOCENT(r);
    take();
    __builtin_trap();
}

/* ---- traps that name another record, or none ---- */

static wf_verdict blame(const wf_record *r, uint32_t record) {
    INNOCENT(r);
    *progress() = record;
    __builtin_trap();
}

static wf_verdict blame_first(const wf_record *r) { return blame(r, 0); }

static wf_verdict blame_last(const wf_record *r) {
    return blame(r, ((wf_frame *)wf.region)->count - 1);
}

static wf_verdict blame_nobody(const wf_record *r) { return blame(r, WF_NONE); }
static wf_verdict blame_stranger(const wf_record *r) { return blame(r, 7); }

/* ---- too much of something ---- */

static wf_verdict continue_for_ever(const wf_record *r) {
    INNOCENT(r);
    wf_forward();
    return wf_more(r->cursor + 1);
}

static wf_verdict grow(const wf_record *r) {
    INNOCENT(r);
    take();
    return wf_forward();
}

static wf_verdict scribble(const wf_record *r) {
    const wf_frame *f = (const wf_frame *)wf.region;
    wf_verdict verdict = wf_forward();
    if (r->index + 1 == f->count)
        __builtin_memset(wf.region + sizeof(wf_frame), 0xFF, f->frame_size - sizeof(wf_frame));
    return verdict;
}

#define FLOOD 100000

static wf_verdict log_flood(const wf_record *r) {
    INNOCENT(r);
    static const char text[] = "\x1b[2Jthe guest has something to say\r\nand says it again";
    for (uint32_t i = 0; i < FLOOD; i++) wf_log(i % 5, text, sizeof(text) - 1);
    return wf_forward();
}

static void count(char prefix, uint32_t n) {
    char name[9] = {prefix};
    for (int i = 8; i > 0; i--, n /= 10) name[i] = (char)('0' + n % 10);
    wf_metric(WF_COUNTER, name, sizeof(name), 1);
}

static wf_verdict metric_flood(const wf_record *r) {
    INNOCENT(r);
    for (uint32_t i = 0; i < FLOOD; i++) count('m', i);
    return wf_forward();
}

/* metric_tide traps as well, so that the host makes a new instance of it again and again. */
static wf_verdict metric_tide(const wf_record *r) {
    if (begins(r, "trap")) __builtin_trap();
    for (uint32_t i = 0; i < 200; i++) count('t', (uint32_t)r->timestamp * 200 + i);
    return wf_forward();
}

static wf_verdict write_flood(const wf_record *r) {
    INNOCENT(r);
    static struct { uint32_t at, length; } vectors[1024];
    uint32_t size = 1 << 20, written;
    if (!wf_reach(wf.free + (uint64_t)size)) return wf_fail(0, "no memory");
    __builtin_memset((void *)wf.free, '\n', size);
    for (int i = 0; i < 1024; i++) vectors[i].at = wf.free, vectors[i].length = size;
    wasi_write(2, vectors, 1024, &written);
    return wf_forward();
}

static wf_verdict random_flood(const wf_record *r) {
    INNOCENT(r);
    uint32_t size = 16 << 20;
    if (!wf_reach(wf.free + (uint64_t)size)) return wf_fail(0, "no memory");
    wasi_random((void *)wf.free, size);
    return wf_forward();
}

static wf_verdict sleep(const wf_record *r) {
    INNOCENT(r);
    static struct {
        uint64_t user;
        uint32_t tag, unused, clock, unused_too;
        uint64_t timeout, precision;
        uint32_t flags, end;
    } subscription = {.timeout = UINT64_MAX};
    static uint8_t event[32];
    uint32_t ready;
    for (int i = 0; i < 1000; i++) wasi_poll(&subscription, event, 1, &ready);
    return wf_forward();
}

/* swell keeps within the limits of one call, and is called for each record. */
static wf_verdict swell(const wf_record *r) {
    uint32_t size = 2 << 20;
    (void)r;
    if (!wf_reach(wf.free + (uint64_t)size)) return wf_fail(0, "no memory");
    for (int i = 0; i < 6; i++) wf_emit_value((void *)wf.free, size);
    return WF_OK;
}

static wf_verdict spin(const wf_record *r) {
    INNOCENT(r);
    while (depth != UINT32_MAX) {}
    return wf_forward();
}
