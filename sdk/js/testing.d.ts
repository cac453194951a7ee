/** wasmflow/testing: a plugin's functions, run natively. */

import type { Content } from "wasmflow";

/** A record to give to a function: its value, or its parts. */
export type Input = Content | {
  key?: Content;
  value?: Content;
  headers?: [key: string, value: Content][];
  timestamp?: number | bigint | null;
  source?: { split?: string; positionHigh?: bigint; positionLow?: bigint; ordinal?: bigint };
};

export interface Output {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: [key: string, value: Uint8Array | null][];
  timestamp: number | bigint | null;
  target: string | null;
  partition: number;
  /** Name of the output, "" for the main one. */
  output: string;
}

/** What came of a record. */
export interface Result {
  records: Output[];
  error: { code: number; text: string } | null;
  endOfStream: boolean;
  /** Of partitioners and bucketers. */
  partition: number | null;
  bucket: string | null;
}

export interface Guest {
  run(name: string, records: Input[], options?: { partitions?: number }): Promise<Result[]>;
  /** run, told in lines: values, and errors behind "error: ". */
  texts(name: string, ...records: Input[]): Promise<(string | Uint8Array | null)[]>;
  readonly logs: { level: string; text: string }[];
  readonly metrics: { kind: string; name: string; value: number }[];
}

/**
 * Gives the plugin, which the test has imported, its configuration. A configuration that it refuses
 * is thrown, as an Error with the properties field and message.
 */
export function open(config?: object): Guest;
