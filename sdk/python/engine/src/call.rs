//! One call of the host: a function over the records of a frame.

use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::{PyObjectRef, PyPayload, PyResult, VirtualMachine};

use crate::engine::{begin_steps, failure, Engine, Function};
use crate::layout::*;
use crate::native::{bucket_of, partition_of, Record};
use crate::output::Row;
use crate::state::{Role, State, STATE};

/// Bounds the text of a record's failure: it ends in a header of a dead letter.
const ERROR_TEXT_BYTES_MAX: usize = 4 << 10;

fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(f)
}

/// Works on records from `first` on and returns the address of the output's header.
pub fn process(engine: &Engine, function: u32, first: u32, cursor: u64) -> usize {
    with(|s| s.out.begin());
    if let Err((status, text)) = work(engine, function, first, cursor) {
        with(|s| {
            s.out.begin();
            s.out.header.status = status;
            s.out.header.error_ptr = text.as_ptr() as Address;
            s.out.header.error_length = text.len() as u32;
        });
    }
    with(|s| {
        s.let_go();
        s.frame = None;
        std::ptr::from_ref(&s.out.header) as usize
    })
}

fn work(
    engine: &Engine,
    function: u32,
    first: u32,
    cursor: u64,
) -> Result<(), (u32, &'static str)> {
    let f = engine.functions.get(function as usize).ok_or((CALL_NO_FUNCTION, "no such function"))?;
    let seed = with(|s| -> Result<u64, &'static str> {
        s.load(first)?;
        s.rules = f.rules.clone();
        s.next = first;
        s.more = None;
        Ok(s.frame().header().seed)
    })
    .map_err(|problem| (CALL_BAD_FRAME, problem))?;
    engine.enter(|vm| -> Result<(), (u32, &'static str)> {
        let seed = mixed(seed, first, cursor);
        engine.begin(vm, seed).map_err(|_| (CALL_INTERNAL, "the engine could not begin the call"))?;
        if f.rules.batch {
            batch(engine, vm, f);
        } else {
            each(engine, vm, f, cursor);
        }
        Ok(())
    })?;
    with(|s| {
        s.frame().progress(NO_PROGRESS);
        let (consumed, more) = (s.next, s.more);
        s.out.finish(consumed, more);
    });
    Ok(())
}

/// A seed that is the same for the same call and another for each.
fn mixed(seed: u64, first: u32, cursor: u64) -> u64 {
    let h = seed
        ^ u64::from(first).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ cursor.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^ (h >> 33)
}

fn clipped(text: &str) -> &str {
    let mut n = text.len().min(ERROR_TEXT_BYTES_MAX);
    while !text.is_char_boundary(n) {
        n -= 1;
    }
    &text[..n]
}

/// Makes the failure of the record at hand its only output.
fn failed(vm: &VirtualMachine, e: PyBaseExceptionRef) {
    with(|s| s.out.take_back(s.mark));
    let (code, text) = failure(vm, e);
    with(|s| {
        (s.more, s.ended) = (None, false);
        s.out.take_back(s.mark); // what was emitted while it was told
        s.out.add_error(s.index, code, clipped(&text));
    });
}

/// Calls the function for the record at hand.
fn one(engine: &Engine, vm: &VirtualMachine, f: &Function) -> PyResult<()> {
    let record: PyObjectRef = Record { at_hand: with(|s| s.at_hand) }.into_ref(&vm.ctx).into();
    match f.rules.role {
        Role::Partitioner => {
            let n: u32 = with(|s| s.frame().column(COLUMN_PARTITION_COUNT, s.index));
            let partition = partition_of(&*f.call.call((record, n), vm)?, vm)?;
            with(|s| {
                s.out.uses(COLUMN_PARTITION);
                s.out.add(Row { partition, ..Row::same(s.index) });
            });
        }
        Role::Bucketer => {
            let bucket = bucket_of(&*f.call.call((record,), vm)?, vm)?;
            with(|s| {
                s.out.uses(COLUMN_BUCKET);
                s.out.add(Row { bucket, ..Row::same(s.index) });
            });
        }
        _ => drop(f.call.call((record, engine.emitter.clone()), vm)?),
    }
    if with(|s| s.more.is_some() && !s.out.emitted_since(s.mark)) {
        return Err(vm.new_runtime_error("more was asked for before anything was emitted"));
    }
    Ok(())
}

/// Calls a function record by record. It stops behind a record where the output is large enough,
/// and at one that wants to go on.
fn each(engine: &Engine, vm: &VirtualMachine, f: &Function, mut cursor: u64) {
    while with(|s| s.next < s.frame().header().count && !s.full()) {
        let data = with(|s| {
            let i = s.next;
            let data = s.is_data(i);
            if data {
                s.cursor = cursor;
                s.take_up(i);
            }
            data
        });
        cursor = 0;
        if data {
            begin_steps();
            if let Err(e) = one(engine, vm, f) {
                failed(vm, e);
            }
            if with(|s| s.more.is_some()) {
                return;
            }
            with(|s| {
                if s.ended {
                    s.out.add_end_of_stream(s.index);
                }
            });
        }
        with(|s| s.next += 1);
    }
}

/// Calls a batch function until it has taken all records, or the output is large enough. When it
/// raises, the record at hand fails, and it is called again for those behind.
fn batch(engine: &Engine, vm: &VirtualMachine, f: &Function) {
    loop {
        let from = with(|s| {
            while s.next < s.frame().header().count && !s.is_data(s.next) {
                s.next += 1;
            }
            s.let_go();
            (s.next < s.frame().header().count && !s.full()).then_some(s.next)
        });
        let Some(from) = from else { return };
        begin_steps();
        let result = f.call.call((engine.records.clone(), engine.emitter.clone()), vm);
        let took_none = with(|s| s.next == from);
        let result = match result {
            Ok(_) if took_none => {
                Err(vm.new_type_error("the batch function took no record"))
            }
            result => result,
        };
        if let Err(e) = result {
            if took_none {
                with(|s| {
                    s.take_up(from);
                    s.next = from + 1;
                });
            }
            failed(vm, e);
        }
    }
}
