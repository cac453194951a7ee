// The module "wasmflow": what a plugin says of itself. It is the same file in the engine and in
// unit tests; records and emitters are the engine's, or those of testing.js. The declarations in
// wasmflow.d.ts explain what stands here.

const roles = ["transform", "deserializer", "serializer", "partitioner", "bucketer"];
const columns = ["headers", "source", "key_group", "schema_id", "partition_count"];

let native = null; // what log, metrics, sleep and random are done by
let about = null; // what plugin was told
let defaults = {};
const config = {};
const functions = [];

function host() {
  if (!native) throw new Error("a plugin runs in wasmflow, or under wasmflow/testing");
  return native;
}

// ---- failures ----

export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Failure";
    this.wasmflowCode = code >>> 0;
  }
}

export class ConfigError extends Error {
  constructor(field, message) {
    super(message);
    this.name = "ConfigError";
    this.field = field;
  }
}

// ---- registration ----

export function plugin(options) {
  if (about) throw new Error("plugin is called once");
  noOthers("plugin", options, ["name", "version", "config", "validate", "limits"]);
  noOthers("plugin's limits", options.limits ?? {}, ["memory", "steps"]);
  about = options;
  defaults = options.config ?? {};
  Object.assign(config, structure(defaults));
  return config;
}

function register(role, batch) {
  return (name, call, options = {}) => {
    if (typeof call !== "function") throw new TypeError(`${role} ${name}: want a function`);
    noOthers(`${role} ${name}`, options, ["columns", "outputs", "doc"]);
    for (const column of options.columns ?? []) {
      if (!columns.includes(column)) {
        const known = columns.join(", ");
        throw new TypeError(`${role} ${name}: no column ${column}; there are ${known}`);
      }
    }
    functions.push({ name, role, call, batch, outputs: [], ...options });
  };
}

export const transform = register("transform", false);
export const transformBatch = register("transform", true);
export const deserializer = register("deserializer", false);
export const serializer = register("serializer", false);
export const partitioner = register("partitioner", false);
export const bucketer = register("bucketer", false);

// noOthers refuses options that do not exist: a typing error would go unnoticed for long.
function noOthers(what, options, names) {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`${what}: no option ${name}; there are ${names.join(", ")}`);
    }
  }
}

// ---- configuration ----

const structure = (value) => JSON.parse(JSON.stringify(value));

function typeOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function checked(given) {
  if (typeOf(given) !== "object") throw new ConfigError("", "must be an object");
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      const names = Object.keys(defaults).join(", ") || "none";
      throw new ConfigError(name, `there is no such setting; there are ${names}`);
    }
    const want = typeOf(defaults[name]);
    if (want !== "null" && typeOf(value) !== want) {
      throw new ConfigError(name, `must be of type ${want}, not ${typeOf(value)}`);
    }
  }
  return given;
}

function open(text) {
  try {
    Object.assign(config, structure(defaults), checked(JSON.parse(text)));
    about.validate?.(config);
    return null;
  } catch (e) {
    return refusal(e);
  }
}

function refusal(e) {
  const field = e instanceof ConfigError ? String(e.field) : "";
  return JSON.stringify({ field, message: told(e) });
}

// told is what a user is told of anything that was thrown, in one line. Failures speak for
// themselves, everything else with its stack.
function told(e) {
  if (e instanceof Failure || e instanceof ConfigError) return e.message;
  if (!(e instanceof Error)) return `threw ${typeof e === "string" ? e : JSON.stringify(e)}`;
  const stack = e.stack ?? "";
  // Engines differ in whether the stack begins with the message.
  const text = stack.startsWith(String(e)) ? stack : `${e}\n${stack}`;
  return text.trimEnd().replace(/\s*\n\s*/g, "; ");
}

// ---- description ----

function schema() {
  const properties = {};
  for (const [name, value] of Object.entries(defaults)) {
    properties[name] = { type: typeOf(value), default: value };
    if (value === null) delete properties[name].type;
  }
  return { type: "object", properties, additionalProperties: false };
}

function load() {
  if (!about) throw new Error("the script does not call plugin({name})");
  if (functions.length === 0) throw new Error("the script registers no function");
  const described = functions.map(({ name, role, columns, outputs, doc }) => {
    return { name, role, columns, outputs: outputs.length > 0 ? outputs : undefined, doc };
  });
  return {
    functions: functions.map(({ call, batch, role, outputs }) => {
      return { call, batch: batch ? 1 : 0, role: roles.indexOf(role), outputs };
    }),
    memory: about.limits?.memory ?? 0,
    steps: about.limits?.steps ?? 0,
    description: JSON.stringify({
      name: about.name, version: about.version ?? "0.0.0", functions: described,
      config_schema: schema(),
    }),
  };
}

// ---- the world ----

const line = (parts) => parts.map((p) => (typeof p === "string" ? p : inspect(p))).join(" ");

function inspect(value) {
  if (value instanceof Error) return told(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value); // a cycle, or a BigInt
  }
}

const level = (n) => (...parts) => host().log(n, line(parts));

export const log = { debug: level(0), info: level(1), warn: level(2), error: level(3) };

export const metrics = {
  count: (name, by = 1) => host().metric(0, name, by),
  gauge: (name, value) => host().metric(1, name, value),
  observe: (name, value) => host().metric(2, name, value),
};

export const sleep = (ms) => host().sleep(ms);

function use(given) {
  native = given;
  globalThis.console ??= { ...log, log: log.info, trace: log.debug };
  globalThis.crypto ??= {
    getRandomValues(array) {
      native.random(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return array;
    },
  };
}

// internals are for the engine and for testing.js.
export const internals = { use, load, open, refusal, told, functions };
