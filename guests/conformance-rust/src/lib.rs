//! The guest in Rust that `wasmflow conformance` is tested with.

use std::io::Write;

use wasmflow::{
    bucketer, deserializer, partitioner, serializer, transform, Config, Context, Emitter, Error,
    FieldError, Level, Record, Result,
};

/// The code of the failures that the kit asks for.
const FAILED: u32 = 7;

#[derive(Config)]
struct Settings {
    /// what greet puts before a value
    greeting: String,
    /// what settings tells
    times: i64,
    /// what settings tells, too
    loud: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { greeting: "hello ".into(), times: 1, loud: false }
    }
}

fn check(settings: &mut Settings) -> Result<(), FieldError> {
    if settings.greeting.is_empty() {
        return Err(FieldError::new("greeting", "must not be empty"));
    }
    Ok(())
}

wasmflow::plugin! {
    name: "conformance-rust",
    version: "1.0.0",
    config: Settings,
    check: check,
    functions: [
        echo, upper, drop_odd, fail_odd, crash_odd, hoard, repeat, swap, nulls, headers,
        edit_headers, origin, restamp, route, clock, random, log, metrics, greet, settings, lines,
        pair, length, initial,
    ],
}

/// Whether a record's value ends in an odd digit.
fn odd(r: Record) -> bool {
    r.bytes().last().is_some_and(|b| b % 2 == 1)
}

#[transform]
fn echo(_: &mut Context, _: Record, out: &mut Emitter) -> Result {
    out.forward();
    Ok(())
}

#[transform]
fn upper(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let Some(value) = r.value() else {
        out.forward();
        return Ok(());
    };
    let mut b = out.buffer(value.len());
    b.extend_mapped(value, |c| c.to_ascii_uppercase());
    out.value(b);
    Ok(())
}

#[transform(name = "drop-odd")]
fn drop_odd(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    if !odd(r) {
        out.forward();
    }
    Ok(())
}

/// It emits before it fails: what it emitted must not be seen.
#[transform(name = "fail-odd")]
fn fail_odd(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    out.forward();
    if odd(r) {
        return Err(Error::new(FAILED, "odd"));
    }
    Ok(())
}

#[transform(name = "crash-odd")]
fn crash_odd(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    out.forward();
    assert!(!odd(r), "an odd record");
    Ok(())
}

/// A vector can have 2 GiB less a byte in a guest; there is no memory for that.
#[transform]
fn hoard(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    if odd(r) {
        std::hint::black_box(vec![1u8; i32::MAX as usize]);
    }
    out.forward();
    Ok(())
}

#[transform]
fn repeat(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let n: u64 = r.text()?.parse()?;
    for i in ctx.cursor()..n {
        if out.full() {
            out.resume_at(i);
            break;
        }
        let mut b = out.buffer(20);
        write!(b, "{i}")?;
        out.value(b);
    }
    Ok(())
}

#[transform]
fn swap(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    out.key_value(r.value(), r.key());
    Ok(())
}

#[transform]
fn nulls(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    out.key_value(other_nothing(r.key()), other_nothing(r.value()));
    Ok(())
}

/// Makes of null empty and of empty null.
fn other_nothing(b: Option<&[u8]>) -> Option<&[u8]> {
    match b {
        None => Some(b""),
        Some([]) => None,
        some => some,
    }
}

#[transform(reads(headers))]
fn headers(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let mut count = out.buffer(20);
    write!(count, "{}", r.headers().len())?;
    out.forward().header("count", count);
    Ok(())
}

#[transform(name = "edit-headers", reads(headers))]
fn edit_headers(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let mut entry = out.forward().no_headers();
    for h in r.headers() {
        entry = match h.key {
            b"a" => entry,
            b"empty" => entry.header("empty", r.value()),
            key => entry.header(key, h.value),
        };
    }
    Ok(())
}

#[transform(reads(source))]
fn origin(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let o = r.origin();
    let mut b = out.buffer(o.split.len() + 64);
    b.extend_from_slice(o.split);
    write!(b, "/{}/{}/{}", o.position_high, o.position_low, o.ordinal)?;
    out.value(b);
    Ok(())
}

#[transform]
fn restamp(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    out.forward().timestamp(r.timestamp().map_or(0, |ms| ms + 1));
    Ok(())
}

#[transform(outputs("odd"))]
fn route(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let partition = r.text()?.parse()?;
    let mut target = out.buffer(20);
    write!(target, "t-{}", r.text()?)?;
    let entry = out.forward().target(target).partition(partition);
    if odd(r) {
        entry.output("odd");
    }
    Ok(())
}

#[transform]
fn clock(ctx: &mut Context, _: Record, out: &mut Emitter) -> Result {
    let mut b = out.buffer(20);
    write!(b, "{}", ctx.now().as_millis())?;
    out.value(b);
    Ok(())
}

#[transform]
fn random(ctx: &mut Context, _: Record, out: &mut Emitter) -> Result {
    let mut b = out.buffer(32);
    write!(b, "{:016x}{:016x}", ctx.random(), ctx.random())?;
    out.value(b);
    Ok(())
}

#[transform]
fn log(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    ctx.log(Level::Info, r.text()?);
    ctx.count("logged", 1.0);
    fail_odd(ctx, r, out)
}

#[transform]
fn metrics(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let n: f64 = r.text()?.parse()?;
    ctx.count("sum", n);
    ctx.gauge("last", n);
    ctx.observe("seen", n);
    fail_odd(ctx, r, out)
}

#[transform]
fn greet(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let greeting = &ctx.config::<Settings>().greeting;
    let mut b = out.buffer(greeting.len() + r.bytes().len());
    b.extend_from_slice(greeting.as_bytes());
    b.extend_from_slice(r.bytes());
    out.value(b);
    Ok(())
}

#[transform]
fn settings(ctx: &mut Context, _: Record, out: &mut Emitter) -> Result {
    let s: &Settings = ctx.config();
    let mut b = out.buffer(64);
    write!(b, "times={} loud={}", s.times, s.loud)?;
    out.value(b);
    Ok(())
}

#[deserializer]
fn lines(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    if r.bytes() == b"END" {
        out.end_of_stream();
        return Ok(());
    }
    for line in r.bytes().split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
        out.value(line);
    }
    Ok(())
}

#[serializer]
fn pair(_: &mut Context, r: Record, out: &mut Emitter) -> Result {
    let key = r.key().unwrap_or_default();
    let mut b = out.buffer(key.len() + r.bytes().len() + 1);
    b.extend_from_slice(key);
    b.push(b'=');
    b.extend_from_slice(r.bytes());
    out.key_value(None::<&[u8]>, b);
    Ok(())
}

#[partitioner]
fn length(_: &mut Context, r: Record, partitions: u32) -> Result<Option<u32>> {
    match r.value() {
        None => Err(Error::new(FAILED, "null")),
        Some([]) => Ok(None),
        Some(value) => Ok(Some(value.len() as u32 % partitions)),
    }
}

#[bucketer]
fn initial(_: &mut Context, r: Record, name: &mut Vec<u8>) -> Result {
    let first = r.bytes().first().ok_or_else(|| Error::new(FAILED, "empty"))?;
    name.extend_from_slice(b"initial=");
    name.push(*first);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmflow::testing::{self, Guest};

    #[test]
    fn functions() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("echo", "Hello", &["Hello"]),
            ("upper", "aZ{`\u{e4}", &["AZ{`\u{e4}"]),
            ("drop-odd", "4", &["4"]),
            ("drop-odd", "3", &[]),
            ("fail-odd", "4", &["4"]),
            ("fail-odd", "3", &["error: odd"]),
            ("crash-odd", "3", &["error: panic: an odd record"]),
            ("repeat", "3", &["0", "1", "2"]),
            ("repeat", "0", &[]),
            ("greet", "you", &["hello you"]),
            ("settings", "", &["times=1 loud=false"]),
            ("log", "3", &["error: odd"]),
            ("lines", "a\n\nb\n", &["a", "b"]),
            ("lines", "END", &["<end of stream>"]),
            ("pair", "v", &["=v"]),
        ];
        let mut guest = Guest::open(plugin(), "{}");
        for soft in [0, 1] {
            guest.soft_records = soft;
            for (function, value, want) in cases {
                assert_eq!(guest.values(function, &[value]), *want, "{function} {value}");
            }
        }
    }

    #[test]
    fn parts() {
        let mut guest = Guest::open(plugin(), "{}");
        let out = guest.run("route", &[testing::Record::value("3"), testing::Record::value("4")]);
        assert_eq!((&*out[0].output, out[0].target.as_deref()), ("odd", Some("t-3")));
        assert_eq!((&*out[1].output, out[1].partition), ("", Some(4)));

        let mut r = testing::Record::value("v");
        r.headers = ["a", "b", "empty"].map(|k| (k.to_owned(), None)).into();
        let out = guest.run("edit-headers", std::slice::from_ref(&r));
        let value = Some(b"v".to_vec());
        assert_eq!(out[0].headers, [("b".to_owned(), None), ("empty".to_owned(), value)]);
        let out = guest.run("headers", &[r]);
        assert_eq!(out[0].headers[3], ("count".to_owned(), Some(b"3".to_vec())));

        let mut r = testing::Record { split: "s".into(), timestamp: Some(5), ..Default::default() };
        (r.position_high, r.position_low, r.ordinal) = (1, 2, 1 << 40);
        let out = guest.run("origin", std::slice::from_ref(&r));
        assert_eq!(testing::text(&out[0]), "s/1/2/1099511627776");
        assert_eq!(guest.run("restamp", &[r])[0].timestamp, Some(6));
        assert_eq!(guest.run("nulls", &[testing::Record::value("")])[0].value, None);
    }

    #[test]
    fn answers() {
        let mut guest = Guest::open(plugin(), "{}");
        let records = ["abc", "ab", ""]
            .map(|v| testing::Record { partition_count: 3, ..testing::Record::value(v) });
        let out = guest.run("length", &records);
        assert_eq!(out.iter().map(|o| o.partition).collect::<Vec<_>>(), [Some(0), Some(2), None]);
        let out = guest.run("initial", &[testing::Record::value("xy"), testing::Record::value("")]);
        assert_eq!(out[0].bucket.as_deref(), Some("initial=x"));
        assert_eq!(out[1].error, Some(Error::new(FAILED, "empty")));
        guest.values("metrics", &["4"]);
        assert_eq!(guest.metrics()[1], ("gauge", "last".to_owned(), 4.0));
    }

    #[test]
    fn configurations() {
        let mut guest = Guest::open(plugin(), r#"{"greeting": "h\u00ed ", "times": -12}"#);
        assert_eq!(guest.values("greet", &["you"]), ["h\u{ed} you"]);
        assert_eq!(guest.values("settings", &[""]), ["times=-12 loud=false"]);
        for (config, field) in [
            (r#"{"greeting": ""}"#, "greeting"),
            (r#"{"times": 1.5}"#, "times"),
            (r#"{"loud": 1}"#, "loud"),
            (r#"{"laud": true}"#, "laud"),
        ] {
            let refusal = Guest::try_open(plugin(), config).err().expect(config);
            assert_eq!(refusal.field, field);
        }
    }
}
