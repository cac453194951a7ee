/*
 * wasmflow_test.h: runs a plugin in C natively, without WebAssembly, through the code that reads
 * frames and writes outputs in a guest. A test includes the plugin's file, then this header:
 *
 *     #include "shout.c"
 *     #include "wasmflow_test.h"
 *
 *     int main(void) {
 *         wft_open("{}");
 *         wft_record records[] = {{.value = "hello"}};
 *         wft_outputs out = wft_run("shout", records, 1);
 *         wft_expect(&out, 0, "hello!");
 *         return wft_done();
 *     }
 *
 * Texts end with 0 here, and NULL is null. What a run hands out stays until the test ends.
 */
#ifndef WASMFLOW_TEST_H
#define WASMFLOW_TEST_H

#include <string.h>

typedef struct wft_header { const char *key, *value; } wft_header;

typedef struct wft_record {
    const char *key, *value;
    int64_t timestamp; /* 0 is none */
    const wft_header *headers;
    uint32_t header_count;
    const char *split;
    uint64_t position_high, position_low, ordinal;
    uint32_t key_group, schema_id, partitions;
} wft_record;

typedef struct wft_output {
    uint32_t parent;       /* index of the record it was made of */
    uint8_t status;        /* WF_STATUS_... */
    wf_bytes key, value;   /* as a sink would see them */
    int64_t timestamp;
    uint32_t output;       /* 0 is the main one */
    wf_bytes target, bucket;
    int32_t partition;     /* -1 is none */
    wf_bytes error;
    uint32_t code;
    const wf_header *headers;
    uint32_t header_count;
} wft_output;

typedef struct wft_outputs {
    wft_output *list;
    uint32_t count;
} wft_outputs;

/* What the plugin logged and reported, one line each: "1 text", "counter name 2". */
static char wft_told[65536];
/* The output after which a function is to be stopped; 0 for no limit. */
static uint32_t wft_soft_records;
static int wft_failures;

static void wft_tell(const char *line) {
    if (strlen(wft_told) + strlen(line) + 1 < sizeof wft_told) strcat(wft_told, line);
}

void wf_host_log(uint32_t level, const char *text, uint32_t length) {
    char line[4200];
    snprintf(line, sizeof line, "%u %.*s\n", level, (int)(length < 4096 ? length : 4096), text);
    wft_tell(line);
}

void wf_host_metric(uint32_t kind, const char *name, uint32_t length, double value) {
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    char line[256];
    snprintf(line, sizeof line, "%s %.*s %g\n", kinds[kind], (int)(length < 64 ? length : 64), name,
             value);
    wft_tell(line);
}

static void *wft_new(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) abort();
    return p;
}

/* wft_open opens the plugin; the refusal is NULL, or as the host sees it. */
static inline const char *wft_refusal(const char *config) {
    wf.refused = false;
    char *region = wf_reserve((uint32_t)strlen(config));
    memcpy(region, config, strlen(config));
    wf_bytes refusal = wf_open(wf_the_plugin, wf_slice(region, (uint32_t)strlen(config)));
    if (!refusal.data) return NULL;
    char *text = (char *)wft_new(refusal.length + 1);
    memcpy(text, refusal.data, refusal.length);
    return text;
}

static inline void wft_open(const char *config) {
    const char *refusal = wft_refusal(config);
    if (!refusal) return;
    fprintf(stderr, "the plugin refuses its configuration: %s\n", refusal);
    exit(1);
}

/* ---- the host's half of the ABI ---- */

typedef struct wft_frame {
    char *data;
    uint32_t size;
} wft_frame;

static uint32_t wft_append(wft_frame *f, const void *data, uint32_t n) {
    uint32_t at = f->size;
    f->data = (char *)realloc(f->data, at + n + 8);
    if (!f->data) abort();
    if (n) memcpy(f->data + at, data, n);
    memset(f->data + at + n, 0, 8);
    f->size = (at + n + 7) & ~7u;
    return at;
}

static wf_pair wft_text(wft_frame *f, const char *text) {
    wf_pair range = {0, 0};
    if (!text || !text[0]) return range;
    range.count = (uint32_t)strlen(text);
    range.first = wft_append(f, text, range.count);
    return range;
}

static wf_header_entry wft_header_of(wft_frame *f, const wft_header *h) {
    wf_pair key = wft_text(f, h->key), value = wft_text(f, h->value);
    wf_header_entry e = {key.first, key.count, value.first, h->value ? value.count : WF_NONE};
    return e;
}

/* wft_columns appends all columns and their directory. */
static void wft_columns(wft_frame *f, wf_frame_head *head, const wft_record *r, uint32_t n) {
    uint32_t all = 0;
    for (uint32_t i = 0; i < n; i++) all += r[i].header_count;
    wf_pair *lists = (wf_pair *)wft_new(n * sizeof *lists);
    wf_pair *splits = (wf_pair *)wft_new(n * sizeof *splits);
    wf_header_entry *entries = (wf_header_entry *)wft_new(all * sizeof *entries);
    wf_source_row *sources = (wf_source_row *)wft_new(n * sizeof *sources);
    uint32_t *numbers = (uint32_t *)wft_new(3 * n * sizeof *numbers);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        lists[i].first = at;
        lists[i].count = r[i].header_count;
        for (uint32_t k = 0; k < r[i].header_count; k++)
            entries[at++] = wft_header_of(f, &r[i].headers[k]);
        splits[i] = wft_text(f, r[i].split);
        wf_source_row s = {r[i].split ? i : WF_NONE, 0, r[i].position_high, r[i].position_low,
                           r[i].ordinal};
        sources[i] = s;
        numbers[i] = r[i].key_group;
        numbers[n + i] = r[i].schema_id;
        numbers[2 * n + i] = r[i].partitions;
    }
    head->strings_offset = wft_append(f, splits, n * 8);
    head->strings_count = n;
    wf_column list[6] = {
        {1, wft_append(f, lists, n * 8), 8, n},
        {2, wft_append(f, entries, all * 16), 16, all},
        {3, wft_append(f, sources, n * 32), 32, n},
        {4, wft_append(f, numbers, n * 4), 4, n},
        {5, wft_append(f, numbers + n, n * 4), 4, n},
        {6, wft_append(f, numbers + 2 * n, n * 4), 4, n},
    };
    head->columns_offset = wft_append(f, list, sizeof list);
    head->columns_count = 6;
    free(lists), free(splits), free(entries), free(sources), free(numbers);
}

/* wft_write writes a frame of the records to the plugin's region. */
static void wft_write(const wft_record *r, uint32_t n) {
    wf_frame_head head;
    wft_frame f = {NULL, 0};
    memset(&head, 0, sizeof head);
    wft_append(&f, &head, sizeof head);
    wf_core_in *core = (wf_core_in *)wft_new(n * sizeof *core);
    for (uint32_t i = 0; i < n; i++) {
        wf_pair key = wft_text(&f, r[i].key), value = wft_text(&f, r[i].value);
        wf_core_in c = {0, (uint8_t)(!r[i].key + 2 * !r[i].value), 0, 0, key.first, key.count,
                        value.first, value.count,
                        r[i].timestamp ? r[i].timestamp : WF_NO_TIMESTAMP};
        core[i] = c;
    }
    head.core_offset = wft_append(&f, core, n * 32);
    free(core);
    wft_columns(&f, &head, r, n);
    head.magic = WF_MAGIC;
    head.header_size = sizeof head;
    head.frame_size = f.size;
    head.count = n;
    head.core_stride = 32;
    head.watermark = WF_NO_TIMESTAMP;
    head.out_records_soft = wft_soft_records;
    head.progress = WF_NONE;
    memcpy(f.data, &head, sizeof head);
    memcpy(wf_reserve(f.size), f.data, f.size);
    free(f.data);
}

/* wft_bytes copies what an address of an output stands for. */
static wf_bytes wft_bytes(uint32_t address, uint32_t length) {
    char *copy = (char *)wft_new(length + 1);
    if (length) memcpy(copy, wf_addresses.list[address], length);
    return wf_slice(copy, length);
}

static wf_bytes wft_kept(wf_bytes b) {
    if (!b.data) return b;
    char *copy = (char *)wft_new(b.length + 1);
    if (b.length) memcpy(copy, b.data, b.length);
    return wf_slice(copy, b.length);
}

/* wft_cell returns a row of a column of the output, NULL without the column. */
static const void *wft_cell(const wf_output *h, uint32_t id, uint32_t row) {
    const wf_column *list = (const wf_column *)wf_addresses.list[h->columns];
    for (uint32_t i = 0; i < h->columns_count; i++)
        if (list[i].id == id)
            return (const char *)wf_addresses.list[list[i].at] + (size_t)row * list[i].stride;
    return NULL;
}

static wf_bytes wft_name(const wf_output *h, uint32_t column, uint32_t row) {
    const uint32_t *index = (const uint32_t *)wft_cell(h, column, row);
    if (!index || *index == WF_NONE) return wf_null();
    const wf_pair *text = (const wf_pair *)wf_addresses.list[h->strings] + *index;
    return wft_bytes(text->first, text->count);
}

static void wft_headers(const wf_output *h, const wf_core_out *e, uint32_t i, const wf_record *r,
                        wft_output *o) {
    const wf_pair *range = (const wf_pair *)wft_cell(h, 1, i);
    bool same = e->flags & WF_SAME_HEADERS;
    o->header_count = same ? wf_header_count(r) : range ? range->count : 0;
    wf_header *list = (wf_header *)wft_new(o->header_count * sizeof *list);
    for (uint32_t k = 0; k < o->header_count; k++) {
        if (same) {
            wf_header have = wf_header_at(r, k);
            list[k].key = wft_kept(have.key);
            list[k].value = wft_kept(have.value);
            continue;
        }
        const wf_header_entry *x = (const wf_header_entry *)wft_cell(h, 2, range->first + k);
        list[k].key = wft_bytes(x->key, x->key_length);
        list[k].value = x->value_length == WF_NONE ? wf_null()
                                                   : wft_bytes(x->value, x->value_length);
    }
    o->headers = list;
}

static wft_output wft_take(const wf_output *h, uint32_t i) {
    const wf_core_out *e = (const wf_core_out *)wf_addresses.list[h->core] + i;
    wft_output o;
    wf_record r;
    memset(&o, 0, sizeof o);
    wf_read((const wf_core_in *)(void *)(wf.region + wf_frame->core_offset) + e->parent, e->parent,
            &r);
    o.parent = e->parent;
    o.status = e->status;
    o.output = e->output;
    o.key = e->flags & WF_SAME_KEY ? wft_kept(r.key) : e->flags & WF_NULL_KEY ? wf_null()
          : wft_bytes(e->key, e->key_length);
    o.value = e->flags & WF_SAME_VALUE ? wft_kept(r.value) : e->flags & WF_NULL_VALUE ? wf_null()
            : wft_bytes(e->value, e->value_length);
    const int64_t *time = (const int64_t *)wft_cell(h, 16, i);
    o.timestamp = e->flags & WF_SAME_TIMESTAMP ? r.timestamp : time ? *time : WF_NO_TIMESTAMP;
    o.target = wft_name(h, 17, i);
    o.bucket = wft_name(h, 19, i);
    const int32_t *partition = (const int32_t *)wft_cell(h, 18, i);
    o.partition = partition ? *partition : -1;
    const wf_error_row *error = (const wf_error_row *)wft_cell(h, 20, i);
    if (e->status == WF_STATUS_ERROR) {
        o.error = wft_bytes(error->text, error->length);
        o.code = error->code;
    }
    wft_headers(h, e, i, &r, &o);
    return o;
}

/* wft_run gives records to a function until all are handled, as a host does. */
static inline wft_outputs wft_run(const char *function, const wft_record *records, uint32_t n) {
    wft_outputs out = {NULL, 0};
    uint32_t f = 0, first = 0;
    uint64_t cursor = 0;
    while (wf_the_plugin->functions[f].name && strcmp(wf_the_plugin->functions[f].name, function))
        f++;
    wft_write(records, n);
    while (first < n) {
        wf_output *h = wf_process(wf_the_plugin, f, first, cursor);
        if (h->status != WF_CALL_OK) {
            fprintf(stderr, "%s: %s\n", function, (const char *)wf_addresses.list[h->error]);
            exit(1);
        }
        out.list = (wft_output *)realloc(out.list, (out.count + h->count + 1) * sizeof *out.list);
        if (!out.list) abort();
        for (uint32_t i = 0; i < h->count; i++) out.list[out.count++] = wft_take(h, i);
        first = h->consumed;
        cursor = h->cursor;
    }
    return out;
}

/* wft_check counts a failure unless what holds. */
#define wft_check(what)                                                                            \
    ((what) ? (void)0                                                                              \
            : (void)(wft_failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what)))

/* wft_expect compares an entry's value with a text; "error: TEXT", "end of stream" and "null" stand
 * for what has no value. */
static inline void wft_expect(const wft_outputs *out, uint32_t i, const char *want) {
    char got[4200] = "nothing";
    if (i < out->count) {
        const wft_output *o = &out->list[i];
        wf_bytes b = o->status == WF_STATUS_ERROR ? o->error : o->value;
        snprintf(got, sizeof got, "%s%.*s", o->status == WF_STATUS_ERROR ? "error: "
                 : o->status == WF_STATUS_END ? "end of stream" : b.data ? "" : "null",
                 o->status == WF_STATUS_END ? 0 : (int)(b.length < 4096 ? b.length : 4096),
                 b.data ? b.data : "");
    }
    if (!strcmp(got, want)) return;
    wft_failures++;
    fprintf(stderr, "entry %u is \"%s\", want \"%s\"\n", i, got, want);
}

/* wft_done ends a test: return wft_done(). */
static inline int wft_done(void) {
    if (!wft_failures) puts("ok");
    return wft_failures ? 1 : 0;
}

#endif
