//! Functions for [wasmflow](https://github.com/wasmflow/wasmflow), the stream processor, in Rust.
//!
//! A function is a plain `fn` with an attribute that names its role; [`plugin!`] makes a module of
//! functions. The module is built for `wasm32-unknown-unknown`; under `cargo test` the same code
//! runs natively, through [`testing`]. README.md is a page to begin with.
//!
//! The crate owns the guest's half of the ABI: reading frames, writing outputs, the description,
//! the configuration. It allocates nothing per record. It never keeps a result from one call to
//! the next: a guest may be replaced between any two of them.

#[cfg(test)]
extern crate self as wasmflow; // the macros name the crate from outside

mod arena;
mod call;
mod columns;
mod config;
mod context;
mod emitter;
mod errors;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod exports;
mod frame;
mod guest;
mod host;
pub mod json;
mod layout;
mod plugin;
mod record;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use arena::Buffer;
pub use config::{NoConfig, Setting};
pub use context::{Context, Level};
pub use emitter::{Emitter, Entry, Payload};
pub use errors::{Error, FieldError, Result};
pub use plugin::{Function, Plugin, Role};
pub use record::{Header, Origin, Record};
pub use wasmflow_macros::{bucketer, deserializer, partitioner, serializer, transform, Config};

// What the macros write stands in the plugin's crate and needs these.
#[doc(hidden)]
pub use call::Call;
#[doc(hidden)]
pub use config::{configure, join, members, write_schema};
#[doc(hidden)]
pub use plugin::Registered;
