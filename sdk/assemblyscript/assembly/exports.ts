// What the host calls. A plugin's entry file says: export * from "wasmflow/assembly/exports".

import * as L from "./layout";
import { Buffer } from "./bytes";
import { Context } from "./context";
import { Emitter, addBucket, addEndOfStream, addFailure, addPartition, beginCall, beginRecord,
  buffer, cursor, emitted, ended, failRecord, failed, full, more } from "./emitter";
import { arenaReset } from "./memory";
import { count, frame, loadFrame } from "./frame";
import { describe, functions, Registered, setCurrent } from "./plugin";
import { finish, refuseCall } from "./output";
import { openConfig } from "./config";
import { Record } from "./record";

let region: usize = 0;
let regionSize: usize = 0;
let reserved: usize = 0;
let refused: bool = true;

// Answers are kept until the next one, outside the collector's heap.
let answer: usize = 0;

function pack(text: string): u64 {
  if (answer != 0) heap.free(answer);
  answer = 0;
  const n = String.UTF8.byteLength(text);
  if (n == 0) return 0;
  answer = heap.alloc(n);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, answer);
  return <u64>answer << 32 | n;
}

export function wasmflow_abi_v1(): u32 { return 0; }

export function wasmflow_describe(): u64 { return pack(describe()); }

export function wasmflow_open(ptr: usize, length: u32): u64 {
  const refusal = openConfig(String.UTF8.decodeUnsafe(region, length));
  refused = refusal != "";
  return pack(refusal);
}

export function wasmflow_reserve(n: u32): usize {
  if (<usize>n > regionSize || region == 0) {
    if (region != 0) heap.free(region);
    regionSize = max(<usize>n, regionSize / 4 * 5) + 8; // frames grow with the batch
    region = heap.alloc(regionSize);
  }
  reserved = n;
  return region;
}

export function wasmflow_process(index: u32, first: u32, from: u64): usize {
  arenaReset();
  if (refused) return refuseCall(L.CALL_INTERNAL, "the configuration was not taken");
  if (index >= <u32>functions.length) return refuseCall(L.CALL_NO_FUNCTION, "no such function");
  const problem = loadFrame(region, reserved);
  if (problem != "") return refuseCall(L.CALL_BAD_FRAME, problem);
  if (first > count) return refuseCall(L.CALL_BAD_FRAME, "first is above the number of records");
  const f = functions[index];
  setCurrent(f);
  beginCall(load<u32>(frame, 64), load<u32>(frame, 68));
  const next = run(f, first, from);
  store<u32>(frame, L.NONE, 72);
  return finish(next, more, cursor);
}

const ctx = new Context();
const record = new Record();
const out = new Emitter();
const bucketName = new Buffer();

/** Works until the output is wanted or the records are at their end; returns the next record. */
function run(f: Registered, next: u32, from: u64): u32 {
  const work = f.work, partition = f.partition, bucket = f.bucket;
  const r = record;
  ctx.cursor = from;
  let stop = false;
  while (next < count && !stop) {
    store<u32>(frame, next, 72);
    if (record.enter(next) != 0) {
      next++; // a kind that this SDK does not know
      continue;
    }
    ctx.record = next;
    ctx.drawn = 0;
    beginRecord(next);
    if (work) work(ctx, r, out);
    else if (partition) choose(partition);
    else if (bucket) {
      bucketName.begin(64);
      bucket(ctx, r, bucketName);
      if (!failed) addBucket(bucketName);
    }
    if (failed) {
      addFailure();
    } else if (ended) {
      addEndOfStream();
    } else if (more) {
      // The same record again: in this call where it has no output to take yet.
      ctx.cursor = cursor;
      stop = emitted();
      continue;
    }
    next++;
    ctx.cursor = 0;
    stop = full();
  }
  return next;
}

function choose(f: (ctx: Context, r: Record, partitions: i32) => i32): void {
  const n = record.partitionCount;
  const p = f(ctx, record, n);
  if (!failed && (p < -1 || p >= n)) {
    failRecord(0, "partition " + p.toString() + " of " + n.toString());
  }
  if (!failed) addPartition(p);
}
