import * as L from "./layout";
import { Bytes } from "./bytes";
import { column, core, coreStride, show, showString } from "./frame";

/**
 * A record of the batch, read where the host wrote it. The object is the same for all records:
 * what it shows is valid until the function returns.
 */
@unmanaged @final
export class Record {
  /** The key. */
  key: Bytes = new Bytes();
  /** The value. */
  value: Bytes = new Bytes();
  private index: u32 = 0;
  private entry: usize = 0;
  private name: Bytes = new Bytes();
  private part: Bytes = new Bytes();

  /** Makes this record i of the frame; returns its kind. For the SDK. */
  enter(i: u32): u8 {
    this.index = i;
    const e = core + <usize>i * coreStride;
    this.entry = e;
    const flags = load<u8>(e, 1);
    const key = this.key, value = this.value;
    show(key, load<u32>(e, 8), load<u32>(e, 12));
    show(value, load<u32>(e, 16), load<u32>(e, 20));
    if (flags != 0) {
      if (flags & L.IN_NULL_KEY) { key.isNull = true; key.length = 0; }
      if (flags & L.IN_NULL_VALUE) { value.isNull = true; value.length = 0; }
    }
    return load<u8>(e);
  }

  /** Whether it has a time. */
  get hasTimestamp(): bool { return load<i64>(this.entry, 24) != L.NO_TIMESTAMP; }

  /** Its time in milliseconds since 1970, where it has one. */
  get timestamp(): i64 { return load<i64>(this.entry, 24); }

  /** The number of headers. The function must read Column.Headers, as for all about headers. */
  get headerCount(): i32 { return load<i32>(column(L.COLUMN_HEADERS, this.index), 4); }

  private header(i: i32): usize {
    if (<u32>i >= <u32>this.headerCount) throw new RangeError("header out of range");
    const first = load<u32>(column(L.COLUMN_HEADERS, this.index));
    return column(L.COLUMN_HEADER_ENTRIES, first + i);
  }

  /** The key of header i; valid until the next headerKey. */
  headerKey(i: i32): Bytes {
    const h = this.header(i);
    return show(this.name, load<u32>(h), load<u32>(h, 4));
  }

  /** The value of header i; valid until the next headerValue. */
  headerValue(i: i32): Bytes {
    const h = this.header(i);
    const length = load<u32>(h, 12);
    if (length == L.NONE) return Bytes.null();
    return show(this.part, load<u32>(h, 8), length);
  }

  /** The index of the first header of an ASCII name, or -1. */
  headerIndex(name: string): i32 {
    for (let i = 0; i < this.headerCount; i++) {
      if (this.headerKey(i).equals(name)) return i;
    }
    return -1;
  }

  /** The file, partition or the like. The function must read Column.Source, as for the next. */
  get split(): Bytes {
    return showString(this.part, load<u32>(column(L.COLUMN_SOURCE, this.index)));
  }

  get positionHigh(): u64 { return load<u64>(column(L.COLUMN_SOURCE, this.index), 8); }

  get positionLow(): u64 { return load<u64>(column(L.COLUMN_SOURCE, this.index), 16); }

  /** 0 as the source delivered it, else derived from parent and function. */
  get ordinal(): u64 { return load<u64>(column(L.COLUMN_SOURCE, this.index), 24); }

  /** The key group of the key. The function must read Column.KeyGroup. */
  get keyGroup(): u32 { return load<u32>(column(L.COLUMN_KEY_GROUP, this.index)); }

  /** The id of the value's schema. The function must read Column.SchemaId. */
  get schemaId(): u32 { return load<u32>(column(L.COLUMN_SCHEMA_ID, this.index)); }

  /** The partitions to choose from; a partitioner is given them as an argument. */
  get partitionCount(): i32 { return load<i32>(column(L.COLUMN_PARTITION_COUNT, this.index)); }
}
