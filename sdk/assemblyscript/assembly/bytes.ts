import { arenaAlloc, arenaShrink } from "./memory";

/** Bytes somewhere in memory, or null: a view that does not own them. */
@unmanaged
export class Bytes {
  /** Where they are. */
  ptr: usize = 0;
  /** How many they are. */
  length: i32 = 0;
  /** Whether they are null, which is not the same as empty. */
  isNull: bool = false;

  /** Null: `out.value(Bytes.null())`. */
  static null(): Bytes { return NULL; }

  /** No bytes, but not null. */
  static empty(): Bytes { return EMPTY; }

  /** The UTF-8 of a text, kept for good: for constants. */
  static of(text: string): Bytes {
    const b = new Bytes();
    b.length = String.UTF8.byteLength(text);
    b.ptr = heap.alloc(max(b.length, 1));
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, b.ptr);
    return b;
  }

  /** Makes this the view of other bytes. */
  set(ptr: usize, length: i32): this {
    this.ptr = ptr;
    this.length = length;
    this.isNull = false;
    return this;
  }

  /** A byte; i must be below length. */
  @inline @operator("[]")
  at(i: i32): u8 {
    if (<u32>i >= <u32>this.length) throw new RangeError("byte out of range");
    return load<u8>(this.ptr + i);
  }

  /** The index of a byte from an index on, or -1. */
  indexOf(byte: u8, from: i32 = 0): i32 {
    for (let i = from; i < this.length; i++) {
      if (load<u8>(this.ptr + i) == byte) return i;
    }
    return -1;
  }

  /** Whether these are the bytes of an ASCII text. */
  equals(text: string): bool {
    if (this.isNull || this.length != text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (<i32>load<u8>(this.ptr + i) != text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Whether they are a decimal integer that fits into an i64. */
  isInteger(): bool {
    const signed = this.length > 0 && load<u8>(this.ptr) == 0x2d;
    const digits = this.length - i32(signed);
    if (digits < 1 || digits > 18) return false;
    for (let i = i32(signed); i < this.length; i++) {
      if (<u32>load<u8>(this.ptr + i) - 0x30 > 9) return false;
    }
    return true;
  }

  /** The integer they are; throws where isInteger says no. */
  toInteger(): i64 {
    if (!this.isInteger()) throw new Error("not an integer: " + this.toString());
    const signed = load<u8>(this.ptr) == 0x2d;
    let n: i64 = 0;
    for (let i = i32(signed); i < this.length; i++) {
      n = n * 10 + (load<u8>(this.ptr + i) - 0x30);
    }
    return signed ? -n : n;
  }

  /** The text that they are in UTF-8: a copy, in the collector's heap. */
  toString(): string { return String.UTF8.decodeUnsafe(this.ptr, this.length); }
}

const NULL = new Bytes();
NULL.isNull = true;
const EMPTY = new Bytes();

/**
 * Bytes under construction. They are made where the output is to be, so that emitting them copies
 * nothing. More than what was asked for may be appended, at the price of a copy.
 */
@unmanaged @final
export class Buffer extends Bytes {
  capacity: i32 = 0;

  /** Begins anew with room for n bytes. */
  begin(n: i32): this {
    this.ptr = arenaAlloc(n);
    this.length = 0;
    this.capacity = n;
    return this;
  }

  /** Appends n bytes, which the caller writes, and returns their address. */
  append(n: i32): usize {
    if (n > this.capacity - this.length) this.enlarge(n);
    const p = this.ptr + this.length;
    this.length += n;
    return p;
  }

  private enlarge(n: i32): void {
    const capacity = max(this.length + n, this.capacity * 2);
    const old = this.ptr;
    arenaShrink(old, this.capacity, 0);
    this.ptr = arenaAlloc(capacity);
    memory.copy(this.ptr, old, this.length);
    this.capacity = capacity;
  }

  /** Appends a byte. */
  @inline
  byte(b: u8): this {
    store<u8>(this.append(1), b);
    return this;
  }

  /** Appends bytes. */
  bytes(b: Bytes): this {
    const n = b.length; // b may be this buffer, which grows
    memory.copy(this.append(n), b.ptr, n);
    return this;
  }

  /** Appends the UTF-8 of a text. */
  text(s: string): this {
    const n = String.UTF8.byteLength(s);
    String.UTF8.encodeUnsafe(changetype<usize>(s), s.length, this.append(n));
    return this;
  }

  /** Appends an integer in decimal. */
  integer(n: i64): this {
    if (n < 0) this.byte(0x2d);
    return this.unsigned(n < 0 ? <u64>0 - <u64>n : <u64>n);
  }

  /** Appends an integer without a sign in decimal. */
  unsigned(n: u64): this {
    let digits = 1;
    for (let rest = n / 10; rest > 0; rest /= 10) digits++;
    const p = this.append(digits);
    for (let i = digits - 1; i >= 0; i--) {
      store<u8>(p + i, <u8>(0x30 + n % 10));
      n /= 10;
    }
    return this;
  }

  /** Appends the 16 hexadecimal digits of an integer. */
  hex(n: u64): this {
    const p = this.append(16);
    for (let i = 0; i < 16; i++) {
      const d = <u8>(n >> (60 - 4 * i)) & 15;
      store<u8>(p + i, d < 10 ? 0x30 + d : 0x57 + d);
    }
    return this;
  }

  /** Appends a JSON string with these bytes, which are UTF-8. */
  quoted(b: Bytes): this {
    const n = b.length; // as above
    this.byte(0x22);
    for (let i = 0; i < n; i++) {
      const c = load<u8>(b.ptr + i);
      if (c == 0x22 || c == 0x5c) {
        this.byte(0x5c).byte(c);
      } else if (c >= 0x20) {
        this.byte(c);
      } else if (c == 10) {
        this.text("\\n");
      } else if (c == 13) {
        this.text("\\r");
      } else if (c == 9) {
        this.text("\\t");
      } else {
        const low = c & 15;
        this.text("\\u00").byte(0x30 + (c >> 4)).byte(low < 10 ? 0x30 + low : 0x57 + low);
      }
    }
    return this.byte(0x22);
  }

  /** Gives back the room that was not used, if nothing was taken behind it. */
  end(): void {
    arenaShrink(this.ptr, this.capacity, this.length);
    this.capacity = this.length;
  }
}
