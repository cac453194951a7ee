//! The part of Python's standard library that is written in Python, as bytecode.
//!
//! The Makefile of the engine puts the modules of modules.txt where they are read from here.

/// The modules, by name.
pub const FROZEN: &rustpython_compiler_core::frozen::FrozenLib = rustpython_derive::py_freeze!(
    dir = "../../../../../build/rustpython/lib",
    crate_name = "rustpython_compiler_core"
);
