/*
 * wasmflow.h: wasmflow plugins in C, in one header, with or without a C library.
 *
 * A plugin is one file that includes this header, has a function for each thing it does, and names
 * them in a table:
 *
 *     #include "wasmflow.h"
 *
 *     static wf_result shout(const wf_record *r) {
 *         wf_writer w = wf_begin(r->value.length + 1);
 *         wf_put(&w, r->value);
 *         wf_put_char(&w, '!');
 *         wf_emit_value(wf_written(&w));
 *         return WF_OK;
 *     }
 *
 *     static const wf_function functions[] = {
 *         {.name = "shout", .role = WF_TRANSFORM, .call = shout, .doc = "adds a mark"},
 *         {0},
 *     };
 *     static const wf_plugin plugin = {
 *         .name = "shout", .version = "1.0.0", .functions = functions,
 *     };
 *     WF_PLUGIN(plugin)
 *
 * README.md has the commands that build it. Compiled for anything but WebAssembly, the same file
 * runs natively under wasmflow_test.h.
 *
 * A record that a function emits nothing for is dropped. Bytes that are emitted are not copied:
 * they are in the record, from wf_begin, wf_room or wf_copy, or constant. Nothing is allocated per
 * record: what a call needs is used anew by the next one.
 */
#ifndef WASMFLOW_H
#define WASMFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef __wasm__
#include <stdio.h>
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- bytes ---- */

/* Bytes that somebody else owns. data is NULL for null, which is not the same as empty. */
typedef struct wf_bytes {
    const char *data;
    uint32_t length;
} wf_bytes;

static inline wf_bytes wf_slice(const void *data, uint32_t length) {
    wf_bytes b;
    b.data = (const char *)data;
    b.length = length;
    return b;
}

static inline wf_bytes wf_null(void) { return wf_slice(NULL, 0); }

/* The bytes of a string that ends with 0, without the 0. */
static inline wf_bytes wf_string(const char *text) {
    uint32_t n = 0;
    while (text[n]) n++;
    return wf_slice(text, n);
}

/* Whether two have the same bytes; null and empty have. */
static inline bool wf_equal(wf_bytes a, wf_bytes b) {
    if (a.length != b.length) return false;
    for (uint32_t i = 0; i < a.length; i++)
        if (a.data[i] != b.data[i]) return false;
    return true;
}

/* Whether b is not null and has the bytes of a string. */
static inline bool wf_is(wf_bytes b, const char *text) {
    return b.data && wf_equal(b, wf_string(text));
}

/* ---- what a function sees ---- */

#define WF_NO_TIMESTAMP INT64_MIN

typedef struct wf_record {
    wf_bytes key, value; /* in the frame, valid until the call of the host ends */
    int64_t timestamp;   /* milliseconds since 1970, or WF_NO_TIMESTAMP */
    uint32_t index;      /* in the frame */
} wf_record;

/* Keys and values may be read, and wf_room may be written, so many bytes beyond their end: a loop
 * over 16 bytes at a time needs no other loop for the rest. */
#define WF_SLACK 16

typedef struct wf_header {
    wf_bytes key, value; /* a value may be null */
} wf_header;

typedef struct wf_origin {
    wf_bytes split; /* null without one */
    uint64_t position_high, position_low, ordinal;
} wf_origin;

/* What follows needs the column in the function's reads (below); without it there is nothing. */
static inline uint32_t wf_header_count(const wf_record *r);
static inline wf_header wf_header_at(const wf_record *r, uint32_t i);
static inline bool wf_header_find(const wf_record *r, const char *key, wf_bytes *value);
static inline wf_origin wf_origin_of(const wf_record *r);
static inline uint32_t wf_key_group(const wf_record *r);
static inline uint32_t wf_schema_id(const wf_record *r);
static inline uint32_t wf_partitions(const wf_record *r); /* always there for partitioners */

static inline int64_t wf_now_ns(void);    /* time of the batch, nanoseconds since 1970 */
static inline uint64_t wf_random(void);   /* the same for the same record, whenever it runs */
static inline uint64_t wf_cursor(void);   /* of wf_continue, if this record goes on; or 0 */

/* ---- what a function does ---- */

/* How a record ended; what a function returns. */
typedef enum wf_result { WF_OK, WF_FAILED, WF_CONTINUES, WF_ENDS } wf_result;

/* Fails the record: return wf_fail(7, "not a number"). What it emitted is taken back. */
static inline wf_result wf_fail(uint32_t code, const char *text);
static inline wf_result wf_fail_bytes(uint32_t code, wf_bytes text);

/* Asks to be called again for this record, with the cursor: return wf_continue(row + 1). The
 * function has emitted something, and goes on from record and cursor alone. */
static inline wf_result wf_continue(uint64_t cursor);

/* Ends the split before this record: return wf_end_of_stream(). For deserializers. */
static inline wf_result wf_end_of_stream(void);

/* Whether the host wants the output now. A function that makes very many records of one asks, and
 * returns wf_continue. */
static inline bool wf_full(void);

/* A record that was emitted, to be refined. */
typedef uint32_t wf_entry;

static inline wf_entry wf_forward(void);                       /* the record as it is */
static inline wf_entry wf_emit_value(wf_bytes value);          /* with another value */
static inline wf_entry wf_emit(wf_bytes key, wf_bytes value);  /* with another key and value */

static inline void wf_set_key(wf_entry e, wf_bytes key);
static inline void wf_set_value(wf_entry e, wf_bytes value);
static inline void wf_set_timestamp(wf_entry e, int64_t milliseconds);
static inline void wf_set_output(wf_entry e, uint32_t output); /* 1 is outputs[0]; 0 the main one */
static inline void wf_set_target(wf_entry e, wf_bytes name);   /* a topic or the like */
static inline void wf_set_partition(wf_entry e, int32_t partition);
static inline void wf_clear_headers(wf_entry e);
/* Adds a header behind those the entry has: the record's, unless they were cleared. */
static inline void wf_add_header(wf_entry e, wf_bytes key, wf_bytes value);

/* The answers of partitioners and bucketers. Without one the choice is left to the sink. */
static inline void wf_choose_partition(int32_t partition);
static inline void wf_choose_bucket(wf_bytes name);

/* n bytes that stay until the next call of the host; those of open stay for good. NULL if there is
 * no memory, which fails the record, too. */
static inline char *wf_room(uint32_t n);
static inline wf_bytes wf_copy(wf_bytes b);

/* Writes bytes of which the length is not known: wf_begin, wf_put..., wf_written. */
typedef struct wf_writer {
    char *data;
    uint32_t length, capacity;
} wf_writer;

static inline wf_writer wf_begin(uint32_t capacity);
static inline void wf_put(wf_writer *w, wf_bytes b);
static inline void wf_put_text(wf_writer *w, const char *text);
static inline void wf_put_char(wf_writer *w, char c);
static inline void wf_put_unsigned(wf_writer *w, uint64_t n);
static inline void wf_put_integer(wf_writer *w, int64_t n);
static inline void wf_put_json(wf_writer *w, wf_bytes text); /* as a JSON string, with quotes */
static inline wf_bytes wf_written(const wf_writer *w);

typedef enum wf_level { WF_DEBUG, WF_INFO, WF_WARN, WF_ERROR } wf_level;

/* Logs and metrics take effect if the record ends well. */
static inline void wf_log(wf_level level, wf_bytes text);
static inline void wf_count(const char *name, double delta);
static inline void wf_gauge(const char *name, double value);
static inline void wf_observe(const char *name, double value);

/* Ends the instance with a text that the user is told: for what must not happen. */
__attribute__((noreturn)) static inline void wf_panic(const char *text);

/* ---- JSON ---- */

typedef enum wf_json_type {
    WF_JSON_NONE, /* nothing, or no JSON */
    WF_JSON_NULL, WF_JSON_BOOL, WF_JSON_NUMBER, WF_JSON_STRING, WF_JSON_ARRAY, WF_JSON_OBJECT,
} wf_json_type;

/* A value as it stands in its document. */
typedef struct wf_json {
    wf_json_type type;
    wf_bytes raw; /* with quotes, brackets, escapes */
} wf_json;

/* Reads a document. It is checked as a whole: WF_JSON_NONE says that it is no JSON. */
static inline wf_json wf_json_parse(wf_bytes text);
/* The member of an object, the last one of that name; WF_JSON_NONE without one. */
static inline wf_json wf_json_get(wf_json object, const char *name);
/* Steps through an array or object: at is 0 at first; false at the end. name is of objects. */
static inline bool wf_json_next(wf_json of, uint32_t *at, wf_json *name, wf_json *value);
/* The text of a string without escapes, in the document or in wf_room; null for other types. */
static inline wf_bytes wf_json_text(wf_json string);
/* Whether v is a whole number that fits. */
static inline bool wf_json_integer(wf_json v, int64_t *n);
static inline bool wf_json_number(wf_json v, double *n);

/* ---- what a plugin is ---- */

typedef enum wf_role {
    WF_TRANSFORM, WF_DESERIALIZER, WF_SERIALIZER, WF_PARTITIONER, WF_BUCKETER,
} wf_role;

/* Columns that a function reads. */
enum {
    WF_READS_HEADERS = 1, WF_READS_SOURCE = 2, WF_READS_KEY_GROUP = 4, WF_READS_SCHEMA_ID = 8,
};

typedef struct wf_function {
    const char *name;
    wf_role role;
    wf_result (*call)(const wf_record *r);
    const char *doc;            /* may be NULL */
    unsigned reads;             /* WF_READS_... | WF_READS_... */
    const char *const *outputs; /* names beside the main output, ended by NULL; may be NULL */
} wf_function;

typedef struct wf_texts {
    const wf_bytes *items;
    uint32_t count;
} wf_texts;

typedef enum wf_setting_type { WF_TEXT, WF_INTEGER, WF_NUMBER, WF_BOOL, WF_TEXTS } wf_setting_type;

/* A field of the configuration. value points to the variable it goes to: a wf_bytes, int64_t,
 * double, bool or wf_texts, which holds the default. */
typedef struct wf_setting {
    const char *name;
    wf_setting_type type;
    void *value;
    const char *doc; /* may be NULL */
} wf_setting;

typedef struct wf_plugin {
    const char *name, *version;
    const wf_function *functions; /* ended by an empty one */
    const wf_setting *settings;   /* ended by an empty one; NULL for none */
    bool (*open)(void);           /* after the settings are there; may be NULL. false: wf_refuse */
} wf_plugin;

/* Refuses the configuration: return wf_refuse("rate", "must not be negative"). */
static inline bool wf_refuse(const char *field, const char *message);

/* ---- the layout of frames and outputs (abi/SPEC.md sections 7 and 8) ---- */

#define WF_MAGIC 0x31424657u
#define WF_NONE 0xFFFFFFFFu

enum {
    WF_SAME_KEY = 1, WF_SAME_VALUE = 2, WF_SAME_HEADERS = 4, WF_SAME_TIMESTAMP = 8,
    WF_NULL_KEY = 16, WF_NULL_VALUE = 32,
};
enum { WF_STATUS_OK, WF_STATUS_DROP, WF_STATUS_ERROR, WF_STATUS_END };
enum { WF_CALL_OK, WF_CALL_BAD_FRAME, WF_CALL_NO_FUNCTION, WF_CALL_BROKE };

typedef struct wf_frame_head {
    uint32_t magic, header_size, frame_size, count;
    uint32_t core_offset, core_stride, columns_offset, columns_count;
    uint32_t strings_offset, strings_count, arena_offset, arena_size;
    int64_t batch_time_ns, watermark;
    uint32_t out_records_soft, out_bytes_soft, progress, flags;
    uint64_t seed, reserved;
} wf_frame_head;

typedef struct wf_core_in {
    uint8_t kind, flags;
    uint16_t input;
    uint32_t reserved, key_offset, key_length, value_offset, value_length;
    int64_t timestamp;
} wf_core_in;

typedef struct wf_core_out {
    uint8_t kind, status;
    uint16_t flags;
    uint32_t parent, key, key_length, value, value_length;
    uint16_t output, reserved;
    uint32_t reserved_too;
} wf_core_out;

typedef struct wf_column { uint32_t id, at, stride, count; } wf_column;

typedef struct wf_output {
    uint32_t size, status, consumed, flags;
    uint64_t cursor;
    uint32_t count, core, core_stride, columns, columns_count, strings, strings_count;
    uint32_t error, error_length, reserved;
} wf_output;

typedef struct wf_pair { uint32_t first, count; } wf_pair; /* a range, or headers of a record */
typedef struct wf_header_entry { uint32_t key, key_length, value, value_length; } wf_header_entry;
typedef struct wf_source_row {
    uint32_t split, reserved;
    uint64_t position_high, position_low, ordinal;
} wf_source_row;
typedef struct wf_error_row { uint32_t text, length, code, reserved; } wf_error_row;

/* The columns of an output, by where they stand in wf.out. */
enum { WF_C_HEADERS, WF_C_TIME, WF_C_TARGET, WF_C_PARTITION, WF_C_BUCKET, WF_C_ERROR, WF_C_ALL };
/* The columns of an input, by where they stand in wf.in: one below their ids. */
enum {
    WF_IN_HEADERS, WF_IN_ENTRIES, WF_IN_SOURCE, WF_IN_GROUP, WF_IN_SCHEMA, WF_IN_PARTS, WF_IN_ALL,
};

#ifndef __cplusplus
_Static_assert(sizeof(wf_frame_head) == 96 && sizeof(wf_core_in) == 32, "input");
_Static_assert(sizeof(wf_output) == 64 && sizeof(wf_core_out) == 32, "output");
_Static_assert(sizeof(wf_column) == 16 && sizeof(wf_source_row) == 32, "columns");
#endif

/* ---- the guest ---- */

typedef struct wf_block {
    struct wf_block *next;
    size_t size; /* with this head */
} wf_block;

typedef struct wf_out_column {
    char *rows;
    uint32_t filled; /* rows that have a value; those behind get the default */
} wf_out_column;

/* wf_seen is how many texts the string table knows again. */
#define WF_SEEN 256u

static struct {
    char *region; /* what the host reserved last, NULL for nothing */
    uint32_t region_size, region_capacity;

    wf_block *blocks, *block; /* memory for outputs: all of it, and the one in use */
    char *free, *end;
    wf_block *floor; /* where a call begins: behind what open has kept */
    char *floor_free;
    bool exhausted; /* of memory, in this call */

    wf_column in[WF_IN_ALL]; /* columns of the frame, id 0 without */
    uint64_t cursor;
    uint32_t random; /* how many numbers the record drew */

    wf_core_out *entries;
    uint32_t count, capacity, parent;
    uint64_t size; /* bytes of the output */
    uint32_t entries_soft;
    uint64_t size_soft;
    wf_out_column out[WF_C_ALL];
    wf_header_entry *headers;
    uint32_t headers_count, headers_capacity;
    wf_pair *strings;
    wf_bytes *strings_text;
    uint32_t strings_count, strings_capacity;
    struct { uint32_t index, call; } seen[WF_SEEN];
    uint32_t call;

    wf_bytes text; /* why the record failed */
    uint32_t code;
    uint64_t cursor_out;
    int32_t partition;
    uint32_t bucket;

    bool refused;
    wf_bytes refused_field, refused_message;
    wf_output head;
    wf_column directory[WF_C_ALL + 1];
} wf;

#define wf_frame ((wf_frame_head *)(void *)wf.region)

#ifdef __wasm__
#define WF_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define WF_EXPORT(name) __attribute__((export_name(name)))

WF_IMPORT("wasmflow", "log") void wf_host_log(uint32_t level, const char *text, uint32_t length);
WF_IMPORT("wasmflow", "metric")
void wf_host_metric(uint32_t kind, const char *name, uint32_t length, double value);
WF_IMPORT("wasi_snapshot_preview1", "fd_write")
uint32_t wf_host_write(uint32_t descriptor, const wf_bytes *list, uint32_t count,
                       uint32_t *written);

static inline uint32_t wf_address(const void *p) { return (uint32_t)(uintptr_t)p; }

/* wf_grab takes whole pages from the engine, which live as long as the instance. It shares memory
 * with a malloc that does the same. */
static void *wf_grab(size_t *size) {
    const uint64_t page = 65536;
    uint64_t pages = (*size + page - 1) / page;
    if (pages > 65535) return NULL;
    size_t old = __builtin_wasm_memory_grow(0, (size_t)pages);
    if (old == (size_t)-1) return NULL;
    *size = (size_t)(pages * page);
    return (void *)(old * (size_t)page);
}

__attribute__((noreturn)) static inline void wf_panic(const char *text) {
    const uint32_t standard_error = 2;
    wf_bytes line[2] = {wf_string(text), wf_string("\n")};
    uint32_t written;
    (void)wf_host_write(standard_error, line, 2, &written);
    __builtin_trap();
}
#else
#define WF_EXPORT(name) __attribute__((unused))

/* Natively addresses have 64 bits and those of an output 32: it holds numbers of a list instead. */
static struct { const void **list; uint32_t count, capacity; } wf_addresses;

static uint32_t wf_address(const void *p) {
    if (!p) return 0;
    if (wf_addresses.count + 1 >= wf_addresses.capacity) {
        wf_addresses.capacity = wf_addresses.capacity * 2 + 64;
        wf_addresses.list = (const void **)realloc((void *)wf_addresses.list,
                                                   wf_addresses.capacity * sizeof(void *));
        if (!wf_addresses.list) abort();
    }
    wf_addresses.list[++wf_addresses.count] = p;
    return wf_addresses.count;
}

static void *wf_grab(size_t *size) {
    const size_t page = 65536; /* as in WebAssembly */
    *size = (*size + page - 1) / page * page;
    return calloc(1, *size);
}

void wf_host_log(uint32_t level, const char *text, uint32_t length);
void wf_host_metric(uint32_t kind, const char *name, uint32_t length, double value);

__attribute__((noreturn)) static inline void wf_panic(const char *text) {
    fprintf(stderr, "%s\n", text);
    abort();
}
#endif

/* ---- memory ---- */

/* wf_use makes a block the one that rooms are taken of. */
static void wf_use(wf_block *b) {
    wf.block = b;
    wf.free = (char *)(b + 1);
    wf.end = (char *)b + b->size - WF_SLACK;
}

/* wf_more_room finds a block with n bytes, behind the one in use, or makes one. */
__attribute__((noinline)) static char *wf_more_room(uint32_t n) {
    const size_t least = 65536; /* a page of WebAssembly */
    uint64_t need = (uint64_t)n + sizeof(wf_block) + WF_SLACK + 8;
    if (need > INT32_MAX) { /* it need not fit into a size_t */
        wf.exhausted = true;
        return NULL;
    }
    for (wf_block *b = wf.block ? wf.block->next : wf.blocks; b; b = b->next) {
        if (b->size < need) continue;
        wf_use(b);
        char *p = wf.free;
        wf.free += ((size_t)n + 7) & ~(size_t)7;
        return p;
    }
    /* Half as much again as the block in use, so that there are few. */
    size_t size = need < least ? least : (size_t)need;
    if (wf.block && size < wf.block->size + wf.block->size / 2)
        size = wf.block->size + wf.block->size / 2;
    wf_block *b = (wf_block *)wf_grab(&size);
    if (!b && size > need) {
        size = (size_t)need;
        b = (wf_block *)wf_grab(&size);
    }
    if (!b) {
        wf.exhausted = true;
        return NULL;
    }
    b->size = size;
    b->next = wf.block ? wf.block->next : wf.blocks;
    if (wf.block) wf.block->next = b; else wf.blocks = b;
    wf_use(b);
    char *p = wf.free;
    wf.free += ((size_t)n + 7) & ~(size_t)7;
    return p;
}

static inline char *wf_room(uint32_t n) {
    size_t take = ((size_t)n + 7) & ~(size_t)7;
    if (!wf.free || take > (size_t)(wf.end - wf.free) || take < n) return wf_more_room(n);
    char *p = wf.free;
    wf.free += take;
    return p;
}

static inline wf_bytes wf_copy(wf_bytes b) {
    if (!b.length) return b;
    char *p = wf_room(b.length);
    if (p) __builtin_memcpy(p, b.data, b.length);
    return wf_slice(p, p ? b.length : 0);
}

/* wf_begin_call gives back what the last call took. */
static void wf_begin_call(void) {
    wf.exhausted = false;
    if (wf.floor) {
        wf_use(wf.floor);
        wf.free = wf.floor_free;
    } else if (wf.blocks) {
        wf_use(wf.blocks);
    }
#ifndef __wasm__
    wf_addresses.count = 0;
#endif
}

/* wf_spread copies a table to one of twice the room. The old one is lost until the next call. */
static void *wf_spread(void *old, uint32_t *capacity, uint32_t stride, uint32_t least) {
    uint32_t larger = *capacity ? *capacity * 2 : least;
    if ((uint64_t)larger * stride > INT32_MAX) {
        wf.exhausted = true;
        return NULL;
    }
    void *rows = wf_room(larger * stride);
    if (!rows) return NULL;
    if (*capacity) __builtin_memcpy(rows, old, (size_t)*capacity * stride);
    *capacity = larger;
    return rows;
}

/* ---- writing ---- */

static inline wf_writer wf_begin(uint32_t capacity) {
    wf_writer w;
    w.data = wf_room(capacity);
    w.length = 0;
    w.capacity = w.data ? capacity : 0;
    return w;
}

/* wf_widen moves a writer to a larger room. */
__attribute__((noinline)) static bool wf_widen(wf_writer *w, uint32_t n) {
    uint64_t larger = (uint64_t)w->length + n + w->length / 2 + 64;
    char *data = larger > INT32_MAX ? NULL : wf_room((uint32_t)larger);
    if (!data) {
        wf.exhausted = true;
        return false;
    }
    if (w->length) __builtin_memcpy(data, w->data, w->length);
    w->data = data;
    w->capacity = (uint32_t)larger;
    return true;
}

static inline void wf_put(wf_writer *w, wf_bytes b) {
    if (!b.length || (b.length > w->capacity - w->length && !wf_widen(w, b.length))) return;
    __builtin_memcpy(w->data + w->length, b.data, b.length);
    w->length += b.length;
}

static inline void wf_put_text(wf_writer *w, const char *text) { wf_put(w, wf_string(text)); }

static inline void wf_put_char(wf_writer *w, char c) {
    if (w->length == w->capacity && !wf_widen(w, 1)) return;
    w->data[w->length++] = c;
}

static inline void wf_put_unsigned(wf_writer *w, uint64_t n) {
    char digits[20];
    uint32_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    wf_put(w, wf_slice(digits + at, (uint32_t)sizeof digits - at));
}

static inline void wf_put_integer(wf_writer *w, int64_t n) {
    if (n < 0) wf_put_char(w, '-');
    wf_put_unsigned(w, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static inline void wf_put_json(wf_writer *w, wf_bytes text) {
    static const char hex[] = "0123456789abcdef";
    wf_put_char(w, '"');
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        wf_put(w, wf_slice(text.data + from, i - from));
        from = i + 1;
        wf_put_char(w, '\\');
        switch (c) {
        case '"': case '\\': wf_put_char(w, (char)c); break;
        case '\n': wf_put_char(w, 'n'); break;
        case '\r': wf_put_char(w, 'r'); break;
        case '\t': wf_put_char(w, 't'); break;
        default:
            wf_put_text(w, "u00");
            wf_put_char(w, hex[c >> 4]);
            wf_put_char(w, hex[c & 15]);
        }
    }
    if (from < text.length) wf_put(w, wf_slice(text.data + from, text.length - from));
    wf_put_char(w, '"');
}

static inline wf_bytes wf_written(const wf_writer *w) {
    return wf_slice(w->data ? w->data : "", w->length);
}

/* ---- JSON ---- */

/* wf_json_depth bounds the nesting of documents, since each level is a call. */
enum { wf_json_depth = 64 };

static inline uint32_t wf_json_blank(wf_bytes b, uint32_t at) {
    while (at < b.length && (b.data[at] == ' ' || b.data[at] == '\n' || b.data[at] == '\t' ||
                             b.data[at] == '\r')) at++;
    return at;
}

static inline bool wf_is_digit(char c) { return c >= '0' && c <= '9'; }

static inline int wf_hex_digit(char c) {
    if (wf_is_digit(c)) return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* wf_json_skip_string returns the place behind the string that begins at at; 0 if it is none. */
static uint32_t wf_json_skip_string(wf_bytes b, uint32_t at) {
    for (at++; at < b.length; at++) {
        unsigned char c = (unsigned char)b.data[at];
        if (c == '"') return at + 1;
        if (c < 0x20) return 0;
        if (c != '\\') continue;
        if (++at >= b.length) return 0;
        switch (b.data[at]) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': break;
        case 'u':
            for (int i = 0; i < 4; i++)
                if (++at >= b.length || wf_hex_digit(b.data[at]) < 0) return 0;
            break;
        default: return 0;
        }
    }
    return 0;
}

static uint32_t wf_json_skip_digits(wf_bytes b, uint32_t at) {
    uint32_t from = at;
    while (at < b.length && wf_is_digit(b.data[at])) at++;
    return at == from ? 0 : at;
}

static uint32_t wf_json_skip_number(wf_bytes b, uint32_t at) {
    if (b.data[at] == '-') at++;
    if (at < b.length && b.data[at] == '0') at++;
    else at = wf_json_skip_digits(b, at);
    if (at && at < b.length && b.data[at] == '.') at = wf_json_skip_digits(b, at + 1);
    if (at && at < b.length && (b.data[at] | 32) == 'e') {
        at++;
        if (at < b.length && (b.data[at] == '+' || b.data[at] == '-')) at++;
        at = wf_json_skip_digits(b, at);
    }
    return at;
}

static uint32_t wf_json_skip_word(wf_bytes b, uint32_t at, const char *word) {
    wf_bytes w = wf_string(word);
    return b.length - at >= w.length && wf_equal(wf_slice(b.data + at, w.length), w)
               ? at + w.length : 0;
}

/* wf_json_skip returns the place behind the value that begins at at, and its type; 0 if there is
 * none. */
static uint32_t wf_json_skip(wf_bytes b, uint32_t at, wf_json_type *type, int depth) {
    *type = WF_JSON_NONE;
    if (at >= b.length || depth > wf_json_depth) return 0;
    char open = b.data[at];
    wf_json_type inner;
    switch (open) {
    case '"': *type = WF_JSON_STRING; return wf_json_skip_string(b, at);
    case 't': *type = WF_JSON_BOOL; return wf_json_skip_word(b, at, "true");
    case 'f': *type = WF_JSON_BOOL; return wf_json_skip_word(b, at, "false");
    case 'n': *type = WF_JSON_NULL; return wf_json_skip_word(b, at, "null");
    case '{': case '[': break;
    default:
        *type = WF_JSON_NUMBER;
        return open == '-' || wf_is_digit(open) ? wf_json_skip_number(b, at) : 0;
    }
    char close = open == '{' ? '}' : ']';
    *type = open == '{' ? WF_JSON_OBJECT : WF_JSON_ARRAY;
    at = wf_json_blank(b, at + 1);
    if (at < b.length && b.data[at] == close) return at + 1;
    for (;;) {
        if (open == '{') {
            if (at >= b.length || b.data[at] != '"' || !(at = wf_json_skip_string(b, at))) return 0;
            at = wf_json_blank(b, at);
            if (at >= b.length || b.data[at] != ':') return 0;
            at = wf_json_blank(b, at + 1);
        }
        if (!(at = wf_json_skip(b, at, &inner, depth + 1))) return 0;
        at = wf_json_blank(b, at);
        if (at >= b.length) return 0;
        if (b.data[at] == close) return at + 1;
        if (b.data[at] != ',') return 0;
        at = wf_json_blank(b, at + 1);
    }
}

static inline wf_json wf_json_nothing(void) {
    wf_json none;
    none.type = WF_JSON_NONE;
    none.raw = wf_null();
    return none;
}

static inline wf_json wf_json_parse(wf_bytes text) {
    wf_json v;
    uint32_t from = wf_json_blank(text, 0);
    uint32_t to = wf_json_skip(text, from, &v.type, 0);
    if (!to || wf_json_blank(text, to) != text.length) return wf_json_nothing();
    v.raw = wf_slice(text.data + from, to - from);
    return v;
}

static inline bool wf_json_next(wf_json of, uint32_t *at, wf_json *name, wf_json *value) {
    if (of.type != WF_JSON_ARRAY && of.type != WF_JSON_OBJECT) return false;
    wf_bytes b = of.raw;
    uint32_t i = wf_json_blank(b, *at ? *at : 1);
    if (*at && b.data[i] == ',') i = wf_json_blank(b, i + 1);
    if (i + 1 >= b.length) return false;
    *name = wf_json_nothing();
    if (of.type == WF_JSON_OBJECT) {
        uint32_t to = wf_json_skip(b, i, &name->type, 0);
        name->raw = wf_slice(b.data + i, to - i);
        i = wf_json_blank(b, wf_json_blank(b, to) + 1);
    }
    *at = wf_json_skip(b, i, &value->type, 0);
    value->raw = wf_slice(b.data + i, *at - i);
    return true;
}

/* wf_json_rune appends a code point in UTF-8. */
static void wf_json_rune(wf_writer *w, uint32_t c) {
    if (c < 0x80) {
        wf_put_char(w, (char)c);
        return;
    }
    if (c < 0x800) {
        wf_put_char(w, (char)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            wf_put_char(w, (char)(0xE0 | c >> 12));
        } else {
            wf_put_char(w, (char)(0xF0 | c >> 18));
            wf_put_char(w, (char)(0x80 | (c >> 12 & 63)));
        }
        wf_put_char(w, (char)(0x80 | (c >> 6 & 63)));
    }
    wf_put_char(w, (char)(0x80 | (c & 63)));
}

static inline uint32_t wf_json_unit(wf_bytes b, uint32_t at) {
    uint32_t c = 0;
    for (uint32_t i = 0; i < 4; i++) c = c << 4 | (uint32_t)wf_hex_digit(b.data[at + i]);
    return c;
}

/* wf_json_escape appends what an escape at at means, and returns the place behind it. */
static uint32_t wf_json_escape(wf_writer *w, wf_bytes b, uint32_t at) {
    const uint32_t replacement = 0xFFFD;
    char c = b.data[at + 1];
    if (c != 'u') {
        wf_put_char(w, c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r'
                     : c == 't' ? '\t' : c);
        return at + 2;
    }
    uint32_t unit = wf_json_unit(b, at + 2);
    at += 6;
    if (unit >= 0xD800 && unit < 0xDC00 && b.length - at >= 6 && b.data[at] == '\\' &&
        b.data[at + 1] == 'u') {
        uint32_t low = wf_json_unit(b, at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            wf_json_rune(w, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
            return at + 6;
        }
    }
    wf_json_rune(w, unit >= 0xD800 && unit < 0xE000 ? replacement : unit);
    return at;
}

static inline wf_bytes wf_json_text(wf_json v) {
    if (v.type != WF_JSON_STRING) return wf_null();
    wf_bytes b = wf_slice(v.raw.data + 1, v.raw.length - 2);
    uint32_t at = 0;
    while (at < b.length && b.data[at] != '\\') at++;
    if (at == b.length) return b;
    wf_writer w = wf_begin(b.length);
    for (at = 0; at < b.length;) {
        if (b.data[at] == '\\') at = wf_json_escape(&w, b, at);
        else wf_put_char(&w, b.data[at++]);
    }
    return wf_written(&w);
}

static inline wf_json wf_json_get(wf_json object, const char *name) {
    wf_json found = wf_json_nothing(), key, value;
    uint32_t at = 0;
    if (object.type != WF_JSON_OBJECT) return found;
    while (wf_json_next(object, &at, &key, &value))
        if (wf_is(wf_json_text(key), name)) found = value;
    return found;
}

static inline bool wf_json_integer(wf_json v, int64_t *n) {
    if (v.type != WF_JSON_NUMBER) return false;
    bool minus = v.raw.data[0] == '-';
    uint64_t most = minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, sum = 0;
    for (uint32_t i = minus; i < v.raw.length; i++) {
        if (!wf_is_digit(v.raw.data[i])) return false;
        uint64_t digit = (uint64_t)(v.raw.data[i] - '0');
        if (sum > (most - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *n = minus ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

/* A number of up to 15 digits and a power of ten up to 22 is exact; others may be the neighbour. */
static inline bool wf_json_number(wf_json v, double *n) {
    if (v.type != WF_JSON_NUMBER) return false;
    double sum = 0;
    int power = 0, shift = 0, sign = 1;
    uint32_t i = v.raw.data[0] == '-';
    bool point = false;
    for (; i < v.raw.length && (v.raw.data[i] | 32) != 'e'; i++) {
        if (v.raw.data[i] == '.') {
            point = true;
            continue;
        }
        sum = sum * 10 + (v.raw.data[i] - '0');
        power -= point;
    }
    for (i++; i < v.raw.length; i++) {
        if (v.raw.data[i] == '-') sign = -1;
        else if (v.raw.data[i] != '+' && shift < 10000) shift = shift * 10 + (v.raw.data[i] - '0');
    }
    power += sign * shift;
    double scale = 1;
    for (int p = power < 0 ? -power : power; p > 0 && scale < 1e308; p--) scale *= 10;
    *n = (power < 0 ? sum / scale : sum * scale) * (v.raw.data[0] == '-' ? -1 : 1);
    return true;
}

/* ---- input ---- */

/* wf_lies says whether a range ends beyond the frame. */
static inline bool wf_lies(uint32_t offset, uint64_t length) {
    return offset + length > wf_frame->frame_size;
}

/* wf_load_columns finds the columns of the frame; false if one is not right. */
static bool wf_load_columns(void) {
    static const uint32_t sizes[WF_IN_ALL] = {8, 16, 32, 4, 4, 4};
    const uint32_t most = 64, size = 16;
    wf_frame_head *f = wf_frame;
    __builtin_memset(wf.in, 0, sizeof wf.in);
    if (f->columns_count > most || f->columns_offset % 4 ||
        (f->columns_count && wf_lies(f->columns_offset, (uint64_t)f->columns_count * size)))
        return false;
    const wf_column *list = (const wf_column *)(void *)(wf.region + f->columns_offset);
    for (uint32_t i = 0; i < f->columns_count; i++) {
        wf_column c = list[i];
        if (c.id < 1 || c.id > WF_IN_ALL) continue;
        if (c.count && (c.stride < sizes[c.id - 1] || c.stride % 4 || c.at % 4 ||
                        wf_lies(c.at, (uint64_t)c.count * c.stride)))
            return false;
        if (c.id != WF_IN_ENTRIES + 1 && c.count != f->count) return false;
        wf.in[c.id - 1] = c;
    }
    return true;
}

/* wf_frame_problem says what is wrong with the frame, NULL if nothing is. Ranges of records are
 * looked at when they are read. */
static const char *wf_frame_problem(uint32_t first) {
    if (!wf.region || wf.region_size < sizeof(wf_frame_head)) return "there is no frame";
    wf_frame_head *f = wf_frame;
    if (f->magic != WF_MAGIC) return "the frame has another magic number";
    if (f->header_size < sizeof(wf_frame_head)) return "the header is too small";
    if (f->frame_size > wf.region_size) return "the frame is larger than its region";
    if (f->core_stride < sizeof(wf_core_in) || (f->core_stride | f->core_offset) % 8)
        return "the core table is not aligned";
    if (wf_lies(f->core_offset, (uint64_t)f->count * f->core_stride))
        return "the core table ends beyond the frame";
    if (f->strings_count && (f->strings_offset % 4 ||
                             wf_lies(f->strings_offset, (uint64_t)f->strings_count * 8)))
        return "the string table ends beyond the frame";
    if (!wf_load_columns()) return "a column ends beyond the frame, or is not aligned";
    if (first > f->count) return "first is above the number of records";
    return NULL;
}

/* wf_range views a part of the frame; false if it ends beyond it. The offset of an empty one means
 * nothing. */
static inline bool wf_range(uint32_t offset, uint32_t length, wf_bytes *b) {
    *b = wf_slice(length ? wf.region + offset : wf.region, length);
    return !length || !wf_lies(offset, length);
}

static inline bool wf_read(const wf_core_in *c, uint32_t i, wf_record *r) {
    enum { null_key = 1, null_value = 2 };
    r->index = i;
    r->timestamp = c->timestamp;
    r->key = r->value = wf_null();
    return (c->flags & null_key || wf_range(c->key_offset, c->key_length, &r->key)) &&
           (c->flags & null_value || wf_range(c->value_offset, c->value_length, &r->value));
}

/* wf_row returns a record's row of a column; NULL without the column. */
static inline const void *wf_row(uint32_t column, uint32_t i) {
    const wf_column *c = &wf.in[column];
    return c->id ? wf.region + c->at + (size_t)i * c->stride : NULL;
}

static inline uint32_t wf_row_number(uint32_t column, const wf_record *r) {
    const uint32_t *row = (const uint32_t *)wf_row(column, r->index);
    return row ? *row : 0;
}

static inline uint32_t wf_key_group(const wf_record *r) { return wf_row_number(WF_IN_GROUP, r); }
static inline uint32_t wf_schema_id(const wf_record *r) { return wf_row_number(WF_IN_SCHEMA, r); }
static inline uint32_t wf_partitions(const wf_record *r) { return wf_row_number(WF_IN_PARTS, r); }

static inline wf_pair wf_headers_of(uint32_t i) {
    const wf_pair *row = (const wf_pair *)wf_row(WF_IN_HEADERS, i);
    wf_pair none = {0, 0};
    uint32_t all = wf.in[WF_IN_ENTRIES].id ? wf.in[WF_IN_ENTRIES].count : 0;
    return row && (uint64_t)row->first + row->count <= all ? *row : none;
}

static inline uint32_t wf_header_count(const wf_record *r) { return wf_headers_of(r->index).count; }

static inline wf_header wf_header_at(const wf_record *r, uint32_t i) {
    wf_header h;
    wf_pair list = wf_headers_of(r->index);
    h.key = h.value = wf_null();
    if (i >= list.count) return h;
    const wf_header_entry *e = (const wf_header_entry *)wf_row(WF_IN_ENTRIES, list.first + i);
    bool right = wf_range(e->key, e->key_length, &h.key);
    if (e->value_length != WF_NONE) right = wf_range(e->value, e->value_length, &h.value) && right;
    if (!right) wf_panic("wasmflow: a header ends beyond the frame");
    return h;
}

static inline bool wf_header_find(const wf_record *r, const char *key, wf_bytes *value) {
    uint32_t n = wf_header_count(r);
    for (uint32_t i = 0; i < n; i++) {
        wf_header h = wf_header_at(r, i);
        if (!wf_is(h.key, key)) continue;
        *value = h.value;
        return true;
    }
    return false;
}

static inline wf_origin wf_origin_of(const wf_record *r) {
    wf_origin o;
    const wf_source_row *row = (const wf_source_row *)wf_row(WF_IN_SOURCE, r->index);
    __builtin_memset(&o, 0, sizeof o);
    if (!row) return o;
    __builtin_memcpy(&o.position_high, &row->position_high, 3 * sizeof(uint64_t));
    if (row->split < wf_frame->strings_count) {
        const wf_pair *s = (const wf_pair *)(void *)(wf.region + wf_frame->strings_offset);
        if (!wf_range(s[row->split].first, s[row->split].count, &o.split))
            wf_panic("wasmflow: the name of a split ends beyond the frame");
    }
    return o;
}

static inline int64_t wf_now_ns(void) { return wf.region ? wf_frame->batch_time_ns : 0; }
static inline uint64_t wf_cursor(void) { return wf.cursor; }

static inline uint64_t wf_mix(uint64_t h) {
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

static inline uint64_t wf_random(void) {
    uint64_t place = (uint64_t)wf.parent << 32 | wf.random++;
    return wf_mix(wf_mix(wf_frame->seed ^ wf.cursor) + wf_mix(place + 1));
}

/* ---- output ---- */

static inline wf_result wf_fail_bytes(uint32_t code, wf_bytes text) {
    wf.code = code;
    wf.text = text;
    return WF_FAILED;
}

static inline wf_result wf_fail(uint32_t code, const char *text) {
    return wf_fail_bytes(code, wf_string(text));
}

static inline wf_result wf_continue(uint64_t cursor) {
    wf.cursor_out = cursor;
    return WF_CONTINUES;
}

static inline wf_result wf_end_of_stream(void) { return WF_ENDS; }

static inline bool wf_full(void) {
    return wf.count >= wf.entries_soft || wf.size >= wf.size_soft;
}

/* wf_add adds an entry and returns it zeroed but for flags; NULL without memory. */
static inline wf_core_out *wf_add(uint32_t flags) {
    if (wf.count == wf.capacity) {
        const uint32_t least = 1024; /* 32 KiB */
        void *rows = wf_spread(wf.entries, &wf.capacity, sizeof(wf_core_out), least);
        if (!rows) return NULL;
        wf.entries = (wf_core_out *)rows;
    }
    wf_core_out *e = &wf.entries[wf.count++];
    uint64_t head[4] = {(uint64_t)flags << 16 | (uint64_t)wf.parent << 32, 0, 0, 0};
    __builtin_memcpy(e, head, sizeof *e);
    return e;
}

static inline wf_entry wf_forward(void) {
    uint32_t same = WF_SAME_KEY | WF_SAME_VALUE | WF_SAME_HEADERS | WF_SAME_TIMESTAMP;
    return wf_add(same) ? wf.count - 1 : WF_NONE;
}

static inline void wf_set_value(wf_entry i, wf_bytes value) {
    if (i >= wf.count) return; /* there was no memory for it */
    wf_core_out *e = &wf.entries[i];
    e->flags = (uint16_t)((e->flags & ~(WF_SAME_VALUE | WF_NULL_VALUE)) |
                          (value.data ? 0 : WF_NULL_VALUE));
    e->value = value.length ? wf_address(value.data) : 0;
    e->value_length = value.length;
    wf.size += value.length;
}

static inline void wf_set_key(wf_entry i, wf_bytes key) {
    if (i >= wf.count) return;
    wf_core_out *e = &wf.entries[i];
    e->flags = (uint16_t)((e->flags & ~(WF_SAME_KEY | WF_NULL_KEY)) | (key.data ? 0 : WF_NULL_KEY));
    e->key = key.length ? wf_address(key.data) : 0;
    e->key_length = key.length;
    wf.size += key.length;
}

static inline wf_entry wf_emit_value(wf_bytes value) {
    wf_entry e = wf_forward();
    wf_set_value(e, value);
    return e;
}

static inline wf_entry wf_emit(wf_bytes key, wf_bytes value) {
    wf_entry e = wf_emit_value(value);
    wf_set_key(e, key);
    return e;
}

static const uint32_t wf_out_sizes[WF_C_ALL] = {8, 8, 4, 4, 4, 16};

/* wf_default fills rows of a column up to end with what stands for nothing. */
static void wf_default(uint32_t column, uint32_t end) {
    wf_out_column *c = &wf.out[column];
    uint32_t size = wf_out_sizes[column];
    for (; c->filled < end; c->filled++) {
        char *row = c->rows + (size_t)c->filled * size;
        int64_t none = WF_NO_TIMESTAMP;
        bool ones = column == WF_C_TARGET || column == WF_C_PARTITION || column == WF_C_BUCKET;
        if (column == WF_C_TIME) __builtin_memcpy(row, &none, sizeof none);
        else __builtin_memset(row, ones ? 0xFF : 0, size);
    }
}

/* wf_cell returns the row of entry i in a column of the output; NULL without memory. The rows of a
 * column reach as far as the table of entries; when that grows, a column is made anew. */
static void *wf_cell(uint32_t column, uint32_t i) {
    wf_out_column *c = &wf.out[column];
    uint32_t size = wf_out_sizes[column];
    if (i >= wf.count) return NULL;
    /* The number of rows stands before them. */
    uint32_t room = c->rows ? *(uint32_t *)(void *)(c->rows - 8) : 0;
    if (i >= room) {
        char *rows = wf_room(8 + wf.capacity * size);
        if (!rows) return NULL;
        *(uint32_t *)(void *)rows = wf.capacity;
        if (c->filled) __builtin_memcpy(rows + 8, c->rows, (size_t)c->filled * size);
        c->rows = rows + 8;
    }
    wf_default(column, i + 1);
    return c->rows + (size_t)i * size;
}

static inline void wf_set_timestamp(wf_entry i, int64_t milliseconds) {
    int64_t *row = (int64_t *)wf_cell(WF_C_TIME, i);
    if (!row) return;
    *row = milliseconds;
    wf.entries[i].flags &= (uint16_t)~WF_SAME_TIMESTAMP;
}

static inline void wf_set_output(wf_entry i, uint32_t output) {
    if (i < wf.count) wf.entries[i].output = (uint16_t)output;
}

static inline void wf_set_partition(wf_entry i, int32_t partition) {
    int32_t *row = (int32_t *)wf_cell(WF_C_PARTITION, i);
    if (row) *row = partition;
}

/* wf_text_index returns the place of a text in the table of strings. Texts that came up before in
 * this call mostly get the same place, so that few names are named once. */
static uint32_t wf_text_index(wf_bytes text) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < text.length; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    uint32_t slot = (hash ^ hash >> 16) % WF_SEEN;
    if (wf.seen[slot].call == wf.call && wf_equal(wf.strings_text[wf.seen[slot].index], text))
        return wf.seen[slot].index;
    if (wf.strings_count == wf.strings_capacity) {
        const uint32_t least = 64;
        uint32_t capacity = wf.strings_capacity;
        void *rows = wf_spread(wf.strings, &capacity, sizeof(wf_pair), least);
        void *texts = NULL;
        if (rows)
            texts = wf_spread(wf.strings_text, &wf.strings_capacity, sizeof(wf_bytes), least);
        if (!texts) return WF_NONE;
        wf.strings = (wf_pair *)rows;
        wf.strings_text = (wf_bytes *)texts;
    }
    uint32_t i = wf.strings_count++;
    wf.strings[i].first = text.length ? wf_address(text.data) : 0;
    wf.strings[i].count = text.length;
    wf.strings_text[i] = text;
    wf.seen[slot].index = i;
    wf.seen[slot].call = wf.call;
    wf.size += text.length;
    return i;
}

static inline void wf_set_target(wf_entry i, wf_bytes name) {
    uint32_t *row = (uint32_t *)wf_cell(WF_C_TARGET, i);
    if (row) *row = name.data ? wf_text_index(name) : WF_NONE;
}

static inline void wf_choose_partition(int32_t partition) { wf.partition = partition; }
static inline void wf_choose_bucket(wf_bytes name) { wf.bucket = wf_text_index(name); }

static bool wf_push_header(wf_header h) {
    if (wf.headers_count == wf.headers_capacity) {
        const uint32_t least = 256;
        void *rows = wf_spread(wf.headers, &wf.headers_capacity, sizeof(wf_header_entry), least);
        if (!rows) return false;
        wf.headers = (wf_header_entry *)rows;
    }
    wf_header_entry *e = &wf.headers[wf.headers_count++];
    e->key = h.key.length ? wf_address(h.key.data) : 0;
    e->key_length = h.key.length;
    e->value = h.value.length ? wf_address(h.value.data) : 0;
    e->value_length = h.value.data ? h.value.length : WF_NONE;
    wf.size += (uint64_t)h.key.length + h.value.length;
    return true;
}

static inline void wf_clear_headers(wf_entry i) {
    wf_pair *row = (wf_pair *)wf_cell(WF_C_HEADERS, i);
    if (!row) return;
    row->first = row->count = 0;
    wf.entries[i].flags &= (uint16_t)~WF_SAME_HEADERS;
}

static inline void wf_add_header(wf_entry i, wf_bytes key, wf_bytes value) {
    wf_pair *row = (wf_pair *)wf_cell(WF_C_HEADERS, i);
    if (!row) return;
    wf_record parent;
    parent.index = wf.entries[i].parent;
    if (wf.entries[i].flags & WF_SAME_HEADERS) {
        wf_clear_headers(i);
        row->first = wf.headers_count;
        uint32_t n = wf_header_count(&parent);
        for (uint32_t k = 0; k < n; k++)
            if (wf_push_header(wf_header_at(&parent, k))) row->count++;
    } else if (row->first + row->count != wf.headers_count) {
        /* Headers of another entry stand behind: this entry's move to the end. */
        uint32_t from = row->first;
        row->first = wf.headers_count;
        for (uint32_t k = 0; k < row->count; k++) {
            wf_header none;
            none.key = none.value = wf_null();
            if (!wf_push_header(none)) return;
            wf.headers[wf.headers_count - 1] = wf.headers[from + k];
        }
    }
    wf_header h;
    h.key = key;
    h.value = value;
    if (wf_push_header(h)) row->count++;
}

static inline void wf_log(wf_level level, wf_bytes text) {
    wf_host_log((uint32_t)level, text.data, text.length);
}

static inline void wf_metric(uint32_t kind, const char *name, double value) {
    wf_host_metric(kind, name, wf_string(name).length, value);
}

static inline void wf_count(const char *name, double delta) { wf_metric(0, name, delta); }
static inline void wf_gauge(const char *name, double value) { wf_metric(1, name, value); }
static inline void wf_observe(const char *name, double value) { wf_metric(2, name, value); }

/* ---- a call ---- */

static void wf_begin_output(void) {
    uint32_t capacity = wf.capacity;
    __builtin_memset(wf.out, 0, sizeof wf.out);
    wf.count = wf.headers_count = wf.headers_capacity = wf.strings_count = wf.strings_capacity = 0;
    wf.capacity = 0;
    wf.size = 0;
    wf.call++;
    /* The table is as large as the last call's from the start. */
    if (capacity) wf.entries = (wf_core_out *)(void *)wf_room(capacity * sizeof(wf_core_out));
    if (capacity && wf.entries) wf.capacity = capacity;
    wf.entries_soft = wf_frame->out_records_soft ? wf_frame->out_records_soft : WF_NONE;
    wf.size_soft = wf_frame->out_bytes_soft ? wf_frame->out_bytes_soft : UINT64_MAX;
}

static wf_output *wf_refuse_call(uint32_t status, const char *text) {
    __builtin_memset(&wf.head, 0, sizeof wf.head);
    wf.head.size = sizeof(wf_output);
    wf.head.status = status;
    wf.head.error = wf_address(text);
    wf.head.error_length = wf_string(text).length;
    return &wf.head;
}

/* wf_take_back removes what the record emitted since there were count entries. */
static void wf_take_back(uint32_t count, uint64_t size) {
    wf.count = count;
    wf.size = size;
    for (uint32_t c = 0; c < WF_C_ALL; c++)
        if (wf.out[c].filled > count) wf.out[c].filled = count;
}

static bool wf_end_record(uint8_t status) {
    wf_core_out *e = wf_add(0);
    if (!e) return false;
    e->status = status;
    return true;
}

static bool wf_error_entry(wf_bytes text, uint32_t code) {
    const uint32_t longest = 4096; /* the text ends in a header of a dead letter */
    if (!wf_end_record(WF_STATUS_ERROR)) return false;
    wf_error_row *row = (wf_error_row *)wf_cell(WF_C_ERROR, wf.count - 1);
    if (!row) return false;
    row->text = text.length ? wf_address(text.data) : 0;
    row->length = text.length < longest ? text.length : longest;
    row->code = code;
    return true;
}

/* wf_answer adds the one entry of a partitioner or bucketer. */
static bool wf_answer(wf_role role) {
    uint32_t column = role == WF_PARTITIONER ? WF_C_PARTITION : WF_C_BUCKET;
    if (!wf_end_record(WF_STATUS_OK)) return false;
    int32_t *row = (int32_t *)wf_cell(column, wf.count - 1);
    if (row) *row = role == WF_PARTITIONER ? wf.partition : (int32_t)wf.bucket;
    return row != NULL;
}

/* wf_run gives one record to a function; false if there is no memory even for its failure. */
static bool wf_run(const wf_function *fn, uint32_t i, wf_result *result) {
    wf_record r;
    uint32_t count = wf.count;
    uint64_t size = wf.size;
    bool answers = fn->role == WF_PARTITIONER || fn->role == WF_BUCKETER;
    const wf_core_in *core = (const wf_core_in *)(void *)(wf.region + wf_frame->core_offset +
                                                          (size_t)i * wf_frame->core_stride);
    if (core->kind != 0) { /* of a kind that is not known */
        *result = WF_OK;
        return true;
    }
    wf.parent = i;
    wf.random = 0;
    wf.partition = -1;
    wf.bucket = WF_NONE;
    *result = wf_read(core, i, &r) ? fn->call(&r) : wf_fail(0, "the record ends beyond the frame");
    if (*result == WF_OK && answers && !wf.exhausted) (void)wf_answer(fn->role);
    if (*result == WF_CONTINUES && wf.count == count)
        *result = wf_fail(0, "wasmflow: wf_continue without output");
    if (*result == WF_ENDS && fn->role != WF_DESERIALIZER)
        *result = wf_fail(0, "wasmflow: only a deserializer can end the stream");
    if (wf.exhausted) {
        wf.exhausted = false;
        wf.entries_soft = 0; /* the next call has the memory again */
        *result = wf_fail(0, "out of memory: no room for the output");
    }
    if (*result == WF_ENDS) return wf_end_record(WF_STATUS_END);
    if (*result != WF_FAILED) return true;
    wf_take_back(count, size);
    return wf_error_entry(wf.text, wf.code);
}

static void wf_put_column(uint32_t id, const void *rows, uint32_t stride, uint32_t count) {
    wf_column *c = &wf.directory[wf.head.columns_count++];
    c->id = id;
    c->at = wf_address(rows);
    c->stride = stride;
    c->count = count;
}

static wf_output *wf_finish(uint32_t consumed, bool more) {
    static const uint32_t ids[WF_C_ALL] = {1, 16, 17, 18, 19, 20};
    wf_output *h = &wf.head;
    __builtin_memset(h, 0, sizeof *h);
    h->size = sizeof *h;
    h->consumed = consumed;
    h->flags = more;
    h->cursor = more ? wf.cursor_out : 0;
    h->count = wf.count;
    h->core = wf_address(wf.entries);
    h->core_stride = sizeof(wf_core_out);
    for (uint32_t c = 0; c < WF_C_ALL && wf.count; c++) {
        if (!wf.out[c].rows) continue;
        if (!wf_cell(c, wf.count - 1)) return wf_refuse_call(WF_CALL_BROKE, "out of memory");
        wf_put_column(ids[c], wf.out[c].rows, wf_out_sizes[c], wf.count);
    }
    if (wf.out[WF_C_HEADERS].rows && wf.headers_count)
        wf_put_column(2, wf.headers, sizeof(wf_header_entry), wf.headers_count);
    h->columns = wf_address(wf.directory);
    h->strings = wf.strings_count ? wf_address(wf.strings) : 0;
    h->strings_count = wf.strings_count;
    return h;
}

static wf_output *wf_process(const wf_plugin *p, uint32_t function, uint32_t first,
                             uint64_t cursor) {
    uint32_t functions = 0;
    while (p->functions[functions].name) functions++;
    wf_begin_call();
    if (wf.refused) return wf_refuse_call(WF_CALL_BROKE, "the configuration was refused");
    if (function >= functions)
        return wf_refuse_call(WF_CALL_NO_FUNCTION, "there is no such function");
    const char *problem = wf_frame_problem(first);
    if (problem) return wf_refuse_call(WF_CALL_BAD_FRAME, problem);
    wf_begin_output();
    const wf_function *fn = &p->functions[function];
    uint32_t count = wf_frame->count;
    wf_result result = WF_OK;
    wf.cursor = cursor;
    uint32_t i = first;
    while (i < count) {
        wf_frame->progress = i;
        if (!wf_run(fn, i, &result)) return wf_refuse_call(WF_CALL_BROKE, "out of memory");
        if (result == WF_CONTINUES) break;
        i++;
        wf.cursor = 0;
        if (wf_full()) break;
    }
    wf_frame->progress = WF_NONE;
    return wf_finish(i, i < count && result == WF_CONTINUES);
}

static char *wf_reserve(uint32_t n) {
    const uint32_t ample = n / 4; /* frames grow with the batch: a few times, not often */
    if (wf.region && n <= wf.region_capacity) {
        wf.region_size = n;
        return wf.region;
    }
    size_t size = (size_t)n + ample + WF_SLACK;
    if (size < n) return NULL;
    char *region = (char *)wf_grab(&size);
    if (!region) {
        size = (size_t)n + WF_SLACK;
        region = (char *)wf_grab(&size);
    }
    if (!region) return NULL;
    if (wf.region) { /* the old one serves for outputs */
        wf_block *b = (wf_block *)(void *)wf.region;
        b->size = (size_t)wf.region_capacity + WF_SLACK;
        b->next = wf.block ? wf.block->next : wf.blocks;
        if (wf.block) wf.block->next = b; else wf.blocks = b;
    }
    wf.region = region;
    wf.region_size = n;
    wf.region_capacity = (uint32_t)(size - WF_SLACK < INT32_MAX ? size - WF_SLACK : INT32_MAX);
    return region;
}

/* ---- description ---- */

static void wf_describe_reads(wf_writer *w, unsigned reads) {
    static const char *const names[] = {"headers", "source", "key_group", "schema_id"};
    bool first = true;
    wf_put_text(w, ",\"columns\":[");
    for (uint32_t i = 0; i < 4; i++) {
        if (!(reads >> i & 1)) continue;
        if (!first) wf_put_char(w, ',');
        first = false;
        wf_put_json(w, wf_string(names[i]));
    }
    wf_put_char(w, ']');
}

static void wf_describe_function(wf_writer *w, const wf_function *f) {
    static const char *const roles[] = {
        "transform", "deserializer", "serializer", "partitioner", "bucketer",
    };
    wf_put_text(w, "{\"name\":");
    wf_put_json(w, wf_string(f->name));
    wf_put_text(w, ",\"role\":");
    wf_put_json(w, wf_string(roles[f->role]));
    if (f->reads) wf_describe_reads(w, f->reads);
    if (f->outputs && f->outputs[0]) {
        wf_put_text(w, ",\"outputs\":[");
        for (uint32_t i = 0; f->outputs[i]; i++) {
            if (i) wf_put_char(w, ',');
            wf_put_json(w, wf_string(f->outputs[i]));
        }
        wf_put_char(w, ']');
    }
    if (f->doc) {
        wf_put_text(w, ",\"doc\":");
        wf_put_json(w, wf_string(f->doc));
    }
    wf_put_char(w, '}');
}

static void wf_describe_setting(wf_writer *w, const wf_setting *s) {
    static const char *const types[] = {"string", "integer", "number", "boolean", "array"};
    wf_put_json(w, wf_string(s->name));
    wf_put_text(w, ":{\"type\":");
    wf_put_json(w, wf_string(types[s->type]));
    if (s->type == WF_TEXTS) wf_put_text(w, ",\"items\":{\"type\":\"string\"}");
    if (s->doc) {
        wf_put_text(w, ",\"description\":");
        wf_put_json(w, wf_string(s->doc));
    }
    wf_put_char(w, '}');
}

static inline wf_bytes wf_describe(const wf_plugin *p) {
    wf_begin_call();
    wf_writer w = wf_begin(1024);
    wf_put_text(&w, "{\"name\":");
    wf_put_json(&w, wf_string(p->name));
    wf_put_text(&w, ",\"version\":");
    wf_put_json(&w, wf_string(p->version));
    wf_put_text(&w, ",\"functions\":[");
    for (const wf_function *f = p->functions; f->name; f++) {
        if (f != p->functions) wf_put_char(&w, ',');
        wf_describe_function(&w, f);
    }
    wf_put_text(&w, "],\"config_schema\":{\"type\":\"object\",\"properties\":{");
    for (const wf_setting *s = p->settings; s && s->name; s++) {
        if (s != p->settings) wf_put_char(&w, ',');
        wf_describe_setting(&w, s);
    }
    wf_put_text(&w, "},\"additionalProperties\":false}}");
    return wf_written(&w);
}

/* ---- configuration ---- */

static inline bool wf_refuse(const char *field, const char *message) {
    wf.refused = true;
    wf.refused_field = wf_string(field);
    wf.refused_message = wf_string(message);
    return false;
}

static bool wf_set_texts(wf_texts *to, wf_json v) {
    wf_json name, item;
    uint32_t at = 0, n = 0;
    if (v.type != WF_JSON_ARRAY) return false;
    while (wf_json_next(v, &at, &name, &item)) n++;
    wf_bytes *list = (wf_bytes *)(void *)wf_room(n * (uint32_t)sizeof(wf_bytes));
    if (!list) return false;
    for (at = n = 0; wf_json_next(v, &at, &name, &item); n++) {
        if (item.type != WF_JSON_STRING) return false;
        list[n] = wf_copy(wf_json_text(item));
    }
    to->items = list;
    to->count = n;
    return true;
}

/* wf_set gives a setting its value; false if that is of another type. */
static bool wf_set(const wf_setting *s, wf_json v) {
    switch (s->type) {
    case WF_TEXT:
        if (v.type != WF_JSON_STRING) return false;
        *(wf_bytes *)s->value = wf_copy(wf_json_text(v));
        return true;
    case WF_INTEGER: return wf_json_integer(v, (int64_t *)s->value);
    case WF_NUMBER: return wf_json_number(v, (double *)s->value);
    case WF_BOOL:
        if (v.type != WF_JSON_BOOL) return false;
        *(bool *)s->value = v.raw.data[0] == 't';
        return true;
    case WF_TEXTS: return wf_set_texts((wf_texts *)s->value, v);
    }
    return false;
}

static bool wf_configure(const wf_plugin *p, wf_bytes text) {
    static const char *const wanted[] = {
        "must be a text", "must be a whole number", "must be a number", "must be true or false",
        "must be a list of texts",
    };
    wf_json config = wf_json_parse(text), key, value;
    uint32_t at = 0;
    if (config.type != WF_JSON_OBJECT) return wf_refuse("", "the configuration is no JSON object");
    while (wf_json_next(config, &at, &key, &value)) {
        wf_bytes name = wf_json_text(key);
        const wf_setting *s = p->settings;
        while (s && s->name && !wf_is(name, s->name)) s++;
        if (!s || !s->name) {
            wf_refuse("", "there is no such setting");
            wf.refused_field = name;
            return false;
        }
        if (!wf_set(s, value)) return wf_refuse(s->name, wanted[s->type]);
    }
    if (p->open && !p->open())
        return wf.refused ? false : wf_refuse("", "the plugin cannot be opened");
    return true;
}

/* wf_open returns the refusal; null if there is none. What it takes of memory stays. */
static wf_bytes wf_open(const wf_plugin *p, wf_bytes text) {
    wf_begin_call();
    if (wf_configure(p, text) && !wf.exhausted) {
        wf.floor = wf.block;
        wf.floor_free = wf.free;
        return wf_null();
    }
    if (!wf.refused) wf_refuse("", "out of memory");
    wf_writer w = wf_begin(256);
    wf_put_text(&w, "{\"field\":");
    wf_put_json(&w, wf.refused_field);
    wf_put_text(&w, ",\"message\":");
    wf_put_json(&w, wf.refused_message);
    wf_put_char(&w, '}');
    return wf_written(&w);
}

/* ---- the exports ---- */

#ifdef __wasm__
static inline uint64_t wf_packed(wf_bytes b) {
    return b.data ? (uint64_t)wf_address(b.data) << 32 | b.length : 0;
}

#define WF_PLUGIN(plugin)                                                                          \
    WF_EXPORT("wasmflow_abi_v1") uint32_t wf_export_abi(void) { return 0; }                        \
    WF_EXPORT("wasmflow_describe") uint64_t wf_export_describe(void) {                             \
        return wf_packed(wf_describe(&(plugin)));                                                  \
    }                                                                                              \
    WF_EXPORT("wasmflow_open") uint64_t wf_export_open(const char *text, uint32_t length) {        \
        return wf_packed(wf_open(&(plugin), wf_slice(text, length)));                              \
    }                                                                                              \
    WF_EXPORT("wasmflow_reserve") char *wf_export_reserve(uint32_t n) { return wf_reserve(n); }    \
    WF_EXPORT("wasmflow_process")                                                                  \
    wf_output *wf_export_process(uint32_t function, uint32_t first, uint64_t cursor) {             \
        return wf_process(&(plugin), function, first, cursor);                                     \
    }
#else
#define WF_PLUGIN(plugin) static const wf_plugin *const wf_the_plugin = &(plugin);
#endif

#ifdef __cplusplus
}
#endif

#endif
