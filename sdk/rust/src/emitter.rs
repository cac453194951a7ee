//! What functions emit.

use crate::arena::{Arena, Buffer, Mark};
use crate::columns::{publish, Column, Dictionary};
use crate::errors::Error;
use crate::frame::Frame;
use crate::layout::*;
use crate::plugin::{Function, Role};
use crate::record::Record;

/// Bounds the text of a record's failure: it ends in a header of a dead letter.
const ERROR_TEXT_BYTES_MAX: usize = 4 << 10;

/// The tables of an output. They are used again for every call.
pub struct Output {
    pub entries: Vec<CoreOut>,
    pub timestamps: Column<i64>,
    pub targets: Column<u32>,
    pub partitions: Column<i32>,
    pub buckets: Column<u32>,
    pub errors: Column<ErrorOut>,
    pub headers: Column<Headers>,
    pub header_list: Vec<HeaderOut>,
    pub strings: Dictionary,
    pub directory: Vec<ColumnOut>,
    pub header: OutputHeader,
}

impl Output {
    pub fn new() -> Output {
        Output {
            entries: Vec::new(),
            timestamps: Column::new(COLUMN_TIMESTAMP, NO_TIMESTAMP),
            targets: Column::new(COLUMN_TARGET, NO_STRING),
            partitions: Column::new(COLUMN_PARTITION, NO_PARTITION),
            buckets: Column::new(COLUMN_BUCKET, NO_STRING),
            errors: Column::new(COLUMN_ERROR, ErrorOut::default()),
            headers: Column::new(COLUMN_HEADERS, Headers::default()),
            header_list: Vec::new(),
            strings: Dictionary::new(),
            directory: Vec::new(),
            header: OutputHeader::default(),
        }
    }

    pub fn reset(&mut self) {
        self.cut(0, 0, 0);
        self.timestamps.reset();
        self.targets.reset();
        self.partitions.reset();
        self.buckets.reset();
        self.errors.reset();
        self.headers.reset();
        self.directory.clear();
        self.header = OutputHeader {
            size: size_of::<OutputHeader>() as u32,
            core_stride: size_of::<CoreOut>() as u32,
            ..OutputHeader::default()
        };
    }

    fn cut(&mut self, entries: usize, headers: usize, strings: usize) {
        self.entries.truncate(entries);
        self.header_list.truncate(headers);
        self.timestamps.cut(entries);
        self.targets.cut(entries);
        self.partitions.cut(entries);
        self.buckets.cut(entries);
        self.errors.cut(entries);
        self.headers.cut(entries);
        self.strings.cut(strings);
    }

    /// Writes the header. `consumed` is the index of the first record that is not done.
    pub fn finish(&mut self, consumed: u32, more: Option<u64>) {
        let n = self.entries.len();
        let directory = &mut self.directory;
        self.timestamps.publish(n, directory);
        self.targets.publish(n, directory);
        self.partitions.publish(n, directory);
        self.buckets.publish(n, directory);
        self.errors.publish(n, directory);
        self.headers.publish(n, directory);
        if !self.header_list.is_empty() {
            publish(COLUMN_HEADER_ENTRIES, &self.header_list, directory);
        }
        let h = &mut self.header;
        h.consumed = consumed;
        if let Some(cursor) = more {
            h.flags = OUTPUT_MORE;
            h.cursor = cursor;
        }
        h.count = n as u32;
        h.core_ptr = self.entries.as_ptr() as Address;
        h.columns_count = directory.len() as u32;
        h.columns_ptr = directory.as_ptr() as Address;
        h.strings_count = self.strings.table.len() as u32;
        h.strings_ptr = self.strings.table.as_ptr() as Address;
    }
}

/// Bytes to emit, or null: slices, strings, vectors, buffers, and options of these.
pub trait Payload {
    fn payload(&self) -> Option<&[u8]>;
}

impl<T: AsRef<[u8]> + ?Sized> Payload for &T {
    #[inline]
    fn payload(&self) -> Option<&[u8]> {
        Some((**self).as_ref())
    }
}

impl<P: Payload> Payload for Option<P> {
    #[inline]
    fn payload(&self) -> Option<&[u8]> {
        self.as_ref().and_then(P::payload)
    }
}

impl Payload for Buffer<'_> {
    #[inline]
    fn payload(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl Payload for Vec<u8> {
    fn payload(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl Payload for String {
    fn payload(&self) -> Option<&[u8]> {
        Some(self.as_bytes())
    }
}

/// Takes the output of a function. Bytes that are part of the record or of a [`Buffer`] are not
/// copied; all others are, so nothing has to outlive the call.
pub struct Emitter<'a> {
    out: &'a mut Output,
    arena: &'a Arena,
    frame: &'a Frame,
    function: &'static Function,
    parent: u32,

    // Where the output of the record at hand begins.
    first_entry: usize,
    first_header: usize,
    first_string: usize,
    first_byte: Mark,
    size_before: u64,

    size: u64,
    records_soft: usize,
    bytes_soft: u64,
    pub(crate) more: Option<u64>,
    pub(crate) ended: bool,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(
        out: &'a mut Output,
        arena: &'a Arena,
        frame: &'a Frame,
        function: &'static Function,
    ) -> Emitter<'a> {
        let h = frame.header();
        Emitter {
            out,
            arena,
            frame,
            function,
            parent: 0,
            first_entry: 0,
            first_header: 0,
            first_string: 0,
            first_byte: arena.mark(),
            size_before: 0,
            size: 0,
            records_soft: if h.out_records_soft == 0 {
                usize::MAX
            } else {
                h.out_records_soft as _
            },
            bytes_soft: if h.out_bytes_soft == 0 { u64::MAX } else { h.out_bytes_soft.into() },
            more: None,
            ended: false,
        }
    }

    /// Emits the record as it is. Nothing is copied.
    #[inline]
    pub fn forward(&mut self) -> Entry<'_, 'a> {
        self.add(SAME_ALL)
    }

    /// Emits the record with another value. Key, headers and timestamp stay.
    #[inline]
    pub fn value(&mut self, value: impl Payload) -> Entry<'_, 'a> {
        let mut entry = self.add(SAME_ALL & !SAME_VALUE);
        entry.set_value(value.payload());
        entry
    }

    /// Emits the record with another key and value. Headers and timestamp stay.
    #[inline]
    pub fn key_value(&mut self, key: impl Payload, value: impl Payload) -> Entry<'_, 'a> {
        let mut entry = self.add(SAME_ALL & !(SAME_KEY | SAME_VALUE));
        entry.set_key(key.payload());
        entry.set_value(value.payload());
        entry
    }

    /// Says that the source's split ends before this record: it and all behind it are left out.
    /// For deserializers only.
    pub fn end_of_stream(&mut self) {
        assert!(self.function.role == Role::Deserializer, "only a deserializer can end the stream");
        self.ended = true;
    }

    /// Whether the host would rather have the output now. Between records the SDK looks after
    /// that; a function that makes very many records of one asks, and returns after
    /// [`Emitter::resume_at`].
    #[inline]
    pub fn full(&self) -> bool {
        self.out.entries.len() >= self.records_soft || self.size >= self.bytes_soft
    }

    /// Says that this record has more output: when the function has returned, the host takes what
    /// was emitted and calls it again for the same record, with `Context::cursor` returning
    /// `cursor`. The function must be able to go on from the record and the cursor alone.
    pub fn resume_at(&mut self, cursor: u64) {
        self.more = Some(cursor);
    }

    /// Returns an empty buffer with room for `capacity` bytes.
    #[inline]
    pub fn buffer(&self, capacity: usize) -> Buffer<'a> {
        Buffer::new(self.arena, capacity)
    }

    #[inline]
    fn add(&mut self, flags: u16) -> Entry<'_, 'a> {
        let index = self.out.entries.len();
        self.out.entries.push(CoreOut { flags, parent: self.parent, ..CoreOut::default() });
        Entry { emitter: self, index }
    }

    /// Returns an address at which `b` stays until the next call.
    #[inline]
    fn hold(&self, b: &[u8]) -> Address {
        if b.is_empty() {
            return 0;
        }
        if self.frame.holds(b) || self.arena.holds(b) {
            return b.as_ptr() as Address;
        }
        copied(self.arena, b)
    }

    #[inline]
    pub(crate) fn enter_record(&mut self, i: u32) {
        self.parent = i;
        self.first_entry = self.out.entries.len();
        self.first_header = self.out.header_list.len();
        self.first_string = self.out.strings.table.len();
        self.first_byte = self.arena.mark();
        self.size_before = self.size;
        self.more = None;
        self.ended = false;
    }

    /// Whether the record at hand has output.
    pub(crate) fn emitted(&self) -> bool {
        self.out.entries.len() > self.first_entry
    }

    /// Takes back what was emitted for this record. A record for which nothing is emitted is
    /// dropped anyway.
    pub fn take_back(&mut self) {
        self.out.cut(self.first_entry, self.first_header, self.first_string);
        self.size = self.size_before;
    }

    /// Makes the failure of the record its only output.
    #[cold]
    pub(crate) fn fail(&mut self, error: &Error) {
        self.take_back();
        // The error's text may lie in the buffers of the record, so that its bytes stay for now.
        self.more = None;
        self.ended = false;
        let text = clip(error.text(), ERROR_TEXT_BYTES_MAX).as_bytes();
        let text_ptr = copied(self.arena, text);
        self.size += text.len() as u64;
        let i = self.add(SAME_ALL).index;
        self.out.entries[i].status = STATUS_ERROR;
        let text_length = text.len() as u32;
        self.out.errors.set(i, ErrorOut { text_ptr, text_length, code: error.code(), reserved: 0 });
    }

    /// Gives back the buffers of a record that has no output.
    pub(crate) fn rewind(&mut self) {
        self.arena.rewind(self.first_byte);
    }

    pub(crate) fn add_end_of_stream(&mut self) {
        let i = self.add(SAME_ALL).index;
        self.out.entries[i].status = STATUS_END_OF_STREAM;
    }

    pub(crate) fn add_partition(&mut self, partition: i32) {
        let i = self.add(SAME_ALL).index;
        self.out.partitions.set(i, partition);
    }

    pub(crate) fn add_bucket(&mut self, name: &[u8]) {
        let i = self.add(SAME_ALL).index;
        let arena = self.arena;
        let name = self.out.strings.index(name, |b| copied(arena, b));
        self.out.buckets.set(i, name);
    }

    pub(crate) fn finish(&mut self, consumed: u32) {
        self.out.finish(consumed, self.more);
    }
}

/// A record that was emitted. Its methods refine it:
/// `out.value(v).target("orders-de").header("trace", id)`.
pub struct Entry<'e, 'a> {
    emitter: &'e mut Emitter<'a>,
    index: usize,
}

impl Entry<'_, '_> {
    fn core(&mut self) -> &mut CoreOut {
        &mut self.emitter.out.entries[self.index]
    }

    #[inline]
    fn set_key(&mut self, key: Option<&[u8]>) {
        let held = key.map(|k| (self.emitter.hold(k), k.len() as u32));
        self.emitter.size += held.map_or(0, |h| u64::from(h.1));
        let core = self.core();
        core.flags &= !(SAME_KEY | NULL_KEY);
        match held {
            Some((ptr, length)) => (core.key_ptr, core.key_length) = (ptr, length),
            None => core.flags |= NULL_KEY,
        }
    }

    #[inline]
    fn set_value(&mut self, value: Option<&[u8]>) {
        let held = value.map(|v| (self.emitter.hold(v), v.len() as u32));
        self.emitter.size += held.map_or(0, |h| u64::from(h.1));
        let core = self.core();
        core.flags &= !(SAME_VALUE | NULL_VALUE);
        match held {
            Some((ptr, length)) => (core.value_ptr, core.value_length) = (ptr, length),
            None => core.flags |= NULL_VALUE,
        }
    }

    /// Gives the entry a key.
    pub fn key(mut self, key: impl Payload) -> Self {
        self.set_key(key.payload());
        self
    }

    /// Gives the entry a value.
    pub fn value(mut self, value: impl Payload) -> Self {
        self.set_value(value.payload());
        self
    }

    /// Gives the entry a time in milliseconds since 1970, or none.
    pub fn timestamp(mut self, milliseconds: impl Into<Option<i64>>) -> Self {
        self.core().flags &= !SAME_TIMESTAMP;
        let value = milliseconds.into().unwrap_or(NO_TIMESTAMP);
        self.emitter.out.timestamps.set(self.index, value);
        self
    }

    /// Sends the entry to one of the outputs that the function declares with `outputs(...)`.
    pub fn output(mut self, name: &str) -> Self {
        let f = self.emitter.function;
        match f.outputs.iter().position(|&o| o == name) {
            Some(i) => self.core().output = i as u16 + 1,
            None => panic!("function {} has no output {name}: declare outputs({name:?})", f.name),
        }
        self
    }

    /// Names where a sink is to put the entry: a topic or the like.
    pub fn target(self, name: impl AsRef<[u8]>) -> Self {
        let e = &mut *self.emitter;
        let (arena, frame) = (e.arena, e.frame);
        let name = e.out.strings.index(name.as_ref(), |b| {
            if frame.holds(b) || arena.holds(b) {
                b.as_ptr() as Address
            } else {
                copied(arena, b)
            }
        });
        e.out.targets.set(self.index, name);
        self
    }

    /// Says to which partition a sink is to write the entry, unless it has a partitioner.
    pub fn partition(self, partition: u32) -> Self {
        let partition = i32::try_from(partition).expect("a partition below 2^31");
        self.emitter.out.partitions.set(self.index, partition);
        self
    }

    /// Adds a header behind those the entry has. An entry has the headers of the record it was
    /// made of, so the function must declare `reads(headers)`, or call `no_headers` first.
    pub fn header(mut self, key: impl AsRef<[u8]>, value: impl Payload) -> Self {
        if self.core().flags & SAME_HEADERS != 0 {
            self = self.copy_headers();
        }
        let out = &mut *self.emitter.out;
        let mut list = out.headers.values[self.index];
        if (list.first + list.count) as usize != out.header_list.len() {
            // Headers of another entry stand behind: this entry's move to the end.
            let first = out.header_list.len();
            let own = list.first as usize..(list.first + list.count) as usize;
            out.header_list.extend_from_within(own);
            list.first = first as u32;
        }
        list.count += 1;
        out.headers.set(self.index, list);
        self.append_header(key.as_ref(), value.payload());
        self
    }

    /// Takes all headers of the entry away.
    pub fn no_headers(mut self) -> Self {
        self.core().flags &= !SAME_HEADERS;
        let first = self.emitter.out.header_list.len() as u32;
        self.emitter.out.headers.set(self.index, Headers { first, count: 0 });
        self
    }

    /// Gives the entry the headers of its record as its own.
    fn copy_headers(self) -> Self {
        let mut own = self.no_headers();
        let record = Record::new(own.emitter.frame, own.emitter.parent);
        for h in record.headers() {
            own.append_header(h.key, h.value);
        }
        own.emitter.out.headers.values[own.index].count = record.headers().len() as u32;
        own
    }

    fn append_header(&mut self, key: &[u8], value: Option<&[u8]>) {
        let mut h = HeaderOut {
            key_ptr: self.emitter.hold(key),
            key_length: key.len() as u32,
            value_ptr: 0,
            value_length: NULL_LENGTH,
        };
        if let Some(value) = value {
            h.value_ptr = self.emitter.hold(value);
            h.value_length = value.len() as u32;
        }
        self.emitter.size += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
        self.emitter.out.header_list.push(h);
    }
}

/// Copies `b` into the arena.
fn copied(arena: &Arena, b: &[u8]) -> Address {
    let to = arena.alloc(b.len());
    // SAFETY: the arena handed out that many bytes, to nobody else.
    unsafe { std::ptr::copy_nonoverlapping(b.as_ptr(), to, b.len()) }
    to as Address
}

/// Shortens `s` to `n` bytes without cutting a character.
fn clip(s: &str, mut n: usize) -> &str {
    if s.len() <= n {
        return s;
    }
    while !s.is_char_boundary(n) {
        n -= 1;
    }
    &s[..n]
}
