/*
 * conformance: what `wasmflow conformance` asks of an SDK, in C (docs/conformance.md).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "wasmflow.h"

/* The code of the failures that the kit asks for. */
enum { code_failed = 7 };

static wf_bytes greeting = {"hello ", 6};
static int64_t times = 1;
static bool loud;

static bool is_odd(const wf_record *r) {
    return r->value.length && r->value.data[r->value.length - 1] % 2 == 1;
}

/* number reads a decimal number. */
static bool number(wf_bytes text, uint64_t *n) {
    *n = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *n = *n * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.length > 0;
}

static wf_bytes decimal(uint64_t n) {
    wf_writer w = wf_begin(20);
    wf_put_unsigned(&w, n);
    return wf_written(&w);
}

static wf_result echo(const wf_record *r) {
    (void)r;
    wf_forward();
    return WF_OK;
}

static wf_result upper(const wf_record *r) {
    if (!r->value.data) return echo(r);
    char *out = wf_room(r->value.length);
    if (!out) return wf_fail(0, "out of memory");
    for (uint32_t i = 0; i < r->value.length; i++) {
        char c = r->value.data[i];
        out[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    wf_emit_value(wf_slice(out, r->value.length));
    return WF_OK;
}

static wf_result drop_odd(const wf_record *r) {
    if (!is_odd(r)) wf_forward();
    return WF_OK;
}

/* fail_odd emits before it fails: what it emitted must not be seen. */
static wf_result fail_odd(const wf_record *r) {
    wf_forward();
    return is_odd(r) ? wf_fail(code_failed, "odd") : WF_OK;
}

static wf_result crash_odd(const wf_record *r) {
    wf_forward();
    if (is_odd(r)) wf_panic("an odd record");
    return WF_OK;
}

static wf_result hoard(const wf_record *r) {
    const size_t too_much = (size_t)3 << 30;
    static void *volatile kept; /* nobody reads it, and yet the compiler has to ask */
    if (is_odd(r) && !(kept = malloc(too_much))) return wf_fail(0, "out of memory: no 3 GiB");
    wf_forward();
    return WF_OK;
}

static wf_result repeat(const wf_record *r) {
    uint64_t n;
    if (!number(r->value, &n)) return wf_fail(0, "not a number");
    for (uint64_t i = wf_cursor(); i < n; i++) {
        if (wf_full()) return wf_continue(i);
        wf_emit_value(decimal(i));
    }
    return WF_OK;
}

static wf_result swap(const wf_record *r) {
    wf_emit(r->value, r->key);
    return WF_OK;
}

/* other_nothing makes of null empty and of empty null. */
static wf_bytes other_nothing(wf_bytes b) {
    if (!b.data) return wf_string("");
    return b.length ? b : wf_null();
}

static wf_result nulls(const wf_record *r) {
    wf_emit(other_nothing(r->key), other_nothing(r->value));
    return WF_OK;
}

static wf_result headers(const wf_record *r) {
    wf_add_header(wf_forward(), wf_string("count"), decimal(wf_header_count(r)));
    return WF_OK;
}

static wf_result edit_headers(const wf_record *r) {
    wf_entry e = wf_forward();
    wf_clear_headers(e);
    for (uint32_t i = 0; i < wf_header_count(r); i++) {
        wf_header h = wf_header_at(r, i);
        if (wf_is(h.key, "a")) continue;
        wf_add_header(e, h.key, wf_is(h.key, "empty") ? r->value : h.value);
    }
    return WF_OK;
}

static wf_result origin(const wf_record *r) {
    wf_origin o = wf_origin_of(r);
    wf_writer w = wf_begin(o.split.length + 64);
    wf_put(&w, o.split);
    wf_put_char(&w, '/');
    wf_put_unsigned(&w, o.position_high);
    wf_put_char(&w, '/');
    wf_put_unsigned(&w, o.position_low);
    wf_put_char(&w, '/');
    wf_put_unsigned(&w, o.ordinal);
    wf_emit_value(wf_written(&w));
    return WF_OK;
}

static wf_result restamp(const wf_record *r) {
    wf_set_timestamp(wf_forward(), r->timestamp == WF_NO_TIMESTAMP ? 0 : r->timestamp + 1);
    return WF_OK;
}

static wf_result route(const wf_record *r) {
    uint64_t n;
    if (!number(r->value, &n)) return wf_fail(0, "not a number");
    wf_entry e = wf_forward();
    wf_writer w = wf_begin(20);
    wf_put_text(&w, "t-");
    wf_put(&w, r->value);
    wf_set_target(e, wf_written(&w));
    wf_set_partition(e, (int32_t)n);
    if (is_odd(r)) wf_set_output(e, 1);
    return WF_OK;
}

/* milliseconds asks the C library rather than the SDK: the guest's clock is the host's to give. */
static uint64_t milliseconds(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0) wf_panic("there is no clock");
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static wf_result tell_clock(const wf_record *r) {
    (void)r;
    wf_emit_value(decimal(milliseconds()));
    return WF_OK;
}

static wf_result sleep_so_long(const wf_record *r) {
    uint64_t n;
    if (!number(r->value, &n)) return wf_fail(0, "not a number");
    uint64_t before = milliseconds();
    struct timespec t = {.tv_sec = (time_t)n};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) continue;
    wf_emit_value(decimal(milliseconds() - before));
    return WF_OK;
}

static wf_result random_bytes(const wf_record *r) {
    (void)r;
    unsigned char bytes[16];
    if (getentropy(bytes, sizeof bytes) != 0) return wf_fail(0, "no random bytes");
    char text[2 * sizeof bytes + 1];
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    wf_emit_value(wf_copy(wf_slice(text, 2 * sizeof bytes)));
    return WF_OK;
}

static wf_result log_value(const wf_record *r) {
    wf_log(WF_INFO, r->value);
    wf_count("logged", 1);
    return fail_odd(r);
}

static wf_result metrics(const wf_record *r) {
    uint64_t n;
    if (!number(r->value, &n)) return wf_fail(0, "not a number");
    wf_count("sum", (double)n);
    wf_gauge("last", (double)n);
    wf_observe("seen", (double)n);
    return fail_odd(r);
}

static wf_result greet(const wf_record *r) {
    wf_writer w = wf_begin(greeting.length + r->value.length);
    wf_put(&w, greeting);
    wf_put(&w, r->value);
    wf_emit_value(wf_written(&w));
    return WF_OK;
}

static wf_result tell_settings(const wf_record *r) {
    (void)r;
    wf_writer w = wf_begin(40);
    wf_put_text(&w, "times=");
    wf_put_integer(&w, times);
    wf_put_text(&w, loud ? " loud=true" : " loud=false");
    wf_emit_value(wf_written(&w));
    return WF_OK;
}

static wf_result lines(const wf_record *r) {
    if (wf_is(r->value, "END")) return wf_end_of_stream();
    uint32_t from = 0;
    for (uint32_t i = 0; i <= r->value.length; i++) {
        if (i < r->value.length && r->value.data[i] != '\n') continue;
        if (i > from) wf_emit_value(wf_slice(r->value.data + from, i - from));
        from = i + 1;
    }
    return WF_OK;
}

static wf_result pair(const wf_record *r) {
    wf_writer w = wf_begin(r->key.length + r->value.length + 1);
    wf_put(&w, r->key);
    wf_put_char(&w, '=');
    wf_put(&w, r->value);
    wf_emit(wf_null(), wf_written(&w));
    return WF_OK;
}

static wf_result length(const wf_record *r) {
    if (!r->value.data) return wf_fail(code_failed, "null");
    if (r->value.length) wf_choose_partition((int32_t)(r->value.length % wf_partitions(r)));
    return WF_OK;
}

static wf_result initial(const wf_record *r) {
    if (!r->value.length) return wf_fail(code_failed, "empty");
    wf_writer w = wf_begin(16);
    wf_put_text(&w, "initial=");
    wf_put_char(&w, r->value.data[0]);
    wf_choose_bucket(wf_written(&w));
    return WF_OK;
}

static bool opened(void) {
    return greeting.length ? true : wf_refuse("greeting", "must not be empty");
}

static const char *const outputs[] = {"odd", NULL};

static const wf_function functions[] = {
    {.name = "echo", .role = WF_TRANSFORM, .call = echo},
    {.name = "upper", .role = WF_TRANSFORM, .call = upper},
    {.name = "drop-odd", .role = WF_TRANSFORM, .call = drop_odd},
    {.name = "fail-odd", .role = WF_TRANSFORM, .call = fail_odd},
    {.name = "crash-odd", .role = WF_TRANSFORM, .call = crash_odd},
    {.name = "hoard", .role = WF_TRANSFORM, .call = hoard},
    {.name = "repeat", .role = WF_TRANSFORM, .call = repeat},
    {.name = "swap", .role = WF_TRANSFORM, .call = swap},
    {.name = "nulls", .role = WF_TRANSFORM, .call = nulls},
    {.name = "headers", .role = WF_TRANSFORM, .call = headers, .reads = WF_READS_HEADERS},
    {.name = "edit-headers", .role = WF_TRANSFORM, .call = edit_headers,
     .reads = WF_READS_HEADERS},
    {.name = "origin", .role = WF_TRANSFORM, .call = origin, .reads = WF_READS_SOURCE},
    {.name = "restamp", .role = WF_TRANSFORM, .call = restamp},
    {.name = "route", .role = WF_TRANSFORM, .call = route, .outputs = outputs},
    {.name = "clock", .role = WF_TRANSFORM, .call = tell_clock},
    {.name = "sleep", .role = WF_TRANSFORM, .call = sleep_so_long},
    {.name = "random", .role = WF_TRANSFORM, .call = random_bytes},
    {.name = "log", .role = WF_TRANSFORM, .call = log_value},
    {.name = "metrics", .role = WF_TRANSFORM, .call = metrics},
    {.name = "greet", .role = WF_TRANSFORM, .call = greet},
    {.name = "settings", .role = WF_TRANSFORM, .call = tell_settings},
    {.name = "lines", .role = WF_DESERIALIZER, .call = lines},
    {.name = "pair", .role = WF_SERIALIZER, .call = pair},
    {.name = "length", .role = WF_PARTITIONER, .call = length},
    {.name = "initial", .role = WF_BUCKETER, .call = initial},
    {0},
};

static const wf_setting settings[] = {
    {.name = "greeting", .type = WF_TEXT, .value = &greeting, .doc = "stands before a value"},
    {.name = "times", .type = WF_INTEGER, .value = &times, .doc = "what settings tells"},
    {.name = "loud", .type = WF_BOOL, .value = &loud, .doc = "what settings tells, too"},
    {0},
};

static const wf_plugin plugin = {
    .name = "conformance-c", .version = "1.0.0",
    .functions = functions, .settings = settings, .open = opened,
};
WF_PLUGIN(plugin)
