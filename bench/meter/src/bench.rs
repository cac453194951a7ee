//! Workloads of the metering benchmark, in Rust, behind the export "bench".

use std::collections::{BTreeMap, HashMap};

static DESCRIPTION: &str =
    r#"{"name":"bench-rust","version":"1.0.0","functions":[{"name":"none","role":"transform"}]}"#;

#[repr(align(8))]
struct Region(#[allow(dead_code)] [u8; 1 << 16]);
static mut REGION: Region = Region([0; 1 << 16]);

#[no_mangle]
pub extern "C" fn wasmflow_abi_v1() -> u32 {
    0
}
#[no_mangle]
pub extern "C" fn wasmflow_describe() -> u64 {
    (DESCRIPTION.as_ptr() as u64) << 32 | DESCRIPTION.len() as u64
}
#[no_mangle]
pub extern "C" fn wasmflow_open(_: u32, _: u32) -> u64 {
    0
}
#[no_mangle]
pub extern "C" fn wasmflow_reserve(n: u32) -> u32 {
    if n > 1 << 16 {
        return 0;
    }
    &raw const REGION as u32
}
#[no_mangle]
pub extern "C" fn wasmflow_process(_: u32, _: u32, _: u64) -> u32 {
    0
}

const DOCUMENT: &str =
    r#"{"id":123,"country":"de","amount":12.5,"tags":["a","b"],"nested":{"x":[1,2,3,{"y":null}]}}"#;

enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

/// Parser goes down into values within values.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    fn text(&mut self) -> Option<String> {
        self.take(b'"')?;
        let from = self.at;
        while *self.text.get(self.at)? != b'"' {
            self.at += 1;
        }
        self.at += 1;
        String::from_utf8(self.text[from..self.at - 1].to_vec()).ok()
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.text().map(Value::Text),
            b'[' => self.list(),
            b'{' => self.object(),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Value> {
        let from = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e')) {
            self.at += 1;
        }
        std::str::from_utf8(&self.text[from..self.at]).ok()?.parse().ok().map(Value::Number)
    }

    fn list(&mut self) -> Option<Value> {
        self.take(b'[')?;
        let mut list = Vec::new();
        while self.peek()? != b']' {
            list.push(self.value()?);
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(Value::List(list))
    }

    fn object(&mut self) -> Option<Value> {
        self.take(b'{')?;
        let mut object = BTreeMap::new();
        while self.peek()? != b'}' {
            let key = self.text()?;
            self.take(b':')?;
            object.insert(key, self.value()?);
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(Value::Object(object))
    }
}

/// Weight makes a number of all of a value, so that nothing of it is left out.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Null => 1,
        Value::Bool(b) => *b as u64,
        Value::Number(n) => *n as u64,
        Value::Text(t) => t.len() as u64,
        Value::List(l) => l.iter().map(weight).sum(),
        Value::Object(o) => o.iter().map(|(k, v)| k.len() as u64 + weight(v)).sum(),
    }
}

fn json(n: u32) -> u64 {
    (0..n * 100)
        .map(|_| {
            let mut parser = Parser { text: DOCUMENT.as_bytes(), at: 0 };
            parser.value().map_or(0, |v| weight(&v))
        })
        .sum()
}

fn upper(n: u32) -> u64 {
    let mut buffer = vec![0u8; 1 << 16];
    (0..n as usize)
        .map(|round| {
            for (i, c) in buffer.iter_mut().enumerate() {
                *c = (i.wrapping_mul(31) + round) as u8;
            }
            buffer.make_ascii_uppercase();
            buffer[round % buffer.len()] as u64
        })
        .sum()
}

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

fn sort(n: u32) -> u64 {
    (0..n)
        .map(|round| {
            let mut random = Random(round + 1);
            let mut list: Vec<u32> = (0..4096).map(|_| random.next()).collect();
            list.sort_unstable();
            list[round as usize % list.len()] as u64
        })
        .sum()
}

fn words(n: u32) -> u64 {
    let text = "the quick brown fox jumps over the lazy dog and the dog does not mind ".repeat(20);
    (0..n)
        .map(|_| {
            let mut counts: HashMap<&str, u64> = HashMap::new();
            for word in text.split(' ') {
                *counts.entry(word).or_default() += 1;
            }
            counts["the"] + counts.len() as u64
        })
        .sum()
}

#[no_mangle]
pub extern "C" fn bench(kind: u32, n: u32) -> u64 {
    match kind {
        0 => upper(n),
        1 => json(n),
        2 => sort(n),
        _ => words(n),
    }
}
