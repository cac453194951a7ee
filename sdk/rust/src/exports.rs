//! A guest in WebAssembly: the exports, and what the host is told when the guest gives up.

use std::cell::UnsafeCell;

use crate::guest::Guest;
use crate::plugin::Plugin;

/// The guest of this module. An instance is used by one thread at a time.
struct Global(UnsafeCell<Option<Guest>>);

// SAFETY: there are no threads in a guest.
unsafe impl Sync for Global {}

static GUEST: Global = Global(UnsafeCell::new(None));

fn guest(make: fn() -> Plugin) -> &'static mut Guest {
    // SAFETY: the host calls one export at a time, and none of them calls another.
    let slot = unsafe { &mut *GUEST.0.get() };
    slot.get_or_insert_with(|| {
        std::panic::set_hook(Box::new(|info| {
            let text = info.payload_as_str().unwrap_or("a panic with a value that is no text");
            match info.location() {
                Some(at) => abort(text, at.file(), at.line(), at.column()),
                None => abort(text, "?", 0, 0),
            }
        }));
        Guest::new(make())
    })
}

fn pack(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    (text.as_ptr() as u64) << 32 | text.len() as u64
}

pub fn describe(make: fn() -> Plugin) -> u64 {
    pack(guest(make).describe())
}

pub fn open(make: fn() -> Plugin, size: u32) -> u64 {
    pack(guest(make).open(size as usize))
}

pub fn reserve(make: fn() -> Plugin, size: u32) -> usize {
    guest(make).reserve(size as usize) as usize
}

pub fn process(make: fn() -> Plugin, function: u32, first: u32, cursor: u64) -> usize {
    std::ptr::from_ref(guest(make).process(function, first, cursor)) as usize
}

/// The most UTF-16 units of a text for the host; it cuts what is longer.
const UNITS_MAX: usize = 512;

/// A text as env.abort wants it: UTF-16, with its size in bytes in front. It needs no allocator.
#[repr(C)]
struct Text {
    bytes: u32,
    units: [u16; UNITS_MAX],
}

impl Text {
    fn new(s: &str) -> Text {
        let mut text = Text { bytes: 0, units: [0; UNITS_MAX] };
        for (to, unit) in text.units.iter_mut().zip(s.encode_utf16()) {
            *to = unit;
            text.bytes += 2;
        }
        text
    }
}

/// Ends the instance with a text. It is how a guest without WASI can tell why it gives up.
pub fn abort(text: &str, file: &str, line: u32, column: u32) -> ! {
    #[link(wasm_import_module = "env")]
    extern "C" {
        #[link_name = "abort"]
        fn env_abort(text: *const u16, file: *const u16, line: u32, column: u32);
    }
    let (text, file) = (Text::new(text), Text::new(file));
    // SAFETY: the host reads the two texts and does not return.
    unsafe { env_abort(text.units.as_ptr(), file.units.as_ptr(), line, column) }
    core::arch::wasm32::unreachable()
}

/// The default allocator, but for what happens without memory: the standard library would end the
/// instance without a word.
#[cfg(feature = "allocator")]
mod allocator {
    use std::alloc::{GlobalAlloc, Layout, System};

    struct Telling;

    #[global_allocator]
    static ALLOCATOR: Telling = Telling;

    /// Writes "out of memory: N bytes were asked for" without allocating.
    #[cold]
    fn out_of_memory(n: usize) -> ! {
        let mut digits = [0; 10];
        let mut first = digits.len();
        let mut rest = n;
        while first == digits.len() || rest > 0 {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let mut text = [0; 64];
        let mut length = 0;
        let parts: [&[u8]; 3] = [b"out of memory: ", &digits[first..], b" bytes were asked for"];
        for part in parts {
            text[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        super::abort(std::str::from_utf8(&text[..length]).unwrap_or_default(), "?", 0, 0)
    }

    fn known(p: *mut u8, n: usize) -> *mut u8 {
        if p.is_null() {
            out_of_memory(n);
        }
        p
    }

    // SAFETY: all is left to System, and nothing unwinds.
    unsafe impl GlobalAlloc for Telling {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            known(unsafe { System.alloc(layout) }, layout.size())
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            known(unsafe { System.alloc_zeroed(layout) }, layout.size())
        }

        unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
            unsafe { System.dealloc(p, layout) }
        }

        unsafe fn realloc(&self, p: *mut u8, layout: Layout, n: usize) -> *mut u8 {
            known(unsafe { System.realloc(p, layout, n) }, n)
        }
    }
}
