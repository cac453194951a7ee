//! What a guest asks of its host. In a native test the calls are written down for `testing`.

use crate::context::Level;

pub const COUNTER: u32 = 0;
pub const GAUGE: u32 = 1;
pub const HISTOGRAM: u32 = 2;

#[cfg(target_arch = "wasm32")]
mod imports {
    #[link(wasm_import_module = "wasmflow")]
    extern "C" {
        pub fn log(level: u32, text: *const u8, length: usize);
        pub fn metric(kind: u32, name: *const u8, length: usize, value: f64);
    }
}

#[cfg(target_arch = "wasm32")]
pub fn log(level: Level, text: &str) {
    // SAFETY: the host reads the text before it returns.
    unsafe { imports::log(level as u32, text.as_ptr(), text.len()) }
}

#[cfg(target_arch = "wasm32")]
pub fn metric(kind: u32, name: &str, value: f64) {
    // SAFETY: the host reads the name before it returns.
    unsafe { imports::metric(kind, name.as_ptr(), name.len(), value) }
}

#[cfg(not(target_arch = "wasm32"))]
pub fn log(level: Level, text: &str) {
    crate::testing::said().with_borrow_mut(|s| s.logs.push((level, text.to_owned())));
}

#[cfg(not(target_arch = "wasm32"))]
pub fn metric(kind: u32, name: &str, value: f64) {
    let kind = ["counter", "gauge", "histogram"][kind as usize];
    crate::testing::said().with_borrow_mut(|s| s.metrics.push((kind, name.to_owned(), value)));
}
