import { Bytes } from "./bytes";
import { Json, Kind, quote } from "./json";

/** A setting of the plugin, which the job file fills before the first record. */
export abstract class Setting {
  isRequired: bool = false;

  constructor(public name: string, public doc: string) {}

  /** Takes a value, or refuses it. */
  abstract take(value: Json): void;

  /** The type and the default, as members of a JSON Schema. */
  abstract get schema(): string;

  /** Makes the setting obligatory. */
  required(): this {
    this.isRequired = true;
    return this;
  }

  protected wrong(value: Json, want: string): void {
    refuse(this.name, "is " + value.what + ", not " + want);
  }
}

/** A text. */
@final
export class TextSetting extends Setting {
  value: string;
  /** The text in UTF-8. */
  bytes: Bytes;

  constructor(name: string, value: string, doc: string) {
    super(name, doc);
    this.value = value;
    this.bytes = Bytes.of(value);
  }

  take(value: Json): void {
    if (value.kind != Kind.Text) return this.wrong(value, "a string");
    this.value = value.text;
    this.bytes = Bytes.of(value.text);
  }

  get schema(): string { return '"type":"string","default":' + quote(this.value); }
}

/** An integer of 64 bits. */
@final
export class IntegerSetting extends Setting {
  constructor(name: string, public value: i64, doc: string) { super(name, doc); }

  take(value: Json): void {
    if (value.kind != Kind.Number) return this.wrong(value, "an integer");
    if (!Bytes.of(value.text).isInteger()) {
      return refuse(this.name, value.text + " is no integer of 18 digits or less");
    }
    this.value = I64.parseInt(value.text);
  }

  get schema(): string { return '"type":"integer","default":' + this.value.toString(); }
}

/** A number. */
@final
export class NumberSetting extends Setting {
  constructor(name: string, public value: f64, doc: string) { super(name, doc); }

  take(value: Json): void {
    if (value.kind != Kind.Number) return this.wrong(value, "a number");
    const n = F64.parseFloat(value.text);
    if (!isFinite(n)) return refuse(this.name, value.text + " does not fit into 64 bits");
    this.value = n;
  }

  get schema(): string { return '"type":"number","default":' + this.value.toString(); }
}

/** True or false. */
@final
export class BoolSetting extends Setting {
  constructor(name: string, public value: bool, doc: string) { super(name, doc); }

  take(value: Json): void {
    if (value.kind != Kind.Bool) return this.wrong(value, "a boolean");
    this.value = value.truth;
  }

  get schema(): string { return '"type":"boolean","default":' + this.value.toString(); }
}

/** Lists and objects: what stands in the job file, for the plugin to read in onOpen. */
@final
export class JsonSetting extends Setting {
  value: Json = new Json(Kind.Null);

  take(value: Json): void { this.value = value; }

  get schema(): string { return '"type":["array","object"]'; }
}

const settings: Setting[] = [];
const openers: (() => void)[] = [];
let refusedField: string = "";
let refusedMessage: string = "";

/** Declares the settings of the plugin, with what holds where the job file is silent. */
export namespace config {
  export function text(name: string, value: string = "", doc: string = ""): TextSetting {
    const s = new TextSetting(name, value, doc);
    settings.push(s);
    return s;
  }

  export function integer(name: string, value: i64 = 0, doc: string = ""): IntegerSetting {
    const s = new IntegerSetting(name, value, doc);
    settings.push(s);
    return s;
  }

  export function number(name: string, value: f64 = 0, doc: string = ""): NumberSetting {
    const s = new NumberSetting(name, value, doc);
    settings.push(s);
    return s;
  }

  export function flag(name: string, value: bool = false, doc: string = ""): BoolSetting {
    const s = new BoolSetting(name, value, doc);
    settings.push(s);
    return s;
  }

  export function json(name: string, doc: string = ""): JsonSetting {
    const s = new JsonSetting(name, doc);
    settings.push(s);
    return s;
  }
}

/** Registers code that runs when the settings are in place, and may refuse them. */
export function onOpen(f: () => void): void { openers.push(f); }

/** Refuses the configuration, blaming a field by its path, like "routes[2].topic". */
export function refuse(field: string, message: string): void {
  if (refusedMessage != "") return;
  refusedField = field;
  refusedMessage = message;
}

/** Takes the configuration; returns a refusal in JSON, or "". */
export function openConfig(text: string): string {
  refusedField = refusedMessage = "";
  const all = Json.parse(text.length == 0 ? "{}" : text);
  if (Json.problem != "") refuse("", Json.problem);
  else if (all.kind != Kind.Object) refuse("", "is " + all.what + ", not an object");
  else takeAll(all);
  for (let i = 0; i < openers.length && refusedMessage == ""; i++) openers[i]();
  if (refusedMessage == "") return "";
  return '{"field":' + quote(refusedField) + ',"message":' + quote(refusedMessage) + "}";
}

function takeAll(all: Json): void {
  for (let i = 0; i < all.keys.length; i++) {
    const key = all.keys[i], s = find(key);
    if (s == null) return refuse(key, "unknown; " + known());
    if (all.keys.indexOf(key) != i) return refuse(key, "stands twice");
    s.take(all.items[i]);
  }
  for (let i = 0; i < settings.length; i++) {
    const s = settings[i];
    if (s.isRequired && !all.keys.includes(s.name)) return refuse(s.name, "required");
  }
}

function find(key: string): Setting | null {
  for (let i = 0; i < settings.length; i++) {
    if (settings[i].name == key) return settings[i];
  }
  return null;
}

function known(): string {
  if (settings.length == 0) return "the plugin takes no configuration";
  const names: string[] = [];
  for (let i = 0; i < settings.length; i++) names.push(settings[i].name);
  return "the keys here are " + names.join(", ");
}

/** The member of the description with the JSON Schema, or "". */
export function schema(): string {
  if (settings.length == 0) return "";
  let s = ',"config_schema":{"type":"object","additionalProperties":false,"properties":{';
  let required = "";
  for (let i = 0; i < settings.length; i++) {
    const x = settings[i];
    s += (i > 0 ? "," : "") + quote(x.name) + ":{" + x.schema;
    if (x.doc != "") s += ',"description":' + quote(x.doc);
    s += "}";
    if (x.isRequired) required += (required == "" ? "" : ",") + quote(x.name);
  }
  return s + "}" + (required == "" ? "" : ',"required":[' + required + "]") + "}";
}
