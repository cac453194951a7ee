//! The output of the running call: rows, headers, names and bytes, which grow as they have to and
//! are used anew by the next call. Until `finish`, addresses in them are offsets in the bytes.

use std::mem::offset_of;

use crate::layout::*;

/// An entry of the output with all its columns.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Row {
    pub core: CoreOut,
    pub timestamp: i64,
    pub headers: Headers,
    pub target: u32,
    pub partition: i32,
    pub bucket: u32,
    pub reserved: u32,
    pub error: ErrorOut,
}

impl Row {
    /// A row that is its parent over again.
    pub fn same(parent: u32) -> Row {
        Row {
            core: CoreOut { flags: SAME_ALL, parent, ..CoreOut::default() },
            timestamp: NO_TIMESTAMP,
            headers: Headers::default(),
            target: NO_STRING,
            partition: NO_PARTITION,
            bucket: NO_STRING,
            reserved: 0,
            error: ErrorOut::default(),
        }
    }
}

/// Where the output of a record begins, so that it can be taken back.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    rows: usize,
    headers: usize,
    names: usize,
    bytes: usize,
    size: u64,
}

/// Names of targets and buckets are few; so many of the last ones are looked at for a name.
const NAMES_BACK: usize = 32;

pub struct Output {
    rows: Vec<Row>,
    headers: Vec<HeaderOut>,
    names: Vec<StringOut>,
    bytes: Vec<u8>,
    size: u64,
    columns: u32, // bit i: column i is used
    directory: Vec<ColumnOut>,
    pub header: OutputHeader,
}

impl Output {
    pub fn new() -> Output {
        Output {
            rows: Vec::new(),
            headers: Vec::new(),
            names: Vec::new(),
            bytes: Vec::new(),
            size: 0,
            columns: 0,
            directory: Vec::new(),
            header: OutputHeader::default(),
        }
    }

    pub fn begin(&mut self) {
        self.rows.clear();
        self.headers.clear();
        self.names.clear();
        self.bytes.clear();
        self.directory.clear();
        (self.size, self.columns) = (0, 0);
        self.header = OutputHeader {
            size: size_of::<OutputHeader>() as u32,
            core_stride: size_of::<Row>() as u32,
            ..OutputHeader::default()
        };
    }

    pub fn mark(&self) -> Mark {
        Mark {
            rows: self.rows.len(),
            headers: self.headers.len(),
            names: self.names.len(),
            bytes: self.bytes.len(),
            size: self.size,
        }
    }

    pub fn emitted_since(&self, m: Mark) -> bool {
        self.rows.len() > m.rows
    }

    pub fn take_back(&mut self, m: Mark) {
        self.rows.truncate(m.rows);
        self.headers.truncate(m.headers);
        self.names.truncate(m.names); // by their number: an empty one takes no bytes
        self.bytes.truncate(m.bytes);
        self.size = m.size;
    }

    /// Whether the host would rather have the output now.
    pub fn full(&self, frame: &FrameHeader) -> bool {
        let (rows, bytes) = (frame.out_records_soft as usize, u64::from(frame.out_bytes_soft));
        (rows > 0 && self.rows.len() >= rows) || (bytes > 0 && self.size >= bytes)
    }

    /// Copies bytes to the output and returns their offset.
    pub fn put(&mut self, b: &[u8]) -> Address {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(b);
        at
    }

    pub fn put_header(&mut self, key: &[u8], value: Option<&[u8]>) {
        let (key_ptr, key_length) = (self.put(key), key.len() as u32);
        let value_length = value.map_or(NULL_LENGTH, |v| v.len() as u32);
        let value_ptr = self.put(value.unwrap_or_default());
        self.headers.push(HeaderOut { key_ptr, key_length, value_ptr, value_length });
    }

    pub fn headers_count(&self) -> u32 {
        self.headers.len() as u32
    }

    /// The index of a name in the table of strings.
    pub fn name(&mut self, text: &[u8]) -> u32 {
        let n = self.names.len();
        for (i, known) in self.names.iter().enumerate().rev().take(NAMES_BACK) {
            if self.bytes[known.ptr..][..known.length as usize] == *text {
                return i as u32;
            }
        }
        let ptr = self.put(text);
        self.names.push(StringOut { ptr, length: text.len() as u32 });
        n as u32
    }

    /// Says that rows use a column.
    pub fn uses(&mut self, column: u32) {
        self.columns |= 1 << column;
    }

    pub fn add(&mut self, row: Row) {
        self.size += u64::from(row.core.key_length) + u64::from(row.core.value_length);
        self.rows.push(row);
    }

    pub fn add_error(&mut self, parent: u32, code: u32, text: &str) {
        let (text_ptr, text_length) = (self.put(text.as_bytes()), text.len() as u32);
        let mut row = Row::same(parent);
        row.core.status = STATUS_ERROR;
        row.error = ErrorOut { text_ptr, text_length, code, reserved: 0 };
        self.uses(COLUMN_ERROR);
        self.add(row);
    }

    pub fn add_end_of_stream(&mut self, parent: u32) {
        let mut row = Row::same(parent);
        row.core.status = STATUS_END_OF_STREAM;
        row.core.flags = 0;
        self.add(row);
    }

    /// Makes addresses of offsets and writes the header.
    pub fn finish(&mut self, consumed: u32, more: Option<u64>) {
        // A column that begins inside the last row reaches into the row behind it.
        self.rows.reserve(1);
        let base = self.bytes.as_ptr() as Address;
        for row in &mut self.rows {
            row.core.key_ptr += base;
            row.core.value_ptr += base;
            row.error.text_ptr += base;
        }
        for h in &mut self.headers {
            h.key_ptr += base;
            h.value_ptr += base;
        }
        for name in &mut self.names {
            name.ptr += base;
        }
        self.list_columns();
        let h = &mut self.header;
        h.consumed = consumed;
        if let Some(cursor) = more {
            (h.flags, h.cursor) = (OUTPUT_MORE, cursor);
        }
        h.count = self.rows.len() as u32;
        h.core_ptr = self.rows.as_ptr() as Address;
        h.columns_count = self.directory.len() as u32;
        h.columns_ptr = self.directory.as_ptr() as Address;
        h.strings_count = self.names.len() as u32;
        h.strings_ptr = self.names.as_ptr() as Address;
    }

    fn list_columns(&mut self) {
        const OFFSETS: [(u32, usize); 6] = [
            (COLUMN_HEADERS, offset_of!(Row, headers)),
            (COLUMN_TIMESTAMP, offset_of!(Row, timestamp)),
            (COLUMN_TARGET, offset_of!(Row, target)),
            (COLUMN_PARTITION, offset_of!(Row, partition)),
            (COLUMN_BUCKET, offset_of!(Row, bucket)),
            (COLUMN_ERROR, offset_of!(Row, error)),
        ];
        let base = self.rows.as_ptr() as Address;
        for (id, offset) in OFFSETS {
            if self.columns & 1 << id != 0 && !self.rows.is_empty() {
                self.directory.push(ColumnOut {
                    id,
                    ptr: base + offset,
                    stride: size_of::<Row>() as u32,
                    count: self.rows.len() as u32,
                });
            }
        }
        if !self.headers.is_empty() && self.columns & 1 << COLUMN_HEADERS != 0 {
            self.directory.push(ColumnOut {
                id: COLUMN_HEADER_ENTRIES,
                ptr: self.headers.as_ptr() as Address,
                stride: size_of::<HeaderOut>() as u32,
                count: self.headers.len() as u32,
            });
        }
    }
}
