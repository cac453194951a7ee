//! Reading the input frame. Its tables are checked once a call, ranges of bytes when they are used.

use crate::layout::*;

/// Column ids of input frames end before this one.
const COLUMNS_END: usize = COLUMN_PARTITION_COUNT as usize + 1;

/// An array of entries of a fixed size in the frame.
#[derive(Clone, Copy)]
struct Table {
    base: *const u8,
    stride: usize,
    count: u32,
}

impl Table {
    const NONE: Table = Table { base: std::ptr::null(), stride: 0, count: 0 };

    /// Entry `i`, if the table has it.
    #[inline]
    fn get<T: Copy>(&self, i: u32) -> Option<T> {
        if i >= self.count {
            return None;
        }
        // SAFETY: `Frame::table` found `count` entries of at least the size of T, `stride` apart,
        // inside the frame. T is made of integers, and is read without an alignment.
        Some(unsafe { self.base.add(i as usize * self.stride).cast::<T>().read_unaligned() })
    }
}

/// An input frame that lies in the region of the last reserve.
pub struct Frame {
    base: *mut u8,
    size: usize,
    header: FrameHeader,
    core: Table,
    columns: [Table; COLUMNS_END],
    strings: Table,
}

impl Frame {
    /// Reads the frame at the beginning of a region of `size` bytes, or says what is wrong with it.
    ///
    /// # Safety
    /// The region must stay as it is for as long as the frame is used.
    pub unsafe fn load(base: *mut u8, size: usize) -> Result<Frame, &'static str> {
        if size < size_of::<FrameHeader>() {
            return Err("no frame in the reserved region");
        }
        // SAFETY: the region is that large.
        let header = unsafe { base.cast::<FrameHeader>().read_unaligned() };
        if header.magic != MAGIC {
            return Err("the frame's magic is not that of ABI 1");
        }
        if header.frame_size as usize > size
            || header.header_size > header.frame_size
            || (header.header_size as usize) < size_of::<FrameHeader>()
        {
            return Err("the frame's size is above the reserved region");
        }
        let mut frame = Frame {
            base,
            size: header.frame_size as usize,
            header,
            core: Table::NONE,
            columns: [Table::NONE; COLUMNS_END],
            strings: Table::NONE,
        };
        if header.core_offset % 8 != 0 || header.core_stride % 8 != 0 {
            return Err("the core table is not aligned");
        }
        frame.core = frame
            .table(header.core_offset, header.core_stride, header.count, size_of::<CoreIn>())
            .ok_or("the core table is not inside the frame")?;
        let size = size_of::<StringIn>();
        frame.strings = frame
            .table(header.strings_offset, size as u32, header.strings_count, size)
            .ok_or("the string table is not inside the frame")?;
        frame.load_columns()?;
        Ok(frame)
    }

    fn load_columns(&mut self) -> Result<(), &'static str> {
        let size = size_of::<ColumnIn>();
        let directory = self
            .table(self.header.columns_offset, size as u32, self.header.columns_count, size)
            .ok_or("the column directory is not inside the frame")?;
        let mut i = 0;
        while let Some(c) = directory.get::<ColumnIn>(i) {
            i += 1;
            let Some(entry) = column_size(c.id) else { continue };
            if c.id != COLUMN_HEADER_ENTRIES && c.count != self.header.count {
                return Err("a column has not as many values as the frame has records");
            }
            self.columns[c.id as usize] = self
                .table(c.offset, c.stride, c.count, entry)
                .ok_or("a column is not inside the frame")?;
        }
        Ok(())
    }

    fn table(&self, offset: u32, stride: u32, count: u32, entry: usize) -> Option<Table> {
        if count == 0 {
            return Some(Table::NONE);
        }
        let end = u64::from(offset) + u64::from(count - 1) * u64::from(stride) + entry as u64;
        if end > self.size as u64 || (stride as usize) < entry || stride % 4 != 0 || offset % 4 != 0
        {
            return None;
        }
        // SAFETY: offset is inside the frame.
        let base = unsafe { self.base.add(offset as usize) };
        Some(Table { base, stride: stride as usize, count })
    }

    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Writes the progress cell.
    #[inline]
    pub fn progress(&self, record: u32) {
        // SAFETY: the header is inside the region, and no reference to it is kept.
        unsafe { (*self.base.cast::<FrameHeader>()).progress = record }
    }

    #[inline]
    pub fn core(&self, i: u32) -> CoreIn {
        self.core.get(i).expect("a record of the frame")
    }

    /// A value of a column; panics where the column is not in the frame.
    pub fn column<T: Copy>(&self, id: u32, i: u32) -> T {
        match self.columns[id as usize].get(i) {
            Some(value) => value,
            None => panic!("the frame has no column {}: declare reads({0})", column_name(id)),
        }
    }

    /// A range of the frame. The offset of an empty one means nothing.
    #[inline]
    pub fn bytes(&self, offset: u32, length: u32) -> &[u8] {
        if length == 0 {
            return &[];
        }
        assert!(
            u64::from(offset) + u64::from(length) <= self.size as u64,
            "a range of the frame is not inside it"
        );
        // SAFETY: it is inside, and the region stays as it is.
        unsafe { std::slice::from_raw_parts(self.base.add(offset as usize), length as usize) }
    }

    /// An entry of the string table, empty for none.
    pub fn string(&self, i: u32) -> &[u8] {
        if i == NO_STRING {
            return &[];
        }
        let s: StringIn = self.strings.get(i).expect("a string of the frame");
        self.bytes(s.offset, s.length)
    }

    /// Whether `b` lies in the frame, where it stays until the next reserve.
    #[inline]
    pub fn holds(&self, b: &[u8]) -> bool {
        (b.as_ptr() as usize).wrapping_sub(self.base as usize) < self.size
    }
}

fn column_size(id: u32) -> Option<usize> {
    Some(match id {
        COLUMN_HEADERS => size_of::<Headers>(),
        COLUMN_HEADER_ENTRIES => size_of::<HeaderIn>(),
        COLUMN_SOURCE => size_of::<SourceIn>(),
        COLUMN_KEY_GROUP | COLUMN_SCHEMA_ID | COLUMN_PARTITION_COUNT => size_of::<u32>(),
        _ => return None,
    })
}

fn column_name(id: u32) -> &'static str {
    match id {
        COLUMN_HEADERS | COLUMN_HEADER_ENTRIES => "headers",
        COLUMN_SOURCE => "source",
        COLUMN_KEY_GROUP => "key_group",
        COLUMN_SCHEMA_ID => "schema_id",
        _ => "partition_count",
    }
}
