// The bytes of ABI 1, as abi/SPEC.md has them: offsets of fields.

export const MAGIC: u32 = 0x31424657; // "WFB1"
export const NO_TIMESTAMP: i64 = i64.MIN_VALUE;
export const NONE: u32 = 0xffffffff;

export const FRAME_HEADER: u32 = 96;
export const CORE: u32 = 32;

export const IN_NULL_KEY: u8 = 1;
export const IN_NULL_VALUE: u8 = 2;

export const STATUS_ERROR: u8 = 2;
export const STATUS_END_OF_STREAM: u8 = 3;

export const SAME_KEY: u16 = 1;
export const SAME_VALUE: u16 = 2;
export const SAME_HEADERS: u16 = 4;
export const SAME_TIMESTAMP: u16 = 8;
export const SAME_ALL: u16 = 15;
export const NULL_KEY: u16 = 16;
export const NULL_VALUE: u16 = 32;

export const COLUMN_HEADERS: u32 = 1;
export const COLUMN_HEADER_ENTRIES: u32 = 2;
export const COLUMN_SOURCE: u32 = 3;
export const COLUMN_KEY_GROUP: u32 = 4;
export const COLUMN_SCHEMA_ID: u32 = 5;
export const COLUMN_PARTITION_COUNT: u32 = 6;
export const COLUMN_TIMESTAMP: u32 = 16;
export const COLUMN_TARGET: u32 = 17;
export const COLUMN_PARTITION: u32 = 18;
export const COLUMN_BUCKET: u32 = 19;
export const COLUMN_ERROR: u32 = 20;

export const CALL_BAD_FRAME: u32 = 1;
export const CALL_NO_FUNCTION: u32 = 2;
export const CALL_INTERNAL: u32 = 3;
