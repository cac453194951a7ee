import { Buffer } from "./bytes";
import { Context } from "./context";
import { Emitter } from "./emitter";
import { Record } from "./record";
import { quote } from "./json";
import { schema } from "./config";

/** A deserializer, transform or serializer. A record for which it emits nothing is dropped. */
export type Func = (ctx: Context, r: Record, out: Emitter) => void;

/** Chooses among so many partitions; -1 leaves the choice to the sink. */
export type PartitionFunc = (ctx: Context, r: Record, partitions: i32) => i32;

/** Writes the name of the record's bucket, a relative path, to a buffer, which is empty. */
export type BucketFunc = (ctx: Context, r: Record, name: Buffer) => void;

/** What a function reads beyond key, value and timestamp. */
export enum Column { Headers = 1, Source = 3, KeyGroup = 4, SchemaId = 5, PartitionCount = 6 }

/** A function of the plugin. */
@final
export class Registered {
  columns: string[] = [];
  outputNames: string[] = [];
  text: string = "";
  work: Func | null = null;
  partition: PartitionFunc | null = null;
  bucket: BucketFunc | null = null;

  constructor(public name: string, public role: string) {}

  /** Declares a column that the function reads; the host fills in no others. */
  reads(column: Column): this {
    let name = "partition_count";
    if (column == Column.Headers) name = "headers";
    else if (column == Column.Source) name = "source";
    else if (column == Column.KeyGroup) name = "key_group";
    else if (column == Column.SchemaId) name = "schema_id";
    if (!this.columns.includes(name)) this.columns.push(name);
    return this;
  }

  /** Declares an output beside the main one, for Entry.output. */
  outputs(name: string): this {
    checkName("output", name);
    this.outputNames.push(name);
    return this;
  }

  /** Describes the function in a sentence, for `wasmflow inspect`. */
  doc(text: string): this {
    this.text = text;
    return this;
  }

  describe(): string {
    let s = '{"name":' + quote(this.name) + ',"role":' + quote(this.role);
    if (this.columns.length > 0) s += ',"columns":' + list(this.columns);
    if (this.outputNames.length > 0) s += ',"outputs":' + list(this.outputNames);
    if (this.text.length > 0) s += ',"doc":' + quote(this.text);
    return s + "}";
  }
}

let pluginName = "plugin";
let pluginVersion = "";
export const functions: Registered[] = [];
let running: Registered = new Registered("none", "transform");

/** Names the plugin and its version. */
export function plugin(name: string, version: string): void {
  checkName("plugin", name);
  pluginName = name;
  pluginVersion = version;
}

function register(f: Registered): Registered {
  checkName("function", f.name);
  for (let i = 0; i < functions.length; i++) {
    if (functions[i].name == f.name) throw new Error("function " + f.name + " is registered twice");
  }
  functions.push(f);
  return f;
}

/** Registers a function that makes 0 to n records out of each record. */
export function transform(name: string, f: Func): Registered {
  const r = register(new Registered(name, "transform"));
  r.work = f;
  return r;
}

/** Registers a function that makes 0 to n records out of each message of a source. */
export function deserializer(name: string, f: Func): Registered {
  const r = register(new Registered(name, "deserializer"));
  r.work = f;
  return r;
}

/** Registers a function that makes the key and value a sink writes; it is to emit one record. */
export function serializer(name: string, f: Func): Registered {
  const r = register(new Registered(name, "serializer"));
  r.work = f;
  return r;
}

/** Registers a function that chooses the partition of each record. */
export function partitioner(name: string, f: PartitionFunc): Registered {
  const r = register(new Registered(name, "partitioner")).reads(Column.PartitionCount);
  r.partition = f;
  return r;
}

/** Registers a function that names the bucket of each record. */
export function bucketer(name: string, f: BucketFunc): Registered {
  const r = register(new Registered(name, "bucketer"));
  r.bucket = f;
  return r;
}

/** The function that runs. */
export function current(): Registered { return running; }

export function setCurrent(f: Registered): void { running = f; }

/** The description of the plugin in JSON. */
export function describe(): string {
  let s = '{"name":' + quote(pluginName) + ',"version":' + quote(pluginVersion) + ',"functions":[';
  for (let i = 0; i < functions.length; i++) {
    if (i > 0) s += ",";
    s += functions[i].describe();
  }
  return s + ']' + schema() + "}";
}

function list(names: string[]): string {
  let s = "[";
  for (let i = 0; i < names.length; i++) s += (i > 0 ? "," : "") + quote(names[i]);
  return s + "]";
}

/** Holds a name against the rule of the ABI. */
function checkName(what: string, name: string): void {
  let ok = name.length > 0 && name.length <= 64;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i), lower = c | 32;
    const letter = (lower >= 0x61 && lower <= 0x7a) || c == 0x5f;
    ok = ok && (letter || (i > 0 && ((c >= 0x30 && c <= 0x39) || c == 0x2d)));
  }
  if (!ok) {
    throw new Error("the name of the " + what + " " + quote(name) +
      " is not letters, digits, _ and -, beginning with a letter, at most 64");
  }
}
