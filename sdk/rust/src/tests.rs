//! Tests of the crate by a plugin of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::frame::Frame;
use crate::guest::Guest as Native;
use crate::testing::{write_region, Guest, Record as Given};
use crate::{json, transform, Config, Context, Emitter, FieldError, Record, Result};

/// Counts what this thread allocates.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

// SAFETY: all is left to System.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Threads end with allocations behind the counter's own end.
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        unsafe { System.dealloc(p, layout) }
    }
}

#[derive(Config, Default, Debug, PartialEq)]
struct Route {
    #[config(required)]
    topic: String,
    weights: Vec<f64>,
}

#[derive(Config, Default, Debug, PartialEq)]
struct Settings {
    /// How "long".
    ///
    /// Not told.
    wait: Duration,
    routes: std::collections::BTreeMap<String, Route>,
    #[config(name = "max-rate")]
    rate: Option<u8>,
    #[config(skip)]
    derived: usize,
}

fn check(s: &mut Settings) -> Result<(), FieldError> {
    s.derived = s.routes.len();
    Ok(())
}

/// Uses all that an emitter has.
#[transform(name = "all-of-it", reads(headers), outputs("late"))]
fn everything(ctx: &mut Context, r: Record, out: &mut Emitter) -> Result {
    assert_eq!(ctx.config::<Settings>().derived, 1);
    let mut b = out.buffer(2);
    write!(b, "{} of {}", ctx.random(), r.bytes().len())?;
    let mut target = out.buffer(16);
    write!(target, "t-{}", r.bytes().len() % 5)?;
    out.value(b).target(target).header("x", "y").timestamp(7);
    out.key_value("copied", r.key()).output("late").header("a", None::<&str>).partition(3);
    if r.bytes().is_empty() {
        out.take_back();
    }
    Ok(())
}

crate::plugin! {
    name: "tests",
    version: "1",
    config: Settings,
    check: check,
    functions: [everything],
}

const CONFIG: &str = r#"{"wait": "1m1.5s", "routes": {"a": {"topic": "\ud83d\ude00"}}}"#;

#[test]
fn nothing_is_allocated_for_a_record() {
    let records: Vec<Given> = (0..500).map(|i| Given::key_value("k", "v".repeat(i % 50))).collect();
    let frame = Guest::open(plugin(), CONFIG).frame(&["headers"], &records);
    let mut native = Native::new(plugin());
    write_region(&mut native, CONFIG.as_bytes());
    assert_eq!(native.open(CONFIG.len()), "");
    write_region(&mut native, &frame);
    assert_eq!(native.process(0, 0, 0).count, 980);
    let before = ALLOCATIONS.get();
    for _ in 0..3 {
        assert_eq!(native.process(0, 0, 0).status, 0);
    }
    assert_eq!(ALLOCATIONS.get(), before);
}

#[test]
fn everything_arrives() {
    let mut guest = Guest::open(plugin(), CONFIG);
    let headers = vec![("h".to_owned(), None)];
    let record = Given { headers, ..Given::key_value("k", "value") };
    let out = guest.run("all-of-it", &[Given::value(""), record]);
    assert_eq!((out.len(), out[0].parent), (2, 1));
    assert!(out[0].value.as_ref().is_some_and(|v| v.ends_with(b" of 5")));
    assert_eq!(out[0].target.as_deref(), Some("t-0"));
    assert_eq!(out[0].headers.last(), Some(&("x".to_owned(), Some(b"y".to_vec()))));
    assert_eq!((out[0].timestamp, out[0].partition), (Some(7), None));
    assert_eq!(out[1].headers, [("h".to_owned(), None), ("a".to_owned(), None)]);
    assert_eq!(out[1].key.as_deref(), Some(&b"copied"[..]));
    assert_eq!(out[1].value.as_deref(), Some(&b"k"[..]));
    assert_eq!((&*out[1].output, out[1].partition), ("late", Some(3)));
}

#[test]
fn description() {
    let mut guest = Guest::open(plugin(), CONFIG);
    assert_eq!(
        guest.describe(),
        concat!(
            r#"{"name":"tests","version":"1","functions":[{"name":"all-of-it","#,
            r#""role":"transform","columns":["headers"],"outputs":["late"],"#,
            r#""doc":"Uses all that an emitter has."}],"config_schema":{"type":"object","#,
            r#""additionalProperties":false,"properties":{"#,
            r#""wait":{"type":"string","default":"0ms","description":"How \"long\"."},"#,
            r#""routes":{"type":"object","additionalProperties":{"type":"object","#,
            r#""additionalProperties":false,"properties":{"#,
            r#""topic":{"type":"string","default":""},"#,
            r#""weights":{"type":"array","items":{"type":"number","default":0}}},"#,
            r#""required":["topic"]}},"#,
            r#""max-rate":{"type":"integer","minimum":0,"default":0}}}}"#,
        )
    );
}

#[test]
fn refusals() {
    for (config, field) in [
        (r#"{"routes": {"a": {}}}"#, "routes.a.topic"),
        (r#"{"routes": {"a": {"topic": "", "weights": [1, "2"]}}}"#, "routes.a.weights[1]"),
        (r#"{"routes": {"a": {"topic": "", "weights": [1e999]}}}"#, "routes.a.weights[0]"),
        (r#"{"max-rate": 256}"#, "max-rate"),
        (r#"{"derived": 1}"#, "derived"),
        (r#"{"wait": "5"}"#, "wait"),
        (r#"{"wait": "1s", "wait": "2s"}"#, "wait"),
        ("[", ""),
        ("[]", ""),
    ] {
        let refusal = Guest::try_open(plugin(), config).err().expect(config);
        assert_eq!(refusal.field, field, "{config}: {}", refusal.message);
        assert!(!refusal.message.is_empty());
    }
    let config = crate::configure::<Settings>(CONFIG.as_bytes(), check).expect("a configuration");
    let settings: &Settings = config.downcast_ref().expect("the settings");
    assert_eq!(settings.wait, Duration::from_millis(61_500));
    assert_eq!(settings.routes["a"].topic, "\u{1f600}");
}

/// Reads the golden frames of the ABI: what is hostile is refused, at once or when it is used.
#[test]
fn golden_frames() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi/testdata/frames");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).expect("the golden frames") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|e| e != "frame") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("a frame");
        let mut words = vec![0u64; bytes.len() / 8 + 1];
        let read = std::panic::catch_unwind(move || {
            let base = words.as_mut_ptr().cast::<u8>();
            // SAFETY: the words have room for the frame and live as long as it.
            let frame = unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), base, bytes.len());
                Frame::load(base, bytes.len())
            }?;
            let parts = |r: Record| r.key().map_or(0, <[u8]>::len) + r.bytes().len();
            Ok((0..frame.header().count).map(|i| parts(Record::new(&frame, i))).sum::<usize>())
        });
        let fine = matches!(read, Ok(Ok::<_, &str>(_)));
        assert_eq!(fine, !name.starts_with("hostile-"), "{name}: {read:?}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen} golden frames");
}

#[test]
fn json_texts() {
    for text in ["{\"a\":}", "[1,]", "01", "1.", "\"\\x\"", "\"\u{1}\"", "tru", "1 2", "\"\\ud8\""]
    {
        assert!(json::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(json::parse("[".repeat(100_000).as_bytes()).is_err());
    let value = json::parse(br#" {"n": -1.50e+3, "s": "a\n\u00e9", "l": [true, null]} "#);
    let value = value.expect("an object");
    assert_eq!(value.get("n").and_then(json::Value::as_number), Some("-1.50e+3"));
    assert_eq!(value.get("s").and_then(json::Value::as_str), Some("a\n\u{e9}"));
    let mut text = String::new();
    json::write_string(&mut text, "a\"\\\n\u{1}\u{e9}");
    assert_eq!(text, "\"a\\\"\\\\\\n\\u0001\u{e9}\"");
}
