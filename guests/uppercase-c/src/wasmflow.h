/*
 * wasmflow.h: a wasmflow guest in C, in one header and without a C library.
 *
 * It is the guest's half of abi/SPEC.md for the roles that answer with records (transform,
 * deserializer, serializer): it reads frames, calls the guest's functions record by record and
 * writes outputs. Keys, values and timestamps are in it; headers and the other columns are not, a
 * record's headers and timestamp stay as they are.
 *
 * A guest names itself and its functions, includes the header and defines the functions:
 *
 *     #define WF_NAME "shout"
 *     #define WF_VERSION "1.0.0"
 *     #define WF_FUNCTIONS(F) F(shout, "transform", "adds an exclamation mark")
 *     #include "wasmflow.h"
 *
 *     static wf_verdict shout(const wf_record *r) {
 *         uint8_t *out = wf_room(r->value_length + 1);
 *         if (!out) return wf_fail(0, "no memory");
 *         __builtin_memcpy(out, r->value, r->value_length);
 *         out[r->value_length] = '!';
 *         return wf_emit_value(out, r->value_length + 1);
 *     }
 *
 * With WF_OPEN defined as the name of a function it is given the job's configuration (below).
 *
 * Nothing is allocated per record: one region of memory holds the frame and, behind it, the output
 * of the running call. It grows by memory.grow when it has to and is used anew by the next call.
 */
#ifndef WASMFLOW_H
#define WASMFLOW_H

#include <stddef.h>
#include <stdint.h>

/* ---- what a function sees ---- */

#define WF_NO_TIMESTAMP INT64_MIN

typedef struct wf_record {
    uint32_t index;       /* in the frame */
    const uint8_t *key;   /* NULL is null, which is not the same as empty */
    uint32_t key_length;
    const uint8_t *value; /* as key */
    uint32_t value_length;
    int64_t timestamp;    /* milliseconds since 1970, or WF_NO_TIMESTAMP */
    uint64_t cursor;      /* as given to wf_more, if this record goes on; else 0 */
} wf_record;

/* What a function returns: how the record ended. A record without output is dropped. */
typedef enum wf_verdict { WF_OK, WF_FAILED, WF_CONTINUES } wf_verdict;

/* Flags of wf_emit: what the new record shares with its parent and what is null. */
enum {
    WF_SAME_KEY = 1,
    WF_SAME_VALUE = 2,
    WF_SAME_HEADERS = 4,
    WF_SAME_TIMESTAMP = 8,
    WF_NULL_KEY = 16,
    WF_NULL_VALUE = 32,
};

/* wf_room may be written, and keys and values of a frame may be read, so many bytes beyond their
 * end: a loop over 16 bytes at a time needs no other loop for the rest. */
#define WF_SLACK 16

/* n bytes for keys and values to be emitted, valid until the call returns; NULL if there is no
 * memory. */
static inline uint8_t *wf_room(uint32_t n);

/* Adds a record. Key and value have to be in the frame, from wf_room or constant. */
static inline wf_verdict wf_emit(uint32_t flags, const void *key, uint32_t key_length,
                                 const void *value, uint32_t value_length);

/* wf_emit of a new value; key, headers and timestamp stay. */
static inline wf_verdict wf_emit_value(const void *value, uint32_t value_length);

/* wf_emit of the record as it is. */
static inline wf_verdict wf_forward(void);

/* Fails the record: "return wf_fail(7, "not a number")". The text has to outlive the call. What the
 * record emitted in this call is taken back. */
static inline wf_verdict wf_fail(uint32_t code, const char *text);

/* Asks to be called again for this record, with the cursor: "return wf_more(row + 1)". Something
 * has to have been emitted. */
static inline wf_verdict wf_more(uint64_t cursor);

enum { WF_DEBUG, WF_INFO, WF_WARN, WF_ERROR };   /* levels of wf_log */
enum { WF_COUNTER, WF_GAUGE, WF_HISTOGRAM };     /* kinds of wf_metric */

#define WF_IMPORT(name) __attribute__((import_module("wasmflow"), import_name(name)))
#define WF_EXPORT(name) __attribute__((export_name(name)))

WF_IMPORT("log") void wf_log(uint32_t level, const char *text, uint32_t length);
WF_IMPORT("metric")
void wf_metric(uint32_t kind, const char *name, uint32_t length, double value);

/* ---- the layout of frames and outputs (SPEC.md sections 7 and 8) ---- */

#define WF_MAGIC 0x31424657u
#define WF_NONE 0xFFFFFFFFu
#define WF_PAGE 65536u

enum { WF_KIND_DATA = 0 };
enum { WF_IN_NULL_KEY = 1, WF_IN_NULL_VALUE = 2 };
enum { WF_ENTRY_OK = 0, WF_ENTRY_ERROR = 2 };
enum { WF_CALL_OK, WF_CALL_BAD_FRAME, WF_CALL_NO_FUNCTION, WF_CALL_BROKE };
enum { WF_FLAG_MORE = 1 };
enum { WF_COLUMN_ERROR = 20 };

typedef struct wf_frame {
    uint32_t magic, header_size, frame_size, count;
    uint32_t core_offset, core_stride;
    uint32_t columns_offset, columns_count;
    uint32_t strings_offset, strings_count;
    uint32_t arena_offset, arena_size;
    int64_t batch_time_ns, watermark;
    uint32_t out_records_soft, out_bytes_soft;
    uint32_t progress, flags;
    uint64_t seed, reserved;
} wf_frame;

typedef struct wf_core_in {
    uint8_t kind, flags;
    uint16_t input;
    uint32_t reserved;
    uint32_t key_offset, key_length;
    uint32_t value_offset, value_length;
    int64_t timestamp;
} wf_core_in;

typedef struct wf_core_out {
    uint8_t kind, status;
    uint16_t flags;
    uint32_t parent;
    const void *key;
    uint32_t key_length;
    const void *value;
    uint32_t value_length;
    uint16_t output, reserved;
    uint32_t reserved_too;
} wf_core_out;

typedef struct wf_column {
    uint32_t id;
    const void *rows;
    uint32_t stride, count;
} wf_column;

typedef struct wf_error {
    const char *text;
    uint32_t length, code, reserved;
} wf_error;

typedef struct wf_output {
    uint32_t size, status, consumed, flags;
    uint64_t cursor;
    uint32_t count;
    const wf_core_out *core;
    uint32_t core_stride;
    const wf_column *columns;
    uint32_t columns_count;
    const void *strings;
    uint32_t strings_count;
    const char *error;
    uint32_t error_length;
    uint32_t reserved;
} wf_output;

_Static_assert(sizeof(wf_frame) == 96, "frame header");
_Static_assert(sizeof(wf_core_in) == 32, "input entry");
_Static_assert(sizeof(wf_core_out) == 32, "output entry");
_Static_assert(sizeof(wf_column) == 16, "column directory");
_Static_assert(sizeof(wf_error) == 16, "error column");
_Static_assert(sizeof(wf_output) == 64, "output header");

/* ---- memory ---- */

extern uint8_t __heap_base; /* the linker's: the first byte behind data and stack */

static struct {
    uint8_t *region;      /* what the host reserved last, NULL for nothing */
    uint32_t region_size;
    uint32_t output;      /* where outputs begin, behind the region */
    uint32_t free;        /* the next free byte of the running output */
    uint64_t limit;       /* end of memory less WF_SLACK */

    /* of the running call */
    wf_core_out *entries;
    uint32_t count, capacity;
    uint64_t bytes;       /* keys and values of the output */
    uint32_t parent;      /* the record that is worked on */
    uint64_t cursor;
    const char *text;     /* why it failed */
    uint32_t code;
    uint32_t failed;      /* records so far */
} wf;

/* wf_reach makes memory reach to the address end and WF_SLACK beyond. */
__attribute__((noinline)) static int wf_reach(uint64_t end) {
    uint64_t pages = __builtin_wasm_memory_size(0);
    uint64_t need = (end + WF_SLACK + WF_PAGE - 1) / WF_PAGE;
    if (need > pages) {
        /* A quarter more than asked for, since growing copies all of memory in some hosts. */
        uint64_t ample = need + pages / 4;
        if (ample > 65536 || __builtin_wasm_memory_grow(0, ample - pages) == WF_NONE) {
            if (need > 65536 || __builtin_wasm_memory_grow(0, need - pages) == WF_NONE) return 0;
            ample = need;
        }
        pages = ample;
    }
    wf.limit = pages * WF_PAGE - WF_SLACK;
    return 1;
}

static inline uint8_t *wf_room(uint32_t n) {
    uint64_t end = (uint64_t)wf.free + n;
    if (end > wf.limit && !wf_reach(end)) return NULL;
    uint8_t *p = (uint8_t *)wf.free;
    wf.free = (uint32_t)end;
    return p;
}

/* wf_table is wf_room for structures. */
static void *wf_table(uint64_t bytes) {
    if (bytes > UINT32_MAX) return NULL;
    wf.free = (wf.free + 7) & ~7u;
    return wf_room((uint32_t)bytes);
}

WF_EXPORT("wasmflow_reserve") uint8_t *wf_reserve(uint32_t n) {
    uint64_t region = ((uint64_t)(uintptr_t)&__heap_base + 7) & ~(uint64_t)7;
    wf.region = NULL;
    if (!wf_reach(region + n)) return NULL;
    wf.region = (uint8_t *)(uintptr_t)region;
    wf.region_size = n;
    wf.output = (uint32_t)(region + n);
    return wf.region;
}

/* ---- output ---- */

static const char wf_no_memory[] = "no memory for the output";

/* wf_spread doubles the table of entries. The old one is lost until the next call. */
__attribute__((noinline)) static int wf_spread(void) {
    uint64_t size = (uint64_t)wf.capacity * sizeof(wf_core_out);
    wf_core_out *larger = (wf_core_out *)wf_table(2 * size);
    if (!larger) return 0;
    __builtin_memcpy(larger, wf.entries, size);
    wf.entries = larger;
    wf.capacity *= 2;
    return 1;
}

static inline wf_verdict wf_fail(uint32_t code, const char *text) {
    wf.code = code;
    wf.text = text;
    return WF_FAILED;
}

static inline wf_verdict wf_more(uint64_t cursor) {
    wf.cursor = cursor;
    return WF_CONTINUES;
}

static inline wf_verdict wf_emit(uint32_t flags, const void *key, uint32_t key_length,
                                 const void *value, uint32_t value_length) {
    if (wf.count == wf.capacity && !wf_spread()) return wf_fail(0, wf_no_memory);
    wf.entries[wf.count++] = (wf_core_out){
        .flags = (uint16_t)flags, .parent = wf.parent,
        .key = key, .key_length = key_length, .value = value, .value_length = value_length,
    };
    wf.bytes += (uint64_t)key_length + value_length;
    return WF_OK;
}

static inline wf_verdict wf_emit_value(const void *value, uint32_t value_length) {
    return wf_emit(WF_SAME_KEY | WF_SAME_HEADERS | WF_SAME_TIMESTAMP, NULL, 0, value, value_length);
}

static inline wf_verdict wf_forward(void) {
    return wf_emit(WF_SAME_KEY | WF_SAME_VALUE | WF_SAME_HEADERS | WF_SAME_TIMESTAMP,
                   NULL, 0, NULL, 0);
}

static inline uint32_t wf_length(const char *text) {
    uint32_t n = 0;
    while (text[n]) n++;
    return n;
}

/* wf_record_failed puts an error in the place of what the record emitted since `count` was the
 * number of entries. The entry of a failure has no use for its ranges; until wf_finish they hold
 * the error. */
static int wf_record_failed(uint32_t count, uint64_t bytes) {
    const char *text = wf.text;
    uint32_t code = wf.code;
    wf.count = count;
    wf.bytes = bytes;
    if (wf_emit(0, text, wf_length(text), NULL, code) != WF_OK) return 0;
    wf.entries[count].status = WF_ENTRY_ERROR;
    wf.failed++;
    return 1;
}

static wf_output wf_header;
static wf_column wf_directory[1];

static wf_output *wf_refuse(uint32_t status, const char *text) {
    wf_header = (wf_output){
        .size = sizeof(wf_output), .status = status,
        .error = text, .error_length = wf_length(text),
    };
    return &wf_header;
}

static wf_output *wf_finish(uint32_t consumed, int more) {
    wf_header = (wf_output){
        .size = sizeof(wf_output), .consumed = consumed,
        .flags = more ? WF_FLAG_MORE : 0, .cursor = more ? wf.cursor : 0,
        .count = wf.count, .core = wf.entries, .core_stride = sizeof(wf_core_out),
    };
    if (!wf.failed) return &wf_header;
    wf_error *errors = (wf_error *)wf_table((uint64_t)wf.count * sizeof(wf_error));
    if (!errors) return wf_refuse(WF_CALL_BROKE, wf_no_memory);
    for (uint32_t i = 0; i < wf.count; i++) {
        const wf_core_out *e = &wf.entries[i];
        errors[i] = (wf_error){0};
        if (e->status == WF_ENTRY_ERROR)
            errors[i] = (wf_error){e->key, e->key_length, e->value_length, 0};
    }
    wf_directory[0] = (wf_column){WF_COLUMN_ERROR, errors, sizeof(wf_error), wf.count};
    wf_header.columns = wf_directory;
    wf_header.columns_count = 1;
    return &wf_header;
}

/* ---- input ---- */

/* wf_frame_problem says what is wrong with the frame, NULL if nothing is. Ranges of records are
 * checked when they are read. */
static const char *wf_frame_problem(uint32_t first) {
    const wf_frame *f = (const wf_frame *)wf.region;
    if (!f || wf.region_size < sizeof(wf_frame)) return "there is no frame";
    if (f->magic != WF_MAGIC) return "the frame has another magic number";
    if (f->header_size < sizeof(wf_frame)) return "the header is too small";
    if (f->frame_size > wf.region_size) return "the frame is larger than its region";
    if (f->core_stride < sizeof(wf_core_in) || (f->core_stride | f->core_offset) % 8)
        return "the core table is not aligned";
    if (f->core_offset + (uint64_t)f->count * f->core_stride > f->frame_size)
        return "the core table ends beyond the frame";
    if (first > f->count) return "first is above the number of records";
    return NULL;
}

static inline const wf_core_in *wf_entry(const wf_frame *f, uint32_t i) {
    return (const wf_core_in *)(wf.region + f->core_offset + i * f->core_stride);
}

/* wf_range returns where a key or value stands: NULL if it is null, and 0 if it ends beyond the
 * frame. The offset of an empty one means nothing. */
static inline int wf_range(const wf_frame *f, uint32_t null, uint32_t offset, uint32_t length,
                           const uint8_t **at) {
    *at = null ? NULL : wf.region;
    if (null || !length) return 1;
    *at = wf.region + offset;
    return (uint64_t)offset + length <= f->frame_size;
}

static inline int wf_read(const wf_frame *f, uint32_t i, wf_record *r) {
    const wf_core_in *c = wf_entry(f, i);
    r->index = i;
    r->key_length = c->flags & WF_IN_NULL_KEY ? 0 : c->key_length;
    r->value_length = c->flags & WF_IN_NULL_VALUE ? 0 : c->value_length;
    r->timestamp = c->timestamp;
    return wf_range(f, c->flags & WF_IN_NULL_KEY, c->key_offset, c->key_length, &r->key) &&
           wf_range(f, c->flags & WF_IN_NULL_VALUE, c->value_offset, c->value_length, &r->value);
}

/* ---- the exports ---- */

#define WF_DECLARE(name, role, doc) static wf_verdict name(const wf_record *r);
#define WF_NUMBER(name, role, doc) wf_number_##name,
#define WF_CALL(name, role, doc) case wf_number_##name: return name(r);
#define WF_DESCRIBE(name, role, doc) \
    ",{\"name\":\"" #name "\",\"role\":\"" role "\",\"doc\":\"" doc "\"}"

WF_FUNCTIONS(WF_DECLARE)
enum { WF_FUNCTIONS(WF_NUMBER) wf_number_of_functions };

static inline wf_verdict wf_call(uint32_t function, const wf_record *r) {
    switch (function) {
        WF_FUNCTIONS(WF_CALL)
        default: __builtin_unreachable(); /* wf_process has looked */
    }
}

WF_EXPORT("wasmflow_process")
wf_output *wf_process(uint32_t function, uint32_t first, uint64_t cursor) {
    if (function >= wf_number_of_functions)
        return wf_refuse(WF_CALL_NO_FUNCTION, "no such function");
    const char *problem = wf_frame_problem(first);
    if (problem) return wf_refuse(WF_CALL_BAD_FRAME, problem);

    wf_frame *f = (wf_frame *)wf.region;
    volatile uint32_t *progress = &f->progress; /* read by the host when the call traps */
    uint32_t i = first, count = f->count;
    wf.free = wf.output;
    wf.count = wf.failed = 0;
    wf.bytes = 0;
    wf.capacity = count - first < 64 ? 64 : count - first;
    wf.entries = (wf_core_out *)wf_table((uint64_t)wf.capacity * sizeof(wf_core_out));
    if (!wf.entries) return wf_refuse(WF_CALL_BROKE, wf_no_memory);

    while (i < count) {
        *progress = i;
        if (wf_entry(f, i)->kind == WF_KIND_DATA) {
            wf_record r = {.cursor = cursor};
            if (!wf_read(f, i, &r))
                return wf_refuse(WF_CALL_BAD_FRAME, "a key or value ends beyond the frame");
            uint32_t entries = wf.count;
            uint64_t bytes = wf.bytes;
            wf.parent = i;
            wf_verdict verdict = wf_call(function, &r);
            if (verdict == WF_CONTINUES) return wf_finish(i, 1);
            if (verdict == WF_FAILED && !wf_record_failed(entries, bytes))
                return wf_refuse(WF_CALL_BROKE, wf_no_memory);
        }
        i++;
        cursor = 0;
        if (wf.count >= f->out_records_soft || wf.bytes >= f->out_bytes_soft) break;
    }
    *progress = WF_NONE;
    return wf_finish(i, 0);
}

static inline uint64_t wf_pack(const void *p, uint32_t length) {
    return (uint64_t)(uintptr_t)p << 32 | length;
}

WF_EXPORT("wasmflow_abi_v1") uint32_t wf_abi_v1(void) { return 0; }

WF_EXPORT("wasmflow_describe") uint64_t wf_describe(void) {
#define WF_HEAD "{\"name\":\"" WF_NAME "\",\"version\":\"" WF_VERSION "\",\"functions\":["
    static char text[] = WF_HEAD WF_FUNCTIONS(WF_DESCRIBE) "]}";
    text[sizeof(WF_HEAD) - 1] = ' '; /* the comma before the first function */
    return wf_pack(text, sizeof(text) - 1);
}

#ifdef WF_OPEN
/* The guest's own: returns NULL, or a refusal {"field":"rate","message":"must be positive"}. The
 * configuration is valid until it returns. */
static const char *WF_OPEN(const char *json, uint32_t length);
#endif

WF_EXPORT("wasmflow_open") uint64_t wf_open(const char *json, uint32_t length) {
#ifdef WF_OPEN
    const char *refusal = WF_OPEN(json, length);
    return refusal ? wf_pack(refusal, wf_length(refusal)) : 0;
#else
    (void)json, (void)length;
    return 0;
#endif
}

#endif
