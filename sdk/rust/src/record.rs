use crate::frame::Frame;
use crate::layout::*;

/// A record of the batch, read where the host wrote it. What it hands out is part of the frame:
/// emitting it again copies nothing.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    frame: &'a Frame,
    core: CoreIn,
    index: u32,
}

/// A header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub key: &'a [u8],
    /// None is null.
    pub value: Option<&'a [u8]>,
}

/// Where a record comes from. Equal origins mean the same record again, after a restart for
/// instance: ids made from it are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The file, partition or the like.
    pub split: &'a [u8],
    pub position_high: u64,
    pub position_low: u64,
    /// 0 as the source delivered it, else derived from parent and function.
    pub ordinal: u64,
}

impl<'a> Record<'a> {
    #[inline]
    pub(crate) fn new(frame: &'a Frame, index: u32) -> Record<'a> {
        Record { frame, core: frame.core(index), index }
    }

    pub(crate) fn kind(&self) -> u8 {
        self.core.kind
    }

    /// The key; None is null.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        if self.core.flags & IN_NULL_KEY != 0 {
            return None;
        }
        Some(self.frame.bytes(self.core.key_offset, self.core.key_length))
    }

    /// The value; None is null (a tombstone).
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        if self.core.flags & IN_NULL_VALUE != 0 {
            return None;
        }
        Some(self.frame.bytes(self.core.value_offset, self.core.value_length))
    }

    /// The value, with null as no bytes.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.value().unwrap_or_default()
    }

    /// The value as text, with null as empty; fails on what is not UTF-8.
    pub fn text(&self) -> Result<&'a str, std::str::Utf8Error> {
        std::str::from_utf8(self.bytes())
    }

    /// The record's time in milliseconds since 1970, if it has one.
    pub fn timestamp(&self) -> Option<i64> {
        (self.core.timestamp != NO_TIMESTAMP).then_some(self.core.timestamp)
    }

    /// The headers. The function must declare `reads(headers)`.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'a>> {
        let frame = self.frame;
        let list: Headers = frame.column(COLUMN_HEADERS, self.index);
        (0..list.count as usize).map(move |i| {
            let h: HeaderIn = frame.column(COLUMN_HEADER_ENTRIES, list.first + i as u32);
            let null = h.value_length == NULL_LENGTH;
            Header {
                key: frame.bytes(h.key_offset, h.key_length),
                value: (!null).then(|| frame.bytes(h.value_offset, h.value_length)),
            }
        })
    }

    /// The first header of that name. The function must declare `reads(headers)`.
    pub fn header(&self, name: &str) -> Option<Header<'a>> {
        self.headers().find(|h| h.key == name.as_bytes())
    }

    /// Where the record comes from. The function must declare `reads(source)`.
    pub fn origin(&self) -> Origin<'a> {
        let s: SourceIn = self.frame.column(COLUMN_SOURCE, self.index);
        Origin {
            split: self.frame.string(s.split),
            position_high: s.position_high,
            position_low: s.position_low,
            ordinal: s.ordinal,
        }
    }

    /// The key group of the record's key. The function must declare `reads(key_group)`.
    pub fn key_group(&self) -> u32 {
        self.frame.column(COLUMN_KEY_GROUP, self.index)
    }

    /// The id of the value's schema. The function must declare `reads(schema_id)`.
    pub fn schema_id(&self) -> u32 {
        self.frame.column(COLUMN_SCHEMA_ID, self.index)
    }

    /// The number of partitions to choose from. The function must declare
    /// `reads(partition_count)`; a partitioner is given it as an argument.
    pub fn partition_count(&self) -> u32 {
        self.frame.column(COLUMN_PARTITION_COUNT, self.index)
    }
}
