// What a guest asks of its host.

// @ts-ignore: decorator
@external("wasmflow", "log")
declare function hostLog(level: u32, text: usize, length: u32): void;

// @ts-ignore: decorator
@external("wasmflow", "metric")
declare function hostMetric(kind: u32, name: usize, length: u32, value: f64): void;

// Texts go to the host in UTF-8, through room that is used again.
let room: usize = 0;
let roomSize: i32 = 0;

/** Encodes a text and returns its length; it stands at room. */
function encode(text: string): i32 {
  const n = String.UTF8.byteLength(text);
  if (n > roomSize) {
    if (room != 0) heap.free(room);
    room = heap.alloc(n);
    roomSize = n;
  }
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, room);
  return n;
}

export function log(level: u32, text: string): void {
  const n = encode(text);
  hostLog(level, room, n);
}

export function logBytes(level: u32, ptr: usize, n: i32): void { hostLog(level, ptr, n); }

export function metric(kind: u32, name: string, value: f64): void {
  const n = encode(name);
  hostMetric(kind, room, n, value);
}
