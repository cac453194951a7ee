// Functions for wasmflow in AssemblyScript. README.md is a page to begin with.
//
// The package owns the guest's half of the ABI: reading frames, writing outputs, the description,
// the configuration. What it hands to functions are views of memory that are made once and used
// for every record, so that it allocates nothing per record; they are valid until a function
// returns. It never keeps a result from one call to the next.

export { Bytes, Buffer } from "./bytes";
export { Context, Level } from "./context";
export { Emitter, Entry } from "./emitter";
export { Json, Kind } from "./json";
export {
  Column, plugin, transform, deserializer, serializer, partitioner, bucketer, Func,
} from "./plugin";
export { Record } from "./record";
export { config, refuse, onOpen, TextSetting, IntegerSetting, NumberSetting, BoolSetting,
  JsonSetting } from "./config";
