//! The guest's half of the ABI: one plugin, its memory and the call it is in.

use std::any::Any;

use crate::arena::Arena;
use crate::call::Call;
use crate::context::Context;
use crate::emitter::{Emitter, Output};
use crate::errors::FieldError;
use crate::frame::Frame;
use crate::json;
use crate::layout::*;
use crate::plugin::Plugin;

/// A plugin that a host talks to.
pub struct Guest {
    plugin: Plugin,
    description: String,
    config: Option<Box<dyn Any>>,
    refusal: String,
    /// Where the host writes; words, so that it is aligned.
    region: Vec<u64>,
    size: usize,
    arena: Arena,
    out: Output,
    name: Vec<u8>,
    error: String,
}

impl Guest {
    pub fn new(plugin: Plugin) -> Guest {
        Guest {
            plugin,
            description: String::new(),
            config: None,
            refusal: String::new(),
            region: Vec::new(),
            size: 0,
            arena: Arena::new(),
            out: Output::new(),
            name: Vec::new(),
            error: String::new(),
        }
    }

    pub fn describe(&mut self) -> &str {
        self.description = self.plugin.describe();
        &self.description
    }

    /// Returns a region of `n` bytes for the host to write to; it stays until the next reserve.
    pub fn reserve(&mut self, n: usize) -> *mut u8 {
        let words = n / 8 + 1;
        if words > self.region.len() {
            let words = words.max(self.region.len() / 4 * 5); // frames grow with the batch
            self.region = Vec::new(); // the old region may go before the new one comes
            self.region = vec![0; words];
        }
        self.size = n;
        self.region.as_mut_ptr().cast()
    }

    /// Takes the configuration from the first `n` bytes of the region; returns a refusal as JSON,
    /// or nothing.
    pub fn open(&mut self, n: usize) -> &str {
        self.refusal.clear();
        // SAFETY: the region has that many bytes, which is what reserve was asked for.
        let text = unsafe {
            std::slice::from_raw_parts(self.region.as_ptr().cast::<u8>(), n.min(self.size))
        };
        match (self.plugin.configure)(text) {
            Ok(config) => self.config = Some(config),
            Err(FieldError { field, message }) => {
                self.config = None;
                self.refusal.push_str("{\"field\":");
                json::write_string(&mut self.refusal, &field);
                self.refusal.push_str(",\"message\":");
                json::write_string(&mut self.refusal, &message);
                self.refusal.push('}');
            }
        }
        &self.refusal
    }

    /// Works on records from `first` on.
    pub fn process(&mut self, function: u32, first: u32, cursor: u64) -> &OutputHeader {
        self.out.reset();
        self.arena.reset();
        if let Err((status, text)) = self.work(function, first, cursor) {
            self.out.reset();
            self.error = text;
            self.out.header.status = status;
            self.out.header.error_ptr = self.error.as_ptr() as Address;
            self.out.header.error_length = self.error.len() as u32;
        }
        &self.out.header
    }

    fn work(&mut self, function: u32, first: u32, cursor: u64) -> Result<(), (u32, String)> {
        let Some(config) = &self.config else {
            return Err((CALL_INTERNAL, "the configuration was not taken".into()));
        };
        let Some(function) = self.plugin.functions.get(function as usize).copied() else {
            let n = self.plugin.functions.len();
            return Err((CALL_NO_FUNCTION, format!("function {function} of {n}")));
        };
        // SAFETY: the region is this guest's, which is borrowed for the whole call.
        let frame = unsafe { Frame::load(self.region.as_mut_ptr().cast(), self.size) }
            .map_err(|problem| (CALL_BAD_FRAME, problem.to_owned()))?;
        if first > frame.header().count {
            return Err((CALL_BAD_FRAME, "first is above the number of records".into()));
        }
        let context =
            Context { frame: &frame, function, config: &**config, cursor, record: 0, drawn: 0 };
        let out = Emitter::new(&mut self.out, &self.arena, &frame, function);
        let (next, stop, name) = (first, false, &mut self.name);
        let mut call = Call { frame: &frame, context, out, next, stop, name };
        (function.run)(&mut call);
        frame.progress(NO_PROGRESS);
        let next = call.next;
        call.out.finish(next);
        Ok(())
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn output(&self) -> &Output {
        &self.out
    }
}
