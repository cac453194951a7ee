/* The functions of the kit, natively. */
#include "conformance.c"
#include "wasmflow_test.h"

/* one runs a function on one record with a key and a value, and compares the entries. */
static void one(const char *function, const char *value, uint32_t count, const char *const *want) {
    wft_record r = {.key = "key", .value = value};
    for (wft_soft_records = 0; wft_soft_records < 2; wft_soft_records++) {
        wft_outputs out = wft_run(function, &r, 1);
        wft_check(out.count == count);
        for (uint32_t i = 0; i < count; i++) wft_expect(&out, i, want[i]);
    }
    wft_soft_records = 0;
}

static void outcomes(void) {
    one("echo", "Hello", 1, (const char *[]){"Hello"});
    one("upper", "aZ{`", 1, (const char *[]){"AZ{`"});
    one("upper", NULL, 1, (const char *[]){"null"});
    one("drop-odd", "4", 1, (const char *[]){"4"});
    one("drop-odd", "3", 0, NULL);
    one("fail-odd", "3", 1, (const char *[]){"error: odd"});
    one("repeat", "3", 3, (const char *[]){"0", "1", "2"});
    one("swap", "v", 1, (const char *[]){"key"});
    one("nulls", "", 1, (const char *[]){"null"});
    one("lines", "a\n\nb\n", 2, (const char *[]){"a", "b"});
    one("lines", "END", 1, (const char *[]){"end of stream"});
    one("pair", "v", 1, (const char *[]){"key=v"});
    one("initial", "", 1, (const char *[]){"error: empty"});
}

static void parts(void) {
    wft_header list[] = {{"a", "1"}, {"null", NULL}, {"empty", ""}};
    wft_record r[] = {
        {.value = "3", .headers = list, .header_count = 3, .timestamp = 5, .split = "s",
         .position_high = 1, .position_low = 2, .ordinal = 3, .partitions = 2},
        {.value = "4", .partitions = 3},
    };
    wft_outputs out = wft_run("headers", r, 2);
    wft_check(out.list[0].header_count == 4 && wf_is(out.list[0].headers[3].value, "3"));
    wft_check(out.list[1].header_count == 1 && wf_is(out.list[1].headers[0].value, "0"));
    out = wft_run("edit-headers", r, 2);
    wft_check(out.list[0].header_count == 2 && !out.list[0].headers[0].value.data);
    wft_check(wf_is(out.list[0].headers[1].value, "3"));
    out = wft_run("restamp", r, 2);
    wft_check(out.list[0].timestamp == 6 && out.list[1].timestamp == 0);
    out = wft_run("route", r, 2);
    wft_check(out.list[0].output == 1 && wf_is(out.list[0].target, "t-3"));
    wft_check(out.list[1].output == 0 && out.list[1].partition == 4);
    out = wft_run("length", r, 2);
    wft_check(out.list[0].partition == 1 && out.list[1].partition == 1);
    out = wft_run("initial", r, 1);
    wft_check(wf_is(out.list[0].bucket, "initial=3"));
    out = wft_run("origin", r, 1);
    wft_expect(&out, 0, "s/1/2/3");
    wft_told[0] = 0;
    wft_run("log", r + 1, 1);
    wft_check(!strcmp(wft_told, "1 4\ncounter logged 1\n"));
}

static void configuration(void) {
    wft_open("{\"greeting\": \"h\\u00ed \\ud83d\\ude00 \", \"times\": -12, \"loud\": true}");
    one("greet", "you", 1, (const char *[]){"h\u00ed \U0001F600 you"});
    one("settings", "", 1, (const char *[]){"times=-12 loud=true"});
    const char *refusal = wft_refusal("{\"greeting\": \"\"}");
    wft_check(!strcmp(refusal, "{\"field\":\"greeting\",\"message\":\"must not be empty\"}"));
    refusal = wft_refusal("{\"laud\": true}");
    wft_check(!strcmp(refusal, "{\"field\":\"laud\",\"message\":\"there is no such setting\"}"));
    wft_check(wft_refusal("{\"times\": 1.5}") != NULL);
    wft_check(wft_refusal("{") != NULL);
}

/* rooms asks for what a length makes that ran over. */
static void rooms(void) {
    const uint32_t lengths[] = {(uint32_t)INT32_MAX, UINT32_MAX - 31, UINT32_MAX - 7, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        wf_begin_call();
        wft_check(!wf_room(lengths[i]) && wf.exhausted);
        wf_begin_call();
        wft_check(wf_begin(lengths[i]).capacity == 0 && wf.exhausted);
    }
    wf_begin_call();
}

int main(void) {
    wft_open("{}");
    outcomes();
    rooms();
    parts();
    configuration();
    return wft_done();
}
