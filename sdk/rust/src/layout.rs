//! The bytes of ABI 1, as `abi/SPEC.md` has them. Input structures are read as they lie in the
//! frame; output structures hold addresses, which are as wide as a pointer: 32 bits in a guest,
//! and whatever is there in a native test.

pub type Address = usize;

pub const MAGIC: u32 = u32::from_le_bytes(*b"WFB1");
pub const NO_TIMESTAMP: i64 = i64::MIN;
pub const NO_STRING: u32 = u32::MAX;
pub const NO_PROGRESS: u32 = u32::MAX;
pub const NO_PARTITION: i32 = -1;
pub const NULL_LENGTH: u32 = u32::MAX;

pub const KIND_DATA: u8 = 0;
pub const IN_NULL_KEY: u8 = 1;
pub const IN_NULL_VALUE: u8 = 2;

pub const STATUS_ERROR: u8 = 2;
pub const STATUS_END_OF_STREAM: u8 = 3;

pub const SAME_KEY: u16 = 1;
pub const SAME_VALUE: u16 = 2;
pub const SAME_HEADERS: u16 = 4;
pub const SAME_TIMESTAMP: u16 = 8;
pub const SAME_ALL: u16 = SAME_KEY | SAME_VALUE | SAME_HEADERS | SAME_TIMESTAMP;
pub const NULL_KEY: u16 = 16;
pub const NULL_VALUE: u16 = 32;

pub const OUTPUT_MORE: u32 = 1;

pub const CALL_BAD_FRAME: u32 = 1;
pub const CALL_NO_FUNCTION: u32 = 2;
pub const CALL_INTERNAL: u32 = 3;

pub const COLUMN_HEADERS: u32 = 1;
pub const COLUMN_HEADER_ENTRIES: u32 = 2;
pub const COLUMN_SOURCE: u32 = 3;
pub const COLUMN_KEY_GROUP: u32 = 4;
pub const COLUMN_SCHEMA_ID: u32 = 5;
pub const COLUMN_PARTITION_COUNT: u32 = 6;
pub const COLUMN_TIMESTAMP: u32 = 16;
pub const COLUMN_TARGET: u32 = 17;
pub const COLUMN_PARTITION: u32 = 18;
pub const COLUMN_BUCKET: u32 = 19;
pub const COLUMN_ERROR: u32 = 20;

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct FrameHeader {
    pub magic: u32,
    pub header_size: u32,
    pub frame_size: u32,
    pub count: u32,
    pub core_offset: u32,
    pub core_stride: u32,
    pub columns_offset: u32,
    pub columns_count: u32,
    pub strings_offset: u32,
    pub strings_count: u32,
    pub arena_offset: u32,
    pub arena_size: u32,
    pub batch_time_ns: i64,
    pub watermark: i64,
    pub out_records_soft: u32,
    pub out_bytes_soft: u32,
    pub progress: u32,
    pub flags: u32,
    pub seed: u64,
    pub reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct CoreIn {
    pub kind: u8,
    pub flags: u8,
    pub input: u16,
    pub reserved: u32,
    pub key_offset: u32,
    pub key_length: u32,
    pub value_offset: u32,
    pub value_length: u32,
    pub timestamp: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ColumnIn {
    pub id: u32,
    pub offset: u32,
    pub stride: u32,
    pub count: u32,
}

/// Which entries of the list of headers are a record's.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Headers {
    pub first: u32,
    pub count: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct HeaderIn {
    pub key_offset: u32,
    pub key_length: u32,
    pub value_offset: u32,
    pub value_length: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SourceIn {
    pub split: u32,
    pub reserved: u32,
    pub position_high: u64,
    pub position_low: u64,
    pub ordinal: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct StringIn {
    pub offset: u32,
    pub length: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct OutputHeader {
    pub size: u32,
    pub status: u32,
    pub consumed: u32,
    pub flags: u32,
    pub cursor: u64,
    pub count: u32,
    pub core_ptr: Address,
    pub core_stride: u32,
    pub columns_ptr: Address,
    pub columns_count: u32,
    pub strings_ptr: Address,
    pub strings_count: u32,
    pub error_ptr: Address,
    pub error_length: u32,
    pub reserved: u32,
}

#[repr(C, align(8))]
#[derive(Clone, Copy, Default)]
pub struct CoreOut {
    pub kind: u8,
    pub status: u8,
    pub flags: u16,
    pub parent: u32,
    pub key_ptr: Address,
    pub key_length: u32,
    pub value_ptr: Address,
    pub value_length: u32,
    pub output: u16,
    pub reserved: u16,
    pub reserved2: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ColumnOut {
    pub id: u32,
    pub ptr: Address,
    pub stride: u32,
    pub count: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct HeaderOut {
    pub key_ptr: Address,
    pub key_length: u32,
    pub value_ptr: Address,
    pub value_length: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct StringOut {
    pub ptr: Address,
    pub length: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ErrorOut {
    pub text_ptr: Address,
    pub text_length: u32,
    pub code: u32,
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<FrameHeader>() == 96);
    assert!(size_of::<CoreIn>() == 32);
    assert!(size_of::<SourceIn>() == 32);
};

#[cfg(target_arch = "wasm32")]
const _: () = {
    assert!(size_of::<OutputHeader>() == 64);
    assert!(size_of::<CoreOut>() == 32);
    assert!(size_of::<ColumnOut>() == 16);
    assert!(size_of::<HeaderOut>() == 16);
    assert!(size_of::<StringOut>() == 8);
    assert!(size_of::<ErrorOut>() == 16);
};
