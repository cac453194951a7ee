//! Runs the functions of a plugin under `cargo test`, without WebAssembly and through the same code
//! that reads frames and writes outputs in a guest.
//!
//! ```ignore
//! let mut guest = wasmflow::testing::Guest::open(plugin(), "{}");
//! assert_eq!(guest.values("shout", &["hello"]), ["HELLO"]);
//! ```
//!
//! It never checks what a real host checks of an output: `wasmflow conformance` does, on the built
//! module.

use std::cell::RefCell;
use std::thread::LocalKey;

use crate::context::Level;
use crate::emitter::Output as Tables;
use crate::errors::{Error, FieldError};
use crate::guest::Guest as Native;
use crate::json;
use crate::layout::*;
use crate::plugin::Plugin;

/// What the functions of this thread have logged and reported.
#[derive(Default)]
pub(crate) struct Said {
    pub logs: Vec<(Level, String)>,
    pub metrics: Vec<(&'static str, String, f64)>,
}

pub(crate) fn said() -> &'static LocalKey<RefCell<Said>> {
    thread_local!(static SAID: RefCell<Said> = RefCell::new(Said::default()));
    &SAID
}

/// A record for a function.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub split: String,
    pub position_high: u64,
    pub position_low: u64,
    pub ordinal: u64,
    pub key_group: u32,
    pub schema_id: u32,
    /// What a partitioner can choose from.
    pub partition_count: u32,
}

impl Record {
    /// A record with that value and a null key.
    pub fn value(value: impl Into<Vec<u8>>) -> Record {
        Record { value: Some(value.into()), ..Record::default() }
    }

    /// A record with that key and value.
    pub fn key_value(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Record {
        Record { key: Some(key.into()), ..Record::value(value) }
    }
}

/// What a function made of a record: as a sink would see it, with what the function left as it was
/// taken from the parent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The index of the record it was made of.
    pub parent: usize,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub timestamp: Option<i64>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The output it goes to; empty is the main one.
    pub output: String,
    pub target: Option<String>,
    pub partition: Option<u32>,
    pub bucket: Option<String>,
    /// The failure of the record; everything above but the parent is empty then.
    pub error: Option<Error>,
    /// The function ended the stream before this record.
    pub end_of_stream: bool,
}

/// A plugin that was opened.
pub struct Guest {
    native: Native,
    /// The output after which a function is to be stopped, 0 for no limit. Runs go on until all
    /// records are handled, as those of a host do.
    pub soft_records: u32,
    pub soft_bytes: u32,
    /// What `Context::now` tells, in nanoseconds since 1970.
    pub batch_time_ns: i64,
    /// What `Context::random` draws from.
    pub seed: u64,
    /// How often the last run entered the plugin.
    pub calls: usize,
}

impl Guest {
    /// Opens a plugin with a configuration in JSON; panics if the plugin refuses it.
    pub fn open(plugin: Plugin, config: &str) -> Guest {
        match Guest::try_open(plugin, config) {
            Ok(guest) => guest,
            Err(e) => panic!("the plugin refuses its configuration: {}: {}", e.field, e.message),
        }
    }

    /// Opens a plugin with a configuration, or says why the plugin refuses it.
    pub fn try_open(plugin: Plugin, config: &str) -> Result<Guest, FieldError> {
        said().take();
        let mut native = Native::new(plugin);
        write_region(&mut native, config.as_bytes());
        let refusal = native.open(config.len());
        if !refusal.is_empty() {
            let v = json::parse(refusal.as_bytes()).expect("a refusal in JSON");
            let part = |key| v.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            return Err(FieldError { field: part("field"), message: part("message") });
        }
        let batch_time_ns = 1_700_000_000_000_000_000;
        Ok(Guest { native, soft_records: 0, soft_bytes: 0, batch_time_ns, seed: 0, calls: 0 })
    }

    /// The plugin's description in JSON.
    pub fn describe(&mut self) -> String {
        self.native.describe().to_owned()
    }

    /// Gives the records to a function, as one batch, and returns what it made of them.
    pub fn run(&mut self, function: &str, records: &[Record]) -> Vec<Output> {
        let all = self.native.plugin().functions;
        let index = all.iter().position(|f| f.name == function);
        let index = index.unwrap_or_else(|| panic!("the plugin has no function {function}"));
        let frame = self.frame(all[index].columns, records);
        write_region(&mut self.native, &frame);
        let (mut first, mut cursor) = (0, 0);
        let mut outputs = Vec::new();
        self.calls = 0;
        while (first as usize) < records.len() {
            self.calls += 1;
            let header = *self.native.process(index as u32, first, cursor);
            // SAFETY: the address is that of a text of the guest, which is still there.
            let error = unsafe { bytes_at(header.error_ptr, header.error_length) };
            assert!(header.status == 0, "the call fails: {}", String::from_utf8_lossy(error));
            let made = header.count > 0;
            assert!(header.consumed > first || made, "no progress at record {first}");
            let tables = self.native.output();
            outputs.extend(
                (0..tables.entries.len()).map(|i| read(tables, i, records, all[index].outputs)),
            );
            first = header.consumed;
            cursor = if header.flags & OUTPUT_MORE != 0 { header.cursor } else { 0 };
        }
        outputs
    }

    /// Gives records with these values to a function and returns the values it makes: null as
    /// `<null>`, the failure of a record as `error: ` and its text.
    pub fn values(&mut self, function: &str, values: &[&str]) -> Vec<String> {
        let records: Vec<Record> = values.iter().map(|&v| Record::value(v)).collect();
        self.run(function, &records).iter().map(text).collect()
    }

    /// What was logged since this guest was opened, in this thread.
    pub fn logs(&self) -> Vec<(Level, String)> {
        said().with_borrow(|s| s.logs.clone())
    }

    /// What was reported since this guest was opened, in this thread: kind, name and number.
    pub fn metrics(&self) -> Vec<(&'static str, String, f64)> {
        said().with_borrow(|s| s.metrics.clone())
    }

    pub(crate) fn frame(&self, columns: &[&str], records: &[Record]) -> Vec<u8> {
        let mut w = Writer { frame: vec![0; size_of::<FrameHeader>()] };
        let mut strings = Vec::new();
        let mut list = Vec::new();
        let mut tables: [Vec<u32>; 7] = Default::default();
        for r in records {
            w.core(r, &mut tables[0]);
            tables[1].extend([list.len() as u32 / 4, r.headers.len() as u32]);
            for (key, value) in &r.headers {
                let length = value.as_ref().map_or(NULL_LENGTH, |v| v.len() as u32);
                list.extend([w.bytes(key.as_bytes()), key.len() as u32]);
                list.extend([w.bytes(value.as_deref().unwrap_or_default()), length]);
            }
            let split = strings.len() as u32 / 2;
            strings.extend([w.bytes(r.split.as_bytes()), r.split.len() as u32]);
            tables[3].extend([split, 0]);
            for n in [r.position_high, r.position_low, r.ordinal] {
                tables[3].extend([n as u32, (n >> 32) as u32]);
            }
            tables[4].push(r.key_group);
            tables[5].push(r.schema_id);
            tables[6].push(r.partition_count);
        }
        tables[2] = list;
        let core_offset = w.table(&tables[0]);
        let mut directory = Vec::new();
        for (name, ids) in COLUMNS {
            for &(id, words) in ids.iter().filter(|_| columns.contains(&name)) {
                let table = &tables[id as usize];
                let offset = w.table(table);
                directory.extend([id, offset, words * 4, table.len() as u32 / words]);
            }
        }
        let (columns_offset, strings_offset) = (w.table(&directory), w.table(&strings));
        let header = FrameHeader {
            magic: MAGIC,
            header_size: size_of::<FrameHeader>() as u32,
            frame_size: w.frame.len() as u32,
            count: records.len() as u32,
            core_offset,
            core_stride: size_of::<CoreIn>() as u32,
            columns_offset,
            columns_count: directory.len() as u32 / 4,
            strings_offset,
            strings_count: strings.len() as u32 / 2,
            batch_time_ns: self.batch_time_ns,
            watermark: NO_TIMESTAMP,
            out_records_soft: self.soft_records,
            out_bytes_soft: self.soft_bytes,
            progress: NO_PROGRESS,
            seed: self.seed,
            ..FrameHeader::default()
        };
        // SAFETY: a header is 96 bytes without gaps, and the frame begins with as many.
        unsafe { w.frame.as_mut_ptr().cast::<FrameHeader>().write_unaligned(header) }
        w.frame
    }
}

/// The columns that functions can read, with the id and the words of an entry of each table.
const COLUMNS: [(&str, &[(u32, u32)]); 5] = [
    ("headers", &[(COLUMN_HEADERS, 2), (COLUMN_HEADER_ENTRIES, 4)]),
    ("source", &[(COLUMN_SOURCE, 8)]),
    ("key_group", &[(COLUMN_KEY_GROUP, 1)]),
    ("schema_id", &[(COLUMN_SCHEMA_ID, 1)]),
    ("partition_count", &[(COLUMN_PARTITION_COUNT, 1)]),
];

struct Writer {
    frame: Vec<u8>,
}

impl Writer {
    fn bytes(&mut self, b: &[u8]) -> u32 {
        let offset = self.frame.len() as u32;
        self.frame.extend_from_slice(b);
        offset
    }

    fn table(&mut self, words: &[u32]) -> u32 {
        self.frame.resize(self.frame.len().next_multiple_of(8), 0);
        let offset = self.frame.len() as u32;
        self.frame.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        offset
    }

    fn core(&mut self, r: &Record, to: &mut Vec<u32>) {
        let nulls = u32::from(r.key.is_none()) | u32::from(r.value.is_none()) << 1;
        to.extend([nulls << 8, 0]);
        for part in [&r.key, &r.value] {
            let part = part.as_deref().unwrap_or_default();
            to.extend([self.bytes(part), part.len() as u32]);
        }
        let t = r.timestamp.unwrap_or(NO_TIMESTAMP);
        to.extend([t as u32, (t >> 32) as u32]);
    }
}

pub(crate) fn write_region(native: &mut Native, bytes: &[u8]) {
    let to = native.reserve(bytes.len());
    // SAFETY: reserve returns that many bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
}

/// # Safety
/// The range must be one that a guest made in its last call.
unsafe fn bytes_at<'a>(ptr: Address, length: u32) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(ptr as *const u8, length as usize) }
}

fn read(t: &Tables, i: usize, records: &[Record], outputs: &[&str]) -> Output {
    // SAFETY: the tables are those of the last call.
    let vec = |ptr, length| unsafe { bytes_at(ptr, length) }.to_vec();
    let text = |ptr, length| String::from_utf8_lossy(&vec(ptr, length)).into_owned();
    let e = &t.entries[i];
    let parent = &records[e.parent as usize];
    let mut o = Output { parent: e.parent as usize, ..Output::default() };
    if e.status == STATUS_ERROR {
        let error = t.errors.values[i];
        o.error = Some(Error::new(error.code, text(error.text_ptr, error.text_length)));
        return o;
    }
    o.end_of_stream = e.status == STATUS_END_OF_STREAM;
    let part = |same, null, old: &Option<Vec<u8>>, ptr, length| match e.flags {
        f if f & same != 0 => old.clone(),
        f if f & null != 0 => None,
        _ => Some(vec(ptr, length)),
    };
    o.key = part(SAME_KEY, NULL_KEY, &parent.key, e.key_ptr, e.key_length);
    o.value = part(SAME_VALUE, NULL_VALUE, &parent.value, e.value_ptr, e.value_length);
    o.timestamp = parent.timestamp;
    if e.flags & SAME_TIMESTAMP == 0 {
        o.timestamp = t.timestamps.values.get(i).copied().filter(|&t| t != NO_TIMESTAMP);
    }
    o.headers = parent.headers.clone();
    if e.flags & SAME_HEADERS == 0 {
        let own = t.headers.values.get(i).copied().unwrap_or_default();
        let list = t.header_list.iter().skip(own.first as usize).take(own.count as usize);
        o.headers = list
            .map(|h| {
                let null = h.value_length == NULL_LENGTH;
                (text(h.key_ptr, h.key_length), (!null).then(|| vec(h.value_ptr, h.value_length)))
            })
            .collect();
    }
    let string = |column: &[u32]| {
        let index = column.get(i).copied().filter(|&s| s != NO_STRING)?;
        let s = &t.strings.table[index as usize];
        Some(text(s.ptr, s.length))
    };
    o.target = string(&t.targets.values);
    o.bucket = string(&t.buckets.values);
    o.partition = t.partitions.values.get(i).and_then(|&p| u32::try_from(p).ok());
    if e.output > 0 {
        o.output = outputs[e.output as usize - 1].to_owned();
    }
    o
}

/// An output's value as `Guest::values` shows it.
pub fn text(o: &Output) -> String {
    match (&o.error, &o.value) {
        (Some(e), _) => format!("error: {}", e.text()),
        (None, _) if o.end_of_stream => "<end of stream>".to_owned(),
        (None, None) => "<null>".to_owned(),
        (None, Some(v)) => String::from_utf8_lossy(v).into_owned(),
    }
}
