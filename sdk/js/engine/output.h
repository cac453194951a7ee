/*
 * output.h: the output of the running call.
 *
 * Three tables and one run of bytes that grow as they have to and are used anew by the next call.
 * A table that cannot grow makes the call that wanted it fail, which is the record's failure.
 */
#ifndef WF_OUTPUT_H
#define WF_OUTPUT_H

#include <string.h>

#include "frame.h"

typedef struct {
    void *at;
    uint32_t count, capacity;
} wf_table;

/* What a record has added, so that it can be taken back. */
typedef struct { uint32_t rows, headers, strings, bytes; } wf_mark;

static struct {
    wf_table rows, headers, strings, bytes;
    uint64_t size;      /* of keys and values */
    uint32_t columns;   /* bit i: column i is used */
    wf_column directory[8];
    wf_answer answer;
} out;

/* wf_grow makes room for n more entries and one to spare: a column that begins inside the last row
 * of a table reaches into the row behind it. */
static bool wf_grow(wf_table *t, uint32_t n, uint32_t size) {
    if ((uint64_t)t->count + n < t->capacity) return true;
    uint64_t ample = 2 * ((uint64_t)t->capacity + n) + 64;
    uint64_t enough = (uint64_t)t->count + n + 1;
    void *at = NULL;
    if (ample * size < UINT32_MAX) at = realloc(t->at, ample * size);
    if (!at && enough * size < UINT32_MAX) at = realloc(t->at, (ample = enough) * size);
    if (!at) return false;
    t->at = at;
    t->capacity = (uint32_t)ample;
    return true;
}

static inline wf_row *wf_row_at(uint32_t i) { return (wf_row *)out.rows.at + i; }

/* wf_add adds a row that is its parent over again. NULL: no memory. */
static wf_row *wf_add(uint32_t parent) {
    if (!wf_grow(&out.rows, 1, sizeof(wf_row))) return NULL;
    wf_row *r = wf_row_at(out.rows.count++);
    *r = (wf_row){
        .flags = WF_SAME, .parent = parent, .timestamp = WF_NO_TIMESTAMP,
        .target = WF_NONE, .partition = -1, .bucket = WF_NONE,
    };
    return r;
}

/* wf_put copies bytes to the output and returns their offset. */
static bool wf_put(const void *from, uint32_t length, uint32_t *offset) {
    if (!wf_grow(&out.bytes, length, 1)) return false;
    *offset = out.bytes.count;
    if (length) memcpy((uint8_t *)out.bytes.at + *offset, from, length);
    out.bytes.count += length;
    return true;
}

/* Names of targets and buckets are few; so many of the last ones are looked at for a name. */
#define WF_STRINGS_BACK 32

/* wf_name returns the index of a name in the string table. */
static bool wf_name(const char *text, uint32_t length, uint32_t *index) {
    wf_string *s = out.strings.at;
    uint32_t n = out.strings.count;
    for (uint32_t i = n; i > 0 && n - i < WF_STRINGS_BACK; i--) {
        const uint8_t *at = (const uint8_t *)out.bytes.at + s[i - 1].offset;
        if (s[i - 1].length == length && !memcmp(at, text, length)) {
            *index = i - 1;
            return true;
        }
    }
    uint32_t offset;
    if (!wf_grow(&out.strings, 1, sizeof *s) || !wf_put(text, length, &offset)) return false;
    ((wf_string *)out.strings.at)[n] = (wf_string){offset, length};
    *index = n;
    out.strings.count = n + 1;
    return true;
}

static void wf_begin_output(void) {
    out.rows.count = out.headers.count = out.strings.count = out.bytes.count = 0;
    out.size = 0;
    out.columns = 0;
}

static wf_mark wf_marked(void) {
    return (wf_mark){out.rows.count, out.headers.count, out.strings.count, out.bytes.count};
}

/* wf_take_back drops what was added since the mark. No row before has a name from behind it. */
static void wf_take_back(wf_mark m) {
    if (m.rows > out.rows.count) return; /* done already, by what was emitted inside */
    for (uint32_t i = m.rows; i < out.rows.count; i++) {
        wf_row *r = wf_row_at(i);
        out.size -= (uint64_t)r->key_length + r->value_length;
    }
    out.rows.count = m.rows;
    out.headers.count = m.headers;
    out.strings.count = m.strings;
    out.bytes.count = m.bytes;
}

static bool wf_full(void) {
    const wf_frame *f = wf_frame_of();
    return (f->out_records_soft && out.rows.count >= f->out_records_soft) ||
           (f->out_bytes_soft && out.size >= f->out_bytes_soft);
}

static wf_answer *wf_refuse(uint32_t status, const char *text) {
    out.answer = (wf_answer){
        .size = sizeof(wf_answer), .status = status,
        .error = (uint32_t)(uintptr_t)text, .error_length = (uint32_t)strlen(text),
    };
    return &out.answer;
}

static uint32_t wf_address(uint32_t offset, uint32_t length) {
    return length ? (uint32_t)(uintptr_t)out.bytes.at + offset : 0;
}

static void wf_column_add(uint32_t id, const void *at, uint32_t stride, uint32_t count) {
    out.directory[out.answer.columns_count++] =
        (wf_column){id, (uint32_t)(uintptr_t)at, stride, count};
}

/* wf_columns lists the columns that rows of this output use. */
static void wf_columns(void) {
    static const struct { uint32_t id, offset; } columns[] = {
        {WF_COLUMN_HEADERS, offsetof(wf_row, headers)},
        {WF_COLUMN_TIMESTAMP, offsetof(wf_row, timestamp)},
        {WF_COLUMN_TARGET, offsetof(wf_row, target)},
        {WF_COLUMN_PARTITION, offsetof(wf_row, partition)},
        {WF_COLUMN_BUCKET, offsetof(wf_row, bucket)},
        {WF_COLUMN_ERROR, offsetof(wf_row, error)},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!(out.columns & 1u << columns[i].id)) continue;
        wf_column_add(columns[i].id, (uint8_t *)out.rows.at + columns[i].offset, sizeof(wf_row),
                      out.rows.count);
    }
    if (out.columns & 1u << WF_COLUMN_HEADERS)
        wf_column_add(WF_COLUMN_HEADER_ENTRIES, out.headers.at, sizeof(wf_header),
                      out.headers.count);
}

static wf_answer *wf_finish(uint32_t consumed, bool more, uint64_t cursor) {
    for (uint32_t i = 0; i < out.rows.count; i++) {
        wf_row *r = wf_row_at(i);
        r->key = wf_address(r->key, r->key_length);
        r->value = wf_address(r->value, r->value_length);
        r->error = wf_address(r->error, r->error_length);
    }
    for (uint32_t i = 0; i < out.headers.count; i++) {
        wf_header *h = (wf_header *)out.headers.at + i;
        h->key_offset = wf_address(h->key_offset, h->key_length);
        uint32_t length = h->value_length == WF_NONE ? 0 : h->value_length;
        h->value_offset = wf_address(h->value_offset, length);
    }
    for (uint32_t i = 0; i < out.strings.count; i++) {
        wf_string *s = (wf_string *)out.strings.at + i;
        s->offset = wf_address(s->offset, s->length);
    }
    out.answer = (wf_answer){
        .size = sizeof(wf_answer), .consumed = consumed,
        .flags = more ? WF_MORE : 0, .cursor = more ? cursor : 0,
        .count = out.rows.count, .core = (uint32_t)(uintptr_t)out.rows.at,
        .core_stride = sizeof(wf_row),
        .columns = (uint32_t)(uintptr_t)out.directory,
        .strings = (uint32_t)(uintptr_t)out.strings.at, .strings_count = out.strings.count,
    };
    wf_columns();
    return &out.answer;
}

#endif
