// What `wasmflow conformance` asks of an SDK, in C++ (docs/conformance.md).
#include <algorithm>
#include <charconv>
#include <chrono>

#include <unistd.h>

#include "wasmflow.hpp"

using namespace wasmflow;

namespace {

// The code of the failures that the kit asks for.
constexpr uint32_t code_failed = 7;

Text greeting = {"hello ", 6};
int64_t times = 1;
bool loud = false;

bool is_odd(Record r) { return !r.value().empty() && r.value().back() % 2 == 1; }

std::optional<uint64_t> number(std::string_view s) {
    uint64_t n;
    auto [end, problem] = std::from_chars(s.data(), s.data() + s.size(), n);
    if (problem != std::errc() || end != s.data() + s.size()) return std::nullopt;
    return n;
}

std::string_view decimal(uint64_t n) { return (Writer(20) << n).text(); }

Result echo(Record, Emitter& out) {
    out.forward();
    return ok();
}

Result upper(Record r, Emitter& out) {
    if (!r.has_value()) return echo(r, out);
    std::span<char> to = out.room(r.value().size());
    std::string_view from = r.value();
    for (size_t i = 0; i < to.size(); i++) {
        char c = from[i];
        to[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    out.value(std::string_view(to.data(), to.size()));
    return ok();
}

Result drop_odd(Record r, Emitter& out) {
    if (!is_odd(r)) out.forward();
    return ok();
}

// It emits before it fails: what it emitted must not be seen.
Result fail_odd(Record r, Emitter& out) {
    out.forward();
    return is_odd(r) ? fail(code_failed, "odd") : ok();
}

Result crash_odd(Record r, Emitter& out) {
    out.forward();
    if (is_odd(r)) panic("an odd record");
    return ok();
}

// The library ends the instance, and says why.
Result hoard(Record r, Emitter& out) {
    // Nobody reads it, and yet the compiler has to ask for it.
    [[maybe_unused]] static char* volatile kept;
    if (is_odd(r)) kept = new char[size_t{3} << 30];
    out.forward();
    return ok();
}

Result repeat(Record r, Emitter& out) {
    auto n = number(r.value());
    if (!n) return fail(0, "not a number");
    for (uint64_t i = r.cursor(); i < *n; i++) {
        if (out.full()) return continue_at(i);
        out.value(decimal(i));
    }
    return ok();
}

Result swap(Record r, Emitter& out) {
    out.key_value(r.value_or_null(), r.key_or_null());
    return ok();
}

// Makes of null empty and of empty null.
Bytes other_nothing(Bytes b) {
    if (!b) return "";
    return b->empty() ? Bytes() : b;
}

Result nulls(Record r, Emitter& out) {
    out.key_value(other_nothing(r.key_or_null()), other_nothing(r.value_or_null()));
    return ok();
}

Result headers(Record r, Emitter& out) {
    out.forward().header("count", decimal(r.header_count()));
    return ok();
}

Result edit_headers(Record r, Emitter& out) {
    Entry e = out.forward().no_headers();
    for (uint32_t i = 0; i < r.header_count(); i++) {
        Header h = r.header(i);
        if (h.key == "a") continue;
        e.header(h.key, h.key == "empty" ? r.value_or_null() : h.value);
    }
    return ok();
}

Result origin(Record r, Emitter& out) {
    Origin o = r.origin();
    Writer w = out.writer(o.split.size() + 64);
    w << o.split << '/' << o.position_high << '/' << o.position_low << '/' << o.ordinal;
    out.value(w);
    return ok();
}

Result restamp(Record r, Emitter& out) {
    auto t = r.timestamp();
    out.forward().timestamp(t ? *t + 1 : 0);
    return ok();
}

Result route(Record r, Emitter& out) {
    auto n = number(r.value());
    if (!n) return fail(0, "not a number");
    Writer w = out.writer(20);
    w << "t-" << r.value();
    Entry e = out.forward().target(w).partition(static_cast<int32_t>(*n));
    if (is_odd(r)) e.output(1);
    return ok();
}

// Asks the library rather than the SDK: the guest's clock is the host's to give.
Result tell_clock(Record, Emitter& out) {
    auto since = std::chrono::system_clock::now().time_since_epoch();
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    out.value(decimal(static_cast<uint64_t>(ms)));
    return ok();
}

Result sleep_so_long(Record r, Emitter& out) {
    auto n = number(r.value());
    if (!n) return fail(0, "not a number");
    auto before = std::chrono::steady_clock::now();
    for (unsigned left = static_cast<unsigned>(*n); left;) left = sleep(left);
    auto passed = std::chrono::steady_clock::now() - before;
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
    out.value(decimal(static_cast<uint64_t>(ms)));
    return ok();
}

Result random_bytes(Record, Emitter& out) {
    constexpr std::string_view hex = "0123456789abcdef";
    unsigned char bytes[16];
    if (getentropy(bytes, sizeof bytes) != 0) return fail(0, "no random bytes");
    Writer w = out.writer(2 * sizeof bytes);
    for (unsigned char b : bytes) w << hex[b >> 4] << hex[b & 15];
    out.value(w);
    return ok();
}

Result log_value(Record r, Emitter& out) {
    wasmflow::log(WF_INFO, r.value());
    count("logged", 1);
    return fail_odd(r, out);
}

Result metrics(Record r, Emitter& out) {
    auto n = number(r.value());
    if (!n) return fail(0, "not a number");
    count("sum", static_cast<double>(*n));
    gauge("last", static_cast<double>(*n));
    observe("seen", static_cast<double>(*n));
    return fail_odd(r, out);
}

Result greet(Record r, Emitter& out) {
    Writer w = out.writer(greeting.length + r.value().size());
    w << view(greeting) << r.value();
    out.value(w);
    return ok();
}

Result tell_settings(Record, Emitter& out) {
    Writer w = out.writer(40);
    w << "times=" << times << " loud=" << (loud ? "true" : "false");
    out.value(w);
    return ok();
}

Result lines(Record r, Emitter& out) {
    std::string_view rest = r.value();
    if (rest == "END") return end_of_stream();
    while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        if (!line.empty()) out.value(line);
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return ok();
}

Result pair(Record r, Emitter& out) {
    Writer w = out.writer(r.key().size() + r.value().size() + 1);
    w << r.key() << '=' << r.value();
    out.key_value(std::nullopt, w.text());
    return ok();
}

Result length(Record r, Emitter& out) {
    if (!r.has_value()) return fail(code_failed, "null");
    if (!r.value().empty()) out.partition(static_cast<int32_t>(r.value().size() % r.partitions()));
    return ok();
}

Result initial(Record r, Emitter& out) {
    if (r.value().empty()) return fail(code_failed, "empty");
    Writer w = out.writer(16);
    w << "initial=" << r.value().front();
    out.bucket(w);
    return ok();
}

bool opened() { return greeting.length || refuse("greeting", "must not be empty"); }

constexpr const char* outputs[] = {"odd", nullptr};

constexpr wf_function functions[] = {
    transform<echo>("echo"),
    transform<upper>("upper"),
    transform<drop_odd>("drop-odd"),
    transform<fail_odd>("fail-odd"),
    transform<crash_odd>("crash-odd"),
    transform<hoard>("hoard"),
    transform<repeat>("repeat"),
    transform<swap>("swap"),
    transform<nulls>("nulls"),
    transform<headers>("headers", {.reads = WF_READS_HEADERS}),
    transform<edit_headers>("edit-headers", {.reads = WF_READS_HEADERS}),
    transform<origin>("origin", {.reads = WF_READS_SOURCE}),
    transform<restamp>("restamp"),
    transform<route>("route", {.outputs = outputs}),
    transform<tell_clock>("clock"),
    transform<sleep_so_long>("sleep"),
    transform<random_bytes>("random"),
    transform<log_value>("log"),
    transform<metrics>("metrics"),
    transform<greet>("greet"),
    transform<tell_settings>("settings"),
    deserializer<lines>("lines"),
    serializer<pair>("pair"),
    partitioner<length>("length"),
    bucketer<initial>("initial"),
    {},
};

constexpr wf_setting settings[] = {
    setting("greeting", greeting, "stands before a value"),
    setting("times", times, "what settings tells"),
    setting("loud", loud, "what settings tells, too"),
    {},
};

constexpr wf_plugin plugin{"conformance-cpp", "1.0.0", functions, settings, opened};

} // namespace

WF_PLUGIN(plugin)
