// wasmflow.hpp: wasmflow plugins in C++20, a thin layer over wasmflow.h, which lies beside it.
//
//     #include "wasmflow.hpp"
//     using namespace wasmflow;
//
//     static Result shout(Record r, Emitter& out) {
//         Writer w = out.writer(r.value().size() + 1);
//         w << r.value() << '!';
//         out.value(w);
//         return ok();
//     }
//
//     static constexpr wf_function functions[] = {
//         transform<shout>("shout", {.doc = "adds an exclamation mark"}), {},
//     };
//     static constexpr wf_plugin plugin{"shout", "1.0.0", functions};
//     WF_PLUGIN(plugin)
//
// What Record and Emitter hand out is valid until the function returns. Bytes that are emitted are
// not copied: they are in the record, from a Writer or room, or constant. Emitter::copy is for
// those of a std::string and the like.
#ifndef WASMFLOW_HPP
#define WASMFLOW_HPP

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wasmflow.h"

namespace wasmflow {

using Result = wf_result;
using Text = wf_bytes; // a setting that is a text
using Texts = wf_texts;

// Bytes that may be null, which is not the same as empty.
using Bytes = std::optional<std::string_view>;

inline wf_bytes raw(std::string_view s) {
    return wf_slice(s.data() ? s.data() : "", static_cast<uint32_t>(s.size()));
}
inline wf_bytes raw(const Bytes& b) { return b ? raw(*b) : wf_null(); }
inline std::string_view view(wf_bytes b) { return {b.data ? b.data : "", b.length}; }
inline Bytes nullable(wf_bytes b) { return b.data ? Bytes(view(b)) : Bytes(); }

inline Result ok() { return WF_OK; }

// Fails the record; what it emitted is taken back. A text that is not constant is copied.
inline Result fail(uint32_t code, std::string_view text) {
    return wf_fail_bytes(code, wf_copy(raw(text)));
}

// Asks to be called again for this record, with the cursor.
inline Result continue_at(uint64_t cursor) { return wf_continue(cursor); }

// Ends the split before this record; for deserializers.
inline Result end_of_stream() { return wf_end_of_stream(); }

// Ends the instance with a text that the user is told.
[[noreturn]] inline void panic(const char* text) { wf_panic(text); }

inline void log(wf_level level, std::string_view text) { wf_log(level, raw(text)); }
inline void count(const char* name, double delta) { wf_count(name, delta); }
inline void gauge(const char* name, double value) { wf_gauge(name, value); }
inline void observe(const char* name, double value) { wf_observe(name, value); }

struct Header {
    std::string_view key;
    Bytes value;
};

struct Origin {
    std::string_view split;
    uint64_t position_high, position_low, ordinal;
};

// A record of the frame. Nothing is copied.
class Record {
public:
    explicit Record(const wf_record* r) : r_(r) {}

    std::string_view value() const { return view(r_->value); } // null counts as empty
    std::string_view key() const { return view(r_->key); }
    bool has_value() const { return r_->value.data != nullptr; }
    bool has_key() const { return r_->key.data != nullptr; }
    Bytes value_or_null() const { return nullable(r_->value); }
    Bytes key_or_null() const { return nullable(r_->key); }

    // Milliseconds since 1970.
    std::optional<int64_t> timestamp() const {
        return r_->timestamp == WF_NO_TIMESTAMP ? std::nullopt : std::optional(r_->timestamp);
    }

    // With the column in the function's reads.
    uint32_t header_count() const { return wf_header_count(r_); }
    Header header(uint32_t i) const {
        wf_header h = wf_header_at(r_, i);
        return {view(h.key), nullable(h.value)};
    }
    Origin origin() const {
        wf_origin o = wf_origin_of(r_);
        return {view(o.split), o.position_high, o.position_low, o.ordinal};
    }
    uint32_t key_group() const { return wf_key_group(r_); }
    uint32_t schema_id() const { return wf_schema_id(r_); }
    uint32_t partitions() const { return wf_partitions(r_); }

    // Of continue_at, if this record goes on; or 0.
    uint64_t cursor() const { return wf_cursor(); }
    int64_t now_ns() const { return wf_now_ns(); }
    uint64_t random() const { return wf_random(); }

private:
    const wf_record* r_;
};

// Writes bytes of which the length is not known.
class Writer {
public:
    explicit Writer(size_t capacity) : w_(wf_begin(static_cast<uint32_t>(capacity))) {}

    Writer& operator<<(std::string_view s) { return wf_put(&w_, raw(s)), *this; }
    Writer& operator<<(char c) { return wf_put_char(&w_, c), *this; }
    Writer& operator<<(std::unsigned_integral auto n) { return wf_put_unsigned(&w_, n), *this; }
    Writer& operator<<(std::signed_integral auto n) { return wf_put_integer(&w_, n), *this; }
    Writer& json(std::string_view text) { return wf_put_json(&w_, raw(text)), *this; }

    std::string_view text() const { return view(wf_written(&w_)); }
    operator std::string_view() const { return text(); }

private:
    wf_writer w_;
};

// An emitted record, to be refined: out.forward().key(k).target("orders-de").
class Entry {
public:
    explicit Entry(wf_entry e) : e_(e) {}

    Entry& key(const Bytes& b) { return wf_set_key(e_, raw(b)), *this; }
    Entry& value(const Bytes& b) { return wf_set_value(e_, raw(b)), *this; }
    Entry& timestamp(int64_t milliseconds) { return wf_set_timestamp(e_, milliseconds), *this; }
    Entry& output(uint32_t index) { return wf_set_output(e_, index), *this; } // 1 is outputs[0]
    Entry& target(std::string_view name) { return wf_set_target(e_, raw(name)), *this; }
    Entry& partition(int32_t n) { return wf_set_partition(e_, n), *this; }
    Entry& header(std::string_view k, const Bytes& v) {
        return wf_add_header(e_, raw(k), raw(v)), *this;
    }
    Entry& no_headers() { return wf_clear_headers(e_), *this; }

private:
    wf_entry e_;
};

// Takes the output of a function. A record that nothing is emitted for is dropped.
class Emitter {
public:
    Entry forward() { return Entry(wf_forward()); }
    Entry value(const Bytes& b) { return Entry(wf_emit_value(raw(b))); }
    Entry value(const Writer& w) { return value(Bytes(w.text())); }
    Entry key_value(const Bytes& k, const Bytes& v) { return Entry(wf_emit(raw(k), raw(v))); }

    // Whether the host wants the output now: return continue_at(place).
    bool full() const { return wf_full(); }

    // The answers of partitioners and bucketers; without one the sink chooses.
    void partition(int32_t n) { wf_choose_partition(n); }
    void bucket(std::string_view name) { wf_choose_bucket(raw(name)); }

    Writer writer(size_t capacity) { return Writer(capacity); }
    // Empty without memory, which fails the record.
    std::span<char> room(size_t n) {
        char* p = wf_room(static_cast<uint32_t>(n));
        return {p, p ? n : 0};
    }
    std::string_view copy(std::string_view s) { return view(wf_copy(raw(s))); }
};

// A value of a JSON document, in the document.
class Json {
public:
    explicit Json(wf_json v) : v_(v) {}
    static Json parse(std::string_view text) { return Json(wf_json_parse(raw(text))); }

    wf_json_type type() const { return v_.type; } // WF_JSON_NONE: no JSON, or no member
    std::string_view source() const { return view(v_.raw); }
    Json operator[](const char* member) const { return Json(wf_json_get(v_, member)); }
    Bytes text() const { return nullable(wf_json_text(v_)); } // none for other types
    std::optional<int64_t> integer() const {
        int64_t n;
        return wf_json_integer(v_, &n) ? std::optional(n) : std::nullopt;
    }

private:
    wf_json v_;
};

// ---- what a plugin is ----

using Function = Result (*)(Record, Emitter&);

struct About {
    const char* doc = nullptr;
    unsigned reads = 0;                   // WF_READS_... | WF_READS_...
    const char* const* outputs = nullptr; // ended by nullptr
};

template <Function F> Result call(const wf_record* r) {
    Emitter out;
    return F(Record(r), out);
}

template <Function F> constexpr wf_function role(wf_role role, const char* name, About a) {
    return {name, role, call<F>, a.doc, a.reads, a.outputs};
}
template <Function F> constexpr wf_function transform(const char* name, About a = {}) {
    return role<F>(WF_TRANSFORM, name, a);
}
template <Function F> constexpr wf_function deserializer(const char* name, About a = {}) {
    return role<F>(WF_DESERIALIZER, name, a);
}
template <Function F> constexpr wf_function serializer(const char* name, About a = {}) {
    return role<F>(WF_SERIALIZER, name, a);
}
template <Function F> constexpr wf_function partitioner(const char* name, About a = {}) {
    return role<F>(WF_PARTITIONER, name, a);
}
template <Function F> constexpr wf_function bucketer(const char* name, About a = {}) {
    return role<F>(WF_BUCKETER, name, a);
}

// A field of the configuration and the variable it goes to, which holds the default.
constexpr wf_setting setting(const char* name, Text& to, const char* doc = nullptr) {
    return {name, WF_TEXT, &to, doc};
}
constexpr wf_setting setting(const char* name, int64_t& to, const char* doc = nullptr) {
    return {name, WF_INTEGER, &to, doc};
}
constexpr wf_setting setting(const char* name, double& to, const char* doc = nullptr) {
    return {name, WF_NUMBER, &to, doc};
}
constexpr wf_setting setting(const char* name, bool& to, const char* doc = nullptr) {
    return {name, WF_BOOL, &to, doc};
}
constexpr wf_setting setting(const char* name, Texts& to, const char* doc = nullptr) {
    return {name, WF_TEXTS, &to, doc};
}

inline bool refuse(const char* field, const char* message) { return wf_refuse(field, message); }

} // namespace wasmflow

#endif
