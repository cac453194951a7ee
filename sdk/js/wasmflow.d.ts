/** wasmflow: plugins in JavaScript and TypeScript. */

/** What keys, values and headers are made of. Strings travel as UTF-8; null is not empty. */
export type Content = string | Uint8Array | ArrayBuffer | null;

/** A header as it is read: a string if it is UTF-8, bytes otherwise. Keys may repeat. */
export type Header = [key: string, value: string | Uint8Array | null];

/**
 * A record as a function sees it. It is valid while it is at hand: until the function returns, or
 * its promise is kept, or a batch function takes the next one. Each property is read from the batch
 * when it is asked for, so ask once.
 */
export interface Record {
  /** As text, null if there is none. Throws if it is no UTF-8; read keyBytes then. */
  readonly key: string | null;
  /** A copy. */
  readonly keyBytes: Uint8Array | null;
  readonly value: string | null;
  readonly valueBytes: Uint8Array | null;
  /** The value, parsed as JSON: faster than JSON.parse(record.value). A null value is null. */
  json<T = any>(): T;
  /** Milliseconds since 1970; null for none; a bigint beyond 2^53. */
  readonly timestamp: number | bigint | null;
  /** Of functions registered with columns: ["headers"]. */
  readonly headers: Header[];
  /** Of functions registered with columns: ["source"]: what names the record for ever. */
  readonly source: {
    readonly split: string | null;
    readonly positionHigh: bigint;
    readonly positionLow: bigint;
    readonly ordinal: bigint;
  };
}

/** A record to emit. What is not given is as in the record at hand. */
export interface Fields {
  key?: Content;
  value?: Content;
  /** The value, as JSON. */
  json?: unknown;
  headers?: readonly (readonly [key: string, value: Content])[];
  timestamp?: number | bigint | null;
  /** The topic, or the like, that the record asks for. */
  target?: string;
  /** -1 for none. */
  partition?: number;
  /** One of the function's named outputs. */
  output?: string;
}

/**
 * Takes the records a function makes of the one at hand. A record for which nothing is emitted is
 * dropped. When a function throws, the record fails, and what it emitted is taken back.
 */
export interface Emitter {
  /** Emits the record at hand as it is; nothing is copied. */
  forward(): void;
  /** Emits it with another value; key, headers and timestamp stay. */
  value(value: Content): void;
  /** Emits it with a value of JSON. */
  json(value: unknown): void;
  emit(fields: Fields): void;
  /** Whether the output is as large as is welcome: a good time for more. */
  readonly full: boolean;
  /** Asks to be called again for this record, with the cursor: a record of very many. */
  more(cursor: number): void;
  /** As given to more; 0 when the record is new. */
  readonly cursor: number;
  /** Of deserializers: this record and all behind it in its split are left out. */
  endOfStream(): void;
}

export interface FunctionOptions {
  /** Which columns beside key, value and timestamp the function reads. */
  columns?: readonly ("headers" | "source")[];
  doc?: string;
}

export interface RecordOptions extends FunctionOptions {
  /** Names of outputs beside the main one. */
  outputs?: readonly string[];
}

export type RecordFunction = (record: Record, out: Emitter) => void | Promise<void>;

/** Registers a function that makes 0 or more records of each. */
export function transform(name: string, call: RecordFunction, options?: RecordOptions): void;

/**
 * Registers a transform that is called for many records at a time: a loop over records, with what
 * costs time outside of it. When the loop throws, the record at hand fails, and the function is
 * called again for those behind it.
 */
export function transformBatch(
  name: string,
  call: (records: Iterable<Record>, out: Emitter) => void,
  options?: RecordOptions,
): void;

/** Registers a function that makes 0 or more records of a message of a source. */
export function deserializer(name: string, call: RecordFunction, options?: RecordOptions): void;

/** Registers a function that makes of a record the key and value as a sink is to write them. */
export function serializer(name: string, call: RecordFunction, options?: FunctionOptions): void;

/** Registers a function that chooses a partition below partitions; -1 leaves it to the sink. */
export function partitioner(
  name: string,
  call: (record: Record, partitions: number) => number | Promise<number>,
  options?: FunctionOptions,
): void;

/** Registers a function that names the bucket of a record: a relative path. */
export function bucketer(
  name: string,
  call: (record: Record) => string | Promise<string>,
  options?: FunctionOptions,
): void;

export interface PluginOptions<C> {
  /** Letters, digits, _ and -. */
  name: string;
  version?: string;
  /**
   * The settings with their defaults. A job file with another setting, or a value of another type,
   * is refused.
   */
  config?: C;
  /** Throws a ConfigError for settings that cannot be. */
  validate?: (config: C) => void;
  /** Bounds inside the engine. The host's own (limits in the job file) hold as well. */
  limits?: {
    /** Bytes the script may take; 48 MiB unless given. */
    memory?: number;
    /** Tens of thousands of loops and calls that a record may take; 400 unless given. */
    steps?: number;
  };
}

/**
 * Says what the plugin is; to be called once. Returns its settings, which hold the job's
 * configuration once a function runs.
 */
export function plugin<C extends object = {}>(options: PluginOptions<C>): Readonly<C>;

/** A failure of a record that is no mistake of the script: it has a code and no stack. */
export class Failure extends Error {
  constructor(code: number, message: string);
}

/** A refusal of the configuration; field is the path of the setting, such as "routes[2].topic". */
export class ConfigError extends Error {
  constructor(field: string, message: string);
  readonly field: string;
}

/** Lines and numbers of a record that fails are dropped with it. console does the same as log. */
export const log: {
  debug(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
};

/** Names are [a-z_][a-z0-9_]*. */
export const metrics: {
  count(name: string, by?: number): void;
  gauge(name: string, value: number): void;
  observe(name: string, value: number): void;
};

/** Moves the plugin's clock, which stands still otherwise, and returns at once. */
export function sleep(ms: number): void;
