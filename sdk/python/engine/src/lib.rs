//! A wasmflow guest that runs a script in Python.
//!
//! It is RustPython with the guest ABI (abi/SPEC.md) around it. The script is none of the engine's
//! own bytes: the host hands over what stands in the module's section wasmflow.script, so that all
//! scripts run in the same engine, which is compiled once.
//!
//! The layout of frames is that of the Rust SDK, whose files are compiled in.

#[macro_use]
extern crate rustpython_derive;

mod call;
mod engine;
#[allow(dead_code)]
#[path = "../../../rust/src/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../../rust/src/layout.rs"]
mod layout;
mod memory;
mod native;
mod output;
mod state;

use std::cell::RefCell;

use crate::engine::{Engine, Machine};
use crate::state::STATE;

thread_local! {
    static MACHINE: RefCell<Option<Machine>> = const { RefCell::new(None) };
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
    static REFUSAL: RefCell<String> = const { RefCell::new(String::new()) };
}

fn pack(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    (text.as_ptr() as u64) << 32 | text.len() as u64
}

/// Keeps a refusal for the host to read.
fn refuse(text: String) -> u64 {
    REFUSAL.with_borrow_mut(|r| {
        *r = text;
        pack(r)
    })
}

fn with_engine<T>(f: impl FnOnce(&Engine) -> T) -> T {
    ENGINE.with_borrow(|e| f(e.as_ref().expect("the script was taken")))
}

extern "C" {
    fn __wasm_call_ctors();
}

/// Makes the machine. It is called when the engine is built, and what memory holds then is what
/// memory begins with in the module (guests/prebuilt/snapshot).
///
/// That it calls the constructors by name has the linker leave them out of every other export.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: this is called once, before all else.
    unsafe { __wasm_call_ctors() }
    match Machine::new() {
        Ok(machine) => MACHINE.set(Some(machine)),
        Err(text) => panic!("the engine does not start: {text}"),
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_abi_v1() -> u32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_reserve(size: u32) -> usize {
    STATE.with_borrow_mut(|s| s.reserve(size as usize)) as usize
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_script(_: u32, size: u32) -> u64 {
    let packed = STATE.with_borrow(|s| s.region_bytes(size as usize).to_vec());
    let machine = MACHINE.take().expect("an instance takes one script");
    match Engine::new(machine, &packed) {
        Ok(engine) => ENGINE.set(Some(engine)),
        Err(refusal) => return refuse(refusal),
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_describe() -> u64 {
    with_engine(|e| pack(&e.description))
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_open(_: u32, size: u32) -> u64 {
    let text = STATE.with_borrow(|s| s.region_bytes(size as usize).to_vec());
    refuse(with_engine(|e| e.open(&String::from_utf8_lossy(&text))))
}

#[unsafe(no_mangle)]
extern "C" fn wasmflow_process(function: u32, first: u32, cursor: u64) -> usize {
    with_engine(|e| call::process(e, function, first, cursor))
}
