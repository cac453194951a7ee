// The plugins of guests/examples/SPEC.md in C++.
#include <algorithm>
#include <utility>

#include "wasmflow.hpp"

using namespace wasmflow;

namespace {

constexpr uint32_t code_line = 1, code_order = 2;
constexpr size_t digits_max = 15;

constexpr wf_bytes health = {"/health", 7};
Texts drop_paths = {&health, 1};
int64_t large_cents = 10000;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_letter(char c) { return is_capital(static_cast<char>(c & ~0x20)); }
constexpr bool is_domain(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; }
constexpr bool is_local(char c) { return is_domain(c) || c == '_' || c == '+'; }

// ---- access_log ----

// Takes words off a line; what is not there, or empty, or not allowed makes it wrong.
class Words {
public:
    explicit Words(std::string_view text) : rest_(text) {
        for (char c : text) right_ = right_ && c >= 0x20 && c <= 0x7e && c != '\\';
    }

    std::string_view until(std::string_view end) {
        size_t n = rest_.find(end);
        right_ = right_ && n != rest_.npos && n > 0;
        if (!right_) return {};
        std::string_view word = rest_.substr(0, n);
        rest_.remove_prefix(n + end.size());
        return word;
    }

    // Without spaces and quotes.
    std::string_view plain(std::string_view end) {
        std::string_view word = until(end);
        right_ = right_ && word.find_first_of(" \"") == word.npos;
        return word;
    }

    void skip(std::string_view text) {
        right_ = right_ && rest_.starts_with(text);
        if (right_) rest_.remove_prefix(text.size());
    }

    bool right() const { return right_; }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
    bool right_ = true;
};

struct Line {
    std::string_view client, user, time, method, path, status, size;
    Bytes query;
};

std::optional<Line> parse(std::string_view text) {
    Words words(text);
    Line l;
    l.client = words.plain(" ");
    words.plain(" ");
    l.user = words.plain(" ");
    words.skip("[");
    l.time = words.until("]");
    words.skip(" \"");
    l.method = words.plain(" ");
    l.path = words.plain(" ");
    words.plain("\" ");
    l.status = words.plain(" ");
    l.size = words.rest();
    if (!words.right() || l.status.size() != 3 || l.status[0] < '1' || l.status[0] > '5' ||
        !std::ranges::all_of(l.status, is_digit))
        return std::nullopt;
    if (size_t mark = l.path.find('?'); mark != l.path.npos) {
        l.query = l.path.substr(mark + 1);
        l.path = l.path.substr(0, mark);
    }
    if (l.size == "-") {
        l.size = "0";
        return l;
    }
    if (l.size.empty() || l.size.size() > digits_max || !std::ranges::all_of(l.size, is_digit))
        return std::nullopt;
    l.size.remove_prefix(std::min(l.size.find_first_not_of('0'), l.size.size() - 1));
    return l;
}

void put_member(Writer& w, std::string_view before, const Bytes& text) {
    w << before;
    if (text) w.json(*text);
    else w << "null";
}

Result access_log(Record r, Emitter& out) {
    std::optional<Line> l = parse(r.value());
    if (!l) return fail(code_line, "not a line of an access log");
    for (uint32_t i = 0; i < drop_paths.count; i++)
        if (view(drop_paths.items[i]) == l->path) return ok();
    Writer w = out.writer(r.value().size() + 160);
    put_member(w, "{\"client\":", l->client);
    put_member(w, ",\"user\":", l->user == "-" ? Bytes() : l->user);
    put_member(w, ",\"time\":", l->time);
    put_member(w, ",\"method\":", l->method);
    put_member(w, ",\"path\":", l->path);
    put_member(w, ",\"query\":", l->query);
    w << ",\"status\":" << l->status << ",\"class\":\"" << l->status[0] << "xx\",\"bytes\":"
      << l->size << (l->status[0] >= '4' ? ",\"error\":true}" : ",\"error\":false}");
    out.key_value(l->client, w.text());
    return ok();
}

// ---- route_order ----

Result route_order(Record r, Emitter& out) {
    Json doc = Json::parse(r.value());
    Bytes order = doc["order"].text(), country = doc["country"].text(), state = doc["state"].text();
    Json amount = doc["cents"];
    std::optional<int64_t> cents = amount.integer();
    if (!order || order->empty() || !country || country->size() != 2 ||
        !std::ranges::all_of(*country, is_capital) || !state || !cents ||
        amount.source().size() > digits_max || !is_digit(amount.source()[0]))
        return fail(code_order, "not an order");
    if (*state == "cancelled") return ok();
    Writer topic = out.writer(16);
    topic << "orders-";
    for (char c : *country) topic << static_cast<char>(c | 0x20);
    Entry e = out.forward().key(order).target(topic);
    if (*cents >= large_cents) e.output(1);
    return ok();
}

// ---- mask ----

// The address around the @ at at, empty if it is none; nothing before done belongs to it.
std::string_view address_around(std::string_view text, size_t done, size_t at) {
    size_t from = at, to = at + 1;
    while (from > done && is_local(text[from - 1])) from--;
    while (to < text.size() && is_domain(text[to])) to++;
    while (to > at + 1 && (text[to - 1] == '.' || text[to - 1] == '-')) to--;
    bool point = to > at + 2 && text.substr(at + 2, to - at - 2).find('.') != text.npos;
    return from < at && point ? text.substr(from, to - from) : std::string_view();
}

// Writes text with its addresses hidden to the room at to, moves to behind it, and counts them.
uint32_t put_masked(char*& to, std::string_view text) {
    uint32_t n = 0;
    size_t done = 0;
    auto put = [&to](std::string_view s) { to = std::ranges::copy(s, to).out; };
    for (size_t at = text.find('@'); at != text.npos; at = text.find('@', std::max(at + 1, done))) {
        std::string_view address = address_around(text, done, at);
        if (address.empty()) continue;
        size_t from = static_cast<size_t>(address.data() - text.data());
        put(text.substr(done, from + 1 - done));
        put("***");
        put(address.substr(at - from));
        done = from + address.size();
        n++;
    }
    put(text.substr(done));
    return n;
}

// The length of the number that text begins with, and how many digits it has.
std::pair<size_t, size_t> number_of(std::span<const char> text) {
    size_t length = 0, digits = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (is_digit(text[i])) {
            length = i + 1;
            digits++;
        } else if ((text[i] != ' ' && text[i] != '-') || length < i || i == 0) {
            break;
        }
    }
    return {length, digits};
}

// Hides the numbers of text, and counts them.
uint32_t mask_numbers(std::span<char> text) {
    constexpr size_t digits_min = 12, digits_most = 19, shown = 4;
    uint32_t n = 0;
    while (!text.empty()) {
        auto [length, digits] = number_of(text);
        if (digits >= digits_min && digits <= digits_most) {
            n++;
            for (char& c : text) {
                if (!is_digit(c)) continue;
                if (digits-- == shown) break;
                c = '*';
            }
        }
        text = text.subspan(std::max<size_t>(length, 1));
    }
    return n;
}

Result mask(Record r, Emitter& out) {
    if (!r.has_value()) {
        out.forward();
        return ok();
    }
    // An address becomes longer by what stands for its local part.
    auto addresses = static_cast<size_t>(std::ranges::count(r.value(), '@'));
    std::span<char> room = out.room(r.value().size() + 3 * addresses);
    char* end = room.data();
    uint32_t hidden = put_masked(end, r.value());
    std::span<char> text(room.data(), end);
    hidden += mask_numbers(text);
    if (hidden == 0) {
        out.forward();
        return ok();
    }
    Entry e = out.value(std::string_view(text.data(), text.size()));
    e.header("masked", (out.writer(10) << hidden).text());
    return ok();
}

// ---- the plugin ----

bool opened() { return large_cents >= 1 || refuse("large_cents", "is below 1"); }

constexpr const char* outputs[] = {"large", nullptr};

constexpr wf_function functions[] = {
    transform<access_log>("access_log", {.doc = "makes JSON of lines of an access log"}),
    transform<route_order>("route_order",
                           {.doc = "drops cancelled orders, sends the others to topics by country",
                            .outputs = outputs}),
    transform<mask>("mask", {.doc = "hides e-mail addresses and long numbers",
                             .reads = WF_READS_HEADERS}),
    {},
};

constexpr wf_setting settings[] = {
    setting("drop_paths", drop_paths, "paths whose requests are dropped"),
    setting("large_cents", large_cents, "orders from this amount on are large"),
    {},
};

constexpr wf_plugin plugin{"examples-cpp", "1.0.0", functions, settings, opened};

} // namespace

WF_PLUGIN(plugin)
