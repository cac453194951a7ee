/*
 * The plugin of guests/examples/SPEC.md in C: it makes JSON of access logs, routes orders and hides
 * addresses and numbers. It needs no C library.
 */
#include "wasmflow.h"

enum { code_line = 1, code_order = 2 };

static const wf_bytes health = {"/health", 7};
static wf_texts drop_paths = {&health, 1};
static int64_t large_cents = 10000;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_letter(char c) { return is_capital((char)(c & ~0x20)); }
static bool is_domain(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; }
static bool is_local(char c) { return is_domain(c) || c == '_' || c == '+'; }

/* ---- access_log ---- */

typedef struct line {
    wf_bytes client, user, time, method, path, query, status, size;
} line;

/* word takes what stands before end, and end, off the text; false if it is empty or not there. */
static bool word(wf_bytes *text, const char *end, wf_bytes *w) {
    wf_bytes e = wf_string(end);
    for (uint32_t i = 0; i + e.length <= text->length; i++) {
        if (!wf_equal(wf_slice(text->data + i, e.length), e)) continue;
        *w = wf_slice(text->data, i);
        *text = wf_slice(text->data + i + e.length, text->length - i - e.length);
        return i > 0;
    }
    return false;
}

/* plain is word without spaces and quotes in it. */
static bool plain(wf_bytes *text, const char *end, wf_bytes *w) {
    if (!word(text, end, w)) return false;
    for (uint32_t i = 0; i < w->length; i++)
        if (w->data[i] == ' ' || w->data[i] == '"') return false;
    return true;
}

static bool begins(wf_bytes *text, const char *with) {
    wf_bytes w = wf_string(with);
    if (text->length < w.length || !wf_equal(wf_slice(text->data, w.length), w)) return false;
    *text = wf_slice(text->data + w.length, text->length - w.length);
    return true;
}

/* sized takes the number of bytes, without zeros before it. */
static bool sized(wf_bytes text, wf_bytes *size) {
    const uint32_t digits_max = 15;
    if (wf_is(text, "-")) {
        *size = wf_string("0");
        return true;
    }
    if (!text.length || text.length > digits_max) return false;
    for (uint32_t i = 0; i < text.length; i++)
        if (!is_digit(text.data[i])) return false;
    while (text.length > 1 && text.data[0] == '0') text = wf_slice(text.data + 1, text.length - 1);
    *size = text;
    return true;
}

static bool parse(wf_bytes rest, line *l) {
    wf_bytes skipped;
    for (uint32_t i = 0; i < rest.length; i++)
        if (rest.data[i] < 0x20 || rest.data[i] > 0x7e || rest.data[i] == '\\') return false;
    bool right = plain(&rest, " ", &l->client) && plain(&rest, " ", &skipped) &&
                 plain(&rest, " ", &l->user) && begins(&rest, "[") && word(&rest, "]", &l->time) &&
                 begins(&rest, " \"") && plain(&rest, " ", &l->method) &&
                 plain(&rest, " ", &l->path) && plain(&rest, "\" ", &skipped) &&
                 plain(&rest, " ", &l->status);
    const char *s = l->status.data;
    if (!right || l->status.length != 3 || s[0] < '1' || s[0] > '5' || !is_digit(s[1]) ||
        !is_digit(s[2]))
        return false;
    l->query = wf_null();
    for (uint32_t i = 0; i < l->path.length; i++) {
        if (l->path.data[i] != '?') continue;
        l->query = wf_slice(l->path.data + i + 1, l->path.length - i - 1);
        l->path.length = i;
    }
    return sized(rest, &l->size);
}

static void put_member(wf_writer *w, const char *before, wf_bytes text) {
    wf_put_text(w, before);
    if (text.data) wf_put_json(w, text);
    else wf_put_text(w, "null");
}

static wf_result access_log(const wf_record *r) {
    line l;
    __builtin_memset(&l, 0, sizeof l);
    if (!parse(r->value, &l)) return wf_fail(code_line, "not a line of an access log");
    for (uint32_t i = 0; i < drop_paths.count; i++)
        if (wf_equal(drop_paths.items[i], l.path)) return WF_OK;
    wf_writer w = wf_begin(r->value.length + 160);
    put_member(&w, "{\"client\":", l.client);
    put_member(&w, ",\"user\":", wf_is(l.user, "-") ? wf_null() : l.user);
    put_member(&w, ",\"time\":", l.time);
    put_member(&w, ",\"method\":", l.method);
    put_member(&w, ",\"path\":", l.path);
    put_member(&w, ",\"query\":", l.query);
    wf_put_text(&w, ",\"status\":");
    wf_put(&w, l.status);
    wf_put_text(&w, ",\"class\":\"");
    wf_put_char(&w, l.status.data[0]);
    wf_put_text(&w, "xx\",\"bytes\":");
    wf_put(&w, l.size);
    wf_put_text(&w, l.status.data[0] >= '4' ? ",\"error\":true}" : ",\"error\":false}");
    wf_emit(l.client, wf_written(&w));
    return WF_OK;
}

/* ---- route_order ---- */

static wf_result route_order(const wf_record *r) {
    const uint32_t digits_max = 15;
    wf_json doc = wf_json_parse(r->value), amount = wf_json_get(doc, "cents");
    wf_bytes order = wf_json_text(wf_json_get(doc, "order"));
    wf_bytes country = wf_json_text(wf_json_get(doc, "country"));
    wf_bytes state = wf_json_text(wf_json_get(doc, "state"));
    int64_t cents;
    if (!order.length || country.length != 2 || !is_capital(country.data[0]) ||
        !is_capital(country.data[1]) || !state.data || amount.raw.length > digits_max ||
        !wf_json_integer(amount, &cents) || amount.raw.data[0] == '-')
        return wf_fail(code_order, "not an order");
    if (wf_is(state, "cancelled")) return WF_OK;
    wf_writer w = wf_begin(16);
    wf_put_text(&w, "orders-");
    wf_put_char(&w, (char)(country.data[0] | 0x20));
    wf_put_char(&w, (char)(country.data[1] | 0x20));
    wf_entry e = wf_forward();
    wf_set_key(e, order);
    wf_set_target(e, wf_written(&w));
    if (cents >= large_cents) wf_set_output(e, 1);
    return WF_OK;
}

/* ---- mask ---- */

/* address_around finds the address of the @ at at; false if it is none. */
static bool address_around(wf_bytes text, uint32_t done, uint32_t at, uint32_t *from,
                           uint32_t *to) {
    const char *s = text.data;
    bool point = false;
    *from = at;
    *to = at + 1;
    while (*from > done && is_local(s[*from - 1])) --*from;
    while (*to < text.length && is_domain(s[*to])) ++*to;
    while (*to > at + 1 && (s[*to - 1] == '.' || s[*to - 1] == '-')) --*to;
    for (uint32_t i = at + 2; i < *to; i++) point = point || s[i] == '.';
    return *from < at && point;
}

/* put_masked writes text with the addresses hidden, and counts them. */
static uint32_t put_masked(wf_writer *w, wf_bytes text) {
    uint32_t n = 0, done = 0, from, to;
    for (uint32_t at = 0; at < text.length; at++) {
        if (text.data[at] != '@' || !address_around(text, done, at, &from, &to)) continue;
        wf_put(w, wf_slice(text.data + done, from + 1 - done));
        wf_put_text(w, "***");
        wf_put(w, wf_slice(text.data + at, to - at));
        done = to;
        at = to - 1;
        n++;
    }
    wf_put(w, wf_slice(text.data + done, text.length - done));
    return n;
}

/* mask_numbers hides the numbers of what was written, and counts them. */
static uint32_t mask_numbers(wf_writer *w) {
    const uint32_t digits_min = 12, digits_max = 19, shown = 4;
    char *s = w->data;
    uint32_t n = 0;
    for (uint32_t from = 0; from < w->length; from++) {
        if (!is_digit(s[from])) continue;
        uint32_t digits = 0, to = from;
        for (; to < w->length; to++) {
            if (is_digit(s[to])) digits++;
            else if ((s[to] != ' ' && s[to] != '-') || to + 1 == w->length || !is_digit(s[to + 1]))
                break;
        }
        if (digits >= digits_min && digits <= digits_max) {
            n++;
            for (uint32_t i = from; digits > shown; i++) {
                if (!is_digit(s[i])) continue;
                s[i] = '*';
                digits--;
            }
        }
        from = to;
    }
    return n;
}

static wf_result mask(const wf_record *r) {
    wf_writer w = wf_begin(r->value.length + 32);
    uint32_t hidden = put_masked(&w, r->value);
    hidden += mask_numbers(&w);
    if (!hidden) {
        wf_forward();
        return WF_OK;
    }
    wf_writer count = wf_begin(10);
    wf_put_unsigned(&count, hidden);
    wf_add_header(wf_emit_value(wf_written(&w)), wf_string("masked"), wf_written(&count));
    return WF_OK;
}

/* ---- the plugin ---- */

static bool opened(void) {
    return large_cents >= 1 ? true : wf_refuse("large_cents", "is below 1");
}

static const char *const outputs[] = {"large", NULL};

static const wf_function functions[] = {
    {.name = "access_log", .role = WF_TRANSFORM, .call = access_log,
     .doc = "makes JSON of lines of an access log"},
    {.name = "route_order", .role = WF_TRANSFORM, .call = route_order, .outputs = outputs,
     .doc = "drops cancelled orders, sends the others to topics by country"},
    {.name = "mask", .role = WF_TRANSFORM, .call = mask, .reads = WF_READS_HEADERS,
     .doc = "hides e-mail addresses and long numbers"},
    {0},
};

static const wf_setting settings[] = {
    {.name = "drop_paths", .type = WF_TEXTS, .value = &drop_paths,
     .doc = "paths whose requests are dropped"},
    {.name = "large_cents", .type = WF_INTEGER, .value = &large_cents,
     .doc = "orders from this amount on are large"},
    {0},
};

static const wf_plugin plugin = {
    .name = "examples-c", .version = "1.0.0",
    .functions = functions, .settings = settings, .open = opened,
};
WF_PLUGIN(plugin)
