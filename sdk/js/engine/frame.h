/*
 * frame.h: frames and outputs as abi/SPEC.md lays them out (sections 7 and 8).
 */
#ifndef WF_FRAME_H
#define WF_FRAME_H

#include <stdint.h>

#define WF_EXPORT(name) __attribute__((export_name(name)))
#define WF_IMPORT(name) __attribute__((import_module("wasmflow"), import_name(name)))

#define WF_MAGIC 0x31424657u
#define WF_NONE 0xFFFFFFFFu
#define WF_NO_TIMESTAMP INT64_MIN

enum { WF_KIND_DATA = 0 };
enum { WF_IN_NULL_KEY = 1, WF_IN_NULL_VALUE = 2 };
enum { WF_OK, WF_DROP, WF_ERROR, WF_END_OF_STREAM };
enum { WF_CALL_OK, WF_CALL_BAD_FRAME, WF_CALL_NO_FUNCTION, WF_CALL_BROKE };
enum { WF_MORE = 1 };
enum {
    WF_SAME_KEY = 1, WF_SAME_VALUE = 2, WF_SAME_HEADERS = 4, WF_SAME_TIMESTAMP = 8,
    WF_NULL_KEY = 16, WF_NULL_VALUE = 32,
};
#define WF_SAME (WF_SAME_KEY | WF_SAME_VALUE | WF_SAME_HEADERS | WF_SAME_TIMESTAMP)
enum {
    WF_COLUMN_HEADERS = 1, WF_COLUMN_HEADER_ENTRIES = 2, WF_COLUMN_SOURCE = 3,
    WF_COLUMN_PARTITION_COUNT = 6,
    WF_COLUMN_TIMESTAMP = 16, WF_COLUMN_TARGET = 17, WF_COLUMN_PARTITION = 18,
    WF_COLUMN_BUCKET = 19, WF_COLUMN_ERROR = 20,
};

typedef struct {
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

typedef struct {
    uint8_t kind, flags;
    uint16_t input;
    uint32_t reserved;
    uint32_t key_offset, key_length;
    uint32_t value_offset, value_length;
    int64_t timestamp;
} wf_entry;

typedef struct { uint32_t id, offset, stride, count; } wf_column;
typedef struct { uint32_t offset, length; } wf_string;
typedef struct { uint32_t first, count; } wf_headers;
typedef struct { uint32_t key_offset, key_length, value_offset, value_length; } wf_header;
typedef struct {
    uint32_t split, reserved;
    uint64_t position_high, position_low, ordinal;
} wf_source;

/* A row of the output: the core entry and every column, so that one table with one stride holds
 * all of them. Ranges are offsets into the output's bytes until wf_finish makes addresses of
 * them. */
typedef struct {
    uint8_t kind, status;
    uint16_t flags;
    uint32_t parent;
    uint32_t key, key_length;
    uint32_t value, value_length;
    uint16_t output, reserved;
    uint32_t reserved_too;
    /* columns */
    wf_headers headers;
    int64_t timestamp;
    uint32_t target;
    int32_t partition;
    uint32_t bucket, unused;
    uint32_t error, error_length, error_code, error_reserved;
} wf_row;

typedef struct {
    uint32_t size, status, consumed, flags;
    uint64_t cursor;
    uint32_t count, core, core_stride;
    uint32_t columns, columns_count;
    uint32_t strings, strings_count;
    uint32_t error, error_length;
    uint32_t reserved;
} wf_answer;

_Static_assert(sizeof(wf_frame) == 96, "frame header");
_Static_assert(sizeof(wf_entry) == 32, "input entry");
_Static_assert(sizeof(wf_column) == 16, "column directory");
_Static_assert(sizeof(wf_header) == 16, "header entry");
_Static_assert(sizeof(wf_source) == 32, "source column");
_Static_assert(sizeof(wf_row) == 80, "output row");
_Static_assert(sizeof(wf_answer) == 64, "output header");

#endif
