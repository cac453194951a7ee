/*
 * golden: prints what a plugin sees of the frame in a file, a line for each record. It says so and
 * ends with 1 if the frame is refused; the SDK fails a record that lies without showing it.
 */
#include <inttypes.h>

#include "wasmflow.h"

static void show(const char *name, wf_bytes b) {
    printf(" %s=", name);
    if (!b.data) printf("null");
    for (uint32_t i = 0; i < b.length; i++) printf("%02x", (unsigned char)b.data[i]);
}

static wf_result look(const wf_record *r) {
    printf("%u", r->index);
    show("key", r->key);
    show("value", r->value);
    if (r->timestamp != WF_NO_TIMESTAMP) printf(" time=%" PRId64, r->timestamp);
    for (uint32_t i = 0; i < wf_header_count(r); i++) {
        wf_header h = wf_header_at(r, i);
        show("header", h.key);
        show("is", h.value);
    }
    wf_origin o = wf_origin_of(r);
    if (o.split.data)
        printf(" split=%.*s/%" PRIu64 "/%" PRIu64 "/%" PRIu64, (int)o.split.length, o.split.data,
               o.position_high, o.position_low, o.ordinal);
    printf(" group=%u schema=%u partitions=%u\n", wf_key_group(r), wf_schema_id(r),
           wf_partitions(r));
    wf_forward();
    return WF_OK;
}

static const wf_function functions[] = {
    {.name = "look", .role = WF_TRANSFORM, .call = look,
     .reads = WF_READS_HEADERS | WF_READS_SOURCE | WF_READS_KEY_GROUP | WF_READS_SCHEMA_ID},
    {0},
};

static const wf_plugin plugin = {.name = "golden", .version = "1", .functions = functions};
WF_PLUGIN(plugin)

#include "wasmflow_test.h"

int main(int count, char **arguments) {
    static char frame[1 << 16];
    FILE *f = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!f) return 2;
    uint32_t n = (uint32_t)fread(frame, 1, sizeof frame, f);
    fclose(f);
    wft_open("{}");
    memcpy(wf_reserve(n), frame, n);
    uint32_t first = 0;
    uint64_t cursor = 0;
    do { /* a frame may want no more than one record of an answer */
        wf_output *out = wf_process(wf_the_plugin, 0, first, cursor);
        if (out->status != WF_CALL_OK) {
            printf("refused: %s\n", (const char *)wf_addresses.list[out->error]);
            return 1;
        }
        first = out->consumed;
        cursor = out->cursor;
    } while (first < wf_frame->count);
    return 0;
}
