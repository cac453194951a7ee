//! One call of the host: a function over the records of a frame.

use std::panic::AssertUnwindSafe;

use crate::context::Context;
use crate::emitter::Emitter;
use crate::errors::{Error, Result};
use crate::frame::Frame;
use crate::layout::*;
use crate::record::Record;

/// A function over the records of a frame, as far as it has come.
pub struct Call<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) context: Context<'a>,
    pub(crate) out: Emitter<'a>,
    pub(crate) next: u32,
    pub(crate) stop: bool,
    pub(crate) name: &'a mut Vec<u8>,
}

impl<'a> Call<'a> {
    fn working(&self) -> bool {
        self.next < self.frame.header().count && !self.stop
    }

    /// Begins the next record. Kinds that this SDK does not know are passed over.
    #[inline]
    fn enter(&mut self) -> Option<Record<'a>> {
        self.frame.progress(self.next);
        let record = Record::new(self.frame, self.next);
        if record.kind() != KIND_DATA {
            self.next += 1;
            return None;
        }
        self.context.record = self.next;
        self.context.drawn = 0;
        self.out.enter_record(self.next);
        Some(record)
    }

    #[inline]
    fn done(&mut self) {
        if !self.out.emitted() {
            self.out.rewind();
        }
        self.next += 1;
        self.context.cursor = 0;
        self.stop = self.out.full();
    }

    /// Runs a deserializer, transform or serializer.
    #[inline]
    pub fn each<F>(&mut self, f: F)
    where
        F: Fn(&mut Context<'a>, Record<'a>, &mut Emitter<'a>) -> Result,
    {
        while self.working() {
            let Some(record) = self.enter() else { continue };
            let (context, out) = (&mut self.context, &mut self.out);
            match guarded(|| f(context, record, out)) {
                Err(e) => self.out.fail(&e),
                Ok(()) if self.out.ended => self.out.add_end_of_stream(),
                Ok(()) => {
                    if let Some(cursor) = self.out.more {
                        // The same record again: in this call where it has no output to take yet.
                        self.context.cursor = cursor;
                        self.stop = self.out.emitted();
                        continue;
                    }
                }
            }
            self.done();
        }
    }

    /// Runs a partitioner.
    pub fn each_partition<F>(&mut self, f: F)
    where
        F: Fn(&mut Context<'a>, Record<'a>, u32) -> Result<Option<u32>>,
    {
        while self.working() {
            let Some(record) = self.enter() else { continue };
            let context = &mut self.context;
            let chosen = guarded(|| {
                let n = record.partition_count();
                match f(context, record, n)? {
                    Some(p) if p >= n => Err(Error::new(0, format!("partition {p} of {n}"))),
                    chosen => Ok(chosen),
                }
            });
            match chosen {
                Ok(p) => self.out.add_partition(p.map_or(NO_PARTITION, |p| p as i32)),
                Err(e) => self.out.fail(&e),
            }
            self.done();
        }
    }

    /// Runs a bucketer.
    pub fn each_bucket<F>(&mut self, f: F)
    where
        F: Fn(&mut Context<'a>, Record<'a>, &mut Vec<u8>) -> Result,
    {
        while self.working() {
            let Some(record) = self.enter() else { continue };
            self.name.clear();
            let (context, name) = (&mut self.context, &mut *self.name);
            match guarded(|| f(context, record, name)) {
                Ok(()) => self.out.add_bucket(self.name),
                Err(e) => self.out.fail(&e),
            }
            self.done();
        }
    }
}

/// Turns a panic into the failure of the record. In a guest a panic ends the instance, with its
/// text, and the host runs the record alone in a new one.
#[inline]
fn guarded<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    if cfg!(target_arch = "wasm32") {
        return f();
    }
    match std::panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(panic) => {
            let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
                (Some(text), _) => text,
                (_, Some(text)) => text.as_str(),
                _ => "a value that is no text",
            };
            Err(Error::new(0, format!("panic: {text}")))
        }
    }
}
