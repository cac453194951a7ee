// Workloads of the metering benchmark, in AssemblyScript, behind the export "bench".
const description = String.UTF8.encode(
  '{"name":"bench-as","version":"1.0.0","functions":[{"name":"none","role":"transform"}]}');
const region = new ArrayBuffer(1 << 16);

export function wasmflow_abi_v1(): i32 { return 0; }
export function wasmflow_describe(): i64 {
  return (<i64>changetype<usize>(description)) << 32 | description.byteLength;
}
export function wasmflow_open(ptr: i32, size: i32): i64 { return 0; }
export function wasmflow_reserve(n: i32): i32 {
  return n > region.byteLength ? 0 : <i32>((changetype<usize>(region) + 7) & ~7);
}
export function wasmflow_process(f: i32, first: i32, cursor: i64): i32 { return 0; }

const buffer = new Uint8Array(1 << 16);
const list = new Uint32Array(4096);

function upper(n: i32): i64 {
  let sum: i64 = 0;
  for (let round = 0; round < n; round++) {
    for (let i = 0; i < buffer.length; i++) buffer[i] = <u8>(i * 31 + round);
    for (let i = 0; i < buffer.length; i++) {
      const c = buffer[i];
      if (c >= 97 && c <= 122) buffer[i] = c - 32;
    }
    sum += buffer[round % buffer.length];
  }
  return sum;
}

function words(n: i32): i64 {
  let sum: i64 = 0;
  for (let round = 0; round < n * 20; round++) {
    const counts = new Map<string, i32>();
    for (let i = 0; i < 50; i++) {
      const key = "word" + ((i * 7 + round) % 13).toString();
      counts.set(key, (counts.has(key) ? counts.get(key) : 0) + 1);
    }
    sum += counts.size;
  }
  return sum;
}

function sort(n: i32): i64 {
  let sum: i64 = 0;
  for (let round = 0; round < n; round++) {
    let x: u32 = round + 1;
    for (let i = 0; i < list.length; i++) {
      x ^= x << 13; x ^= x >> 17; x ^= x << 5;
      list[i] = x;
    }
    list.sort();
    sum += list[round % list.length];
  }
  return sum;
}

function fibonacci(n: i32): i32 { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

export function bench(kind: i32, n: i32): i64 {
  if (kind == 0) return upper(n);
  if (kind == 1) return words(n);
  if (kind == 2) return sort(n);
  let sum: i64 = 0;
  for (let i = 0; i < n; i++) sum += fibonacci(18);
  return sum;
}
