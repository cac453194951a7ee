import { log, logBytes, metric } from "./host";
import { failRecord } from "./emitter";
import { frame } from "./frame";
import { Bytes } from "./bytes";

/** The importance of a log line. */
export enum Level { Debug = 0, Info = 1, Warn = 2, Error = 3 }

/** What a function knows beyond its record. */
@unmanaged @final
export class Context {
  /** What Emitter.resumeAt was given when this record was last left, 0 when it is begun. */
  cursor: u64 = 0;
  /** The record's index in the frame. For the SDK. */
  record: u32 = 0;
  /** How many random numbers the record has drawn. For the SDK. */
  drawn: u64 = 0;

  /**
   * Lets the record fail when the function returns: what it emitted is taken back, and the job's
   * on_error decides. AssemblyScript has no exceptions; a throw ends the instance, which costs
   * much more, although it fails that record only, too.
   */
  fail(code: u32, text: string): void { failRecord(code, text); }

  /**
   * The time of the batch in milliseconds since 1970: the same for all its records, and the same
   * again when a batch is replayed. There is no other clock: Date.now is not offered by hosts.
   */
  get now(): i64 { return load<i64>(frame, 48) / 1_000_000; }

  /**
   * A random number. The numbers follow from the frame, so that the same frame gives the same
   * output in every instance. Math.random is not offered by hosts.
   */
  random(): u64 {
    this.drawn++;
    const h = load<u64>(frame, 80) + <u64>this.record * 0x9e3779b97f4a7c15;
    return scramble(scramble(h ^ scramble(this.cursor + 1)) + this.drawn * 0xbf58476d1ce4e5b9);
  }

  /** Writes a line to the job's log, if the record ends well. */
  log(level: Level, text: string): void { log(level, text); }

  /** Writes bytes, which are UTF-8, as a line to the job's log, if the record ends well. */
  logBytes(level: Level, text: Bytes): void { logBytes(level, text.ptr, text.length); }

  /** Adds to a counter of the job's metrics, if the record ends well. */
  count(name: string, delta: f64 = 1): void { metric(0, name, delta); }

  /** Sets a gauge of the job's metrics, if the record ends well. */
  gauge(name: string, value: f64): void { metric(1, name, value); }

  /** Adds an observation to a histogram of the job's metrics, if the record ends well. */
  observe(name: string, value: f64): void { metric(2, name, value); }
}

/** The finalizer of SplitMix64. */
function scramble(h: u64): u64 {
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
  return h ^ (h >> 31);
}
