/*
 * input.h: the region the host writes to, and the frame in it.
 *
 * What the host writes is believed as little as it believes a guest: a frame is checked before it
 * is read, ranges of records when they are read.
 */
#ifndef WF_INPUT_H
#define WF_INPUT_H

#include <stdbool.h>
#include <stdlib.h>

#include "frame.h"

/* So many bytes behind the region are the engine's: text in it can be given an end of 0. */
#define WF_SLACK 16

static struct {
    uint8_t *region;
    uint32_t size;     /* as reserved */
    uint32_t capacity; /* as allocated, without the slack */
    /* of the frame at hand; stride 0 where the column is absent */
    wf_column headers, header_entries, source, partition_count;
} in;

/* A range that is NULL is null, which is not the same as empty. */
typedef struct {
    const uint8_t *at;
    uint32_t length;
} wf_bytes;

WF_EXPORT("wasmflow_reserve") uint8_t *wf_reserve(uint32_t n) {
    if (!in.region || n > in.capacity) {
        /* A record above the batch bound travels alone: half as much again keeps the next large
         * one from allocating anew. */
        uint64_t ample = (uint64_t)n + n / 2;
        free(in.region);
        in.region = NULL;
        in.capacity = ample + WF_SLACK <= UINT32_MAX / 2 ? (uint32_t)ample : n;
        if (n <= UINT32_MAX - WF_SLACK) in.region = malloc(in.capacity + WF_SLACK);
        if (!in.region && in.capacity > n) {
            in.capacity = n;
            in.region = malloc(n + WF_SLACK);
        }
    }
    in.size = in.region ? n : 0;
    return in.region;
}

static inline wf_frame *wf_frame_of(void) { return (wf_frame *)in.region; }

static inline const wf_entry *wf_entry_at(uint32_t i) {
    const wf_frame *f = wf_frame_of();
    return (const wf_entry *)(in.region + f->core_offset + (uint64_t)i * f->core_stride);
}

static bool wf_within(uint64_t offset, uint64_t length) {
    return offset + length <= wf_frame_of()->frame_size;
}

/* wf_find_columns notes where the columns are that the engine reads. */
static const char *wf_find_columns(void) {
    const wf_frame *f = wf_frame_of();
    in.headers = in.header_entries = in.source = in.partition_count = (wf_column){0};
    if (f->columns_offset % 4 || !wf_within(f->columns_offset, 16ull * f->columns_count))
        return "the column directory ends beyond the frame";
    for (uint32_t i = 0; i < f->columns_count; i++) {
        wf_column c = ((const wf_column *)(in.region + f->columns_offset))[i];
        wf_column *to;
        uint32_t size, rows = f->count;
        switch (c.id) {
        case WF_COLUMN_HEADERS: to = &in.headers; size = sizeof(wf_headers); break;
        case WF_COLUMN_HEADER_ENTRIES:
            to = &in.header_entries, size = sizeof(wf_header), rows = c.count;
            break;
        case WF_COLUMN_SOURCE: to = &in.source; size = sizeof(wf_source); break;
        case WF_COLUMN_PARTITION_COUNT: to = &in.partition_count; size = 4; break;
        default: continue;
        }
        if (c.stride < size || (c.stride | c.offset) % 4 || c.count != rows ||
            !wf_within(c.offset, (uint64_t)c.count * c.stride))
            return "a column ends beyond the frame";
        *to = c;
    }
    return NULL;
}

/* wf_frame_problem says what is wrong with the frame, NULL if nothing is. */
static const char *wf_frame_problem(uint32_t first) {
    const wf_frame *f = wf_frame_of();
    if (!f || in.size < sizeof(wf_frame)) return "there is no frame";
    if (f->magic != WF_MAGIC) return "the frame has another magic number";
    if (f->header_size < sizeof(wf_frame)) return "the header is too small";
    if (f->frame_size > in.size) return "the frame is larger than its region";
    if (f->core_stride < sizeof(wf_entry) || (f->core_stride | f->core_offset) % 8)
        return "the core table is not aligned";
    if (!wf_within(f->core_offset, (uint64_t)f->count * f->core_stride))
        return "the core table ends beyond the frame";
    if (f->strings_offset % 4 || !wf_within(f->strings_offset, 8ull * f->strings_count))
        return "the string table ends beyond the frame";
    if (first > f->count) return "first is above the number of records";
    return wf_find_columns();
}

/* wf_range is false where the range ends beyond the frame. The offset of an empty one means
 * nothing. */
static inline bool wf_range(bool null, uint32_t offset, uint32_t length, wf_bytes *to) {
    *to = (wf_bytes){null ? NULL : in.region, null ? 0 : length};
    if (null || !length) return true;
    to->at = in.region + offset;
    return wf_within(offset, length);
}

static bool wf_key(uint32_t i, wf_bytes *to) {
    const wf_entry *e = wf_entry_at(i);
    return wf_range(e->flags & WF_IN_NULL_KEY, e->key_offset, e->key_length, to);
}

static bool wf_value(uint32_t i, wf_bytes *to) {
    const wf_entry *e = wf_entry_at(i);
    return wf_range(e->flags & WF_IN_NULL_VALUE, e->value_offset, e->value_length, to);
}

static bool wf_string_at(uint32_t i, wf_bytes *to) {
    const wf_frame *f = wf_frame_of();
    if (i >= f->strings_count) return false;
    wf_string s = ((const wf_string *)(in.region + f->strings_offset))[i];
    return wf_range(false, s.offset, s.length, to);
}

static inline const void *wf_row_of(const wf_column *c, uint32_t i) {
    return in.region + c->offset + (uint64_t)i * c->stride;
}

/* wf_headers_at gives the headers of record i: none where the function does not read them. */
static bool wf_headers_at(uint32_t i, wf_headers *to) {
    *to = (wf_headers){0};
    if (!in.headers.stride) return true;
    *to = *(const wf_headers *)wf_row_of(&in.headers, i);
    return (uint64_t)to->first + to->count <= in.header_entries.count;
}

static bool wf_header_at(uint32_t i, wf_bytes *key, wf_bytes *value) {
    wf_header h = *(const wf_header *)wf_row_of(&in.header_entries, i);
    return wf_range(false, h.key_offset, h.key_length, key) &&
           wf_range(h.value_length == WF_NONE, h.value_offset, h.value_length, value);
}

#endif
