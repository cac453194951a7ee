//! What the running call is about: the region, the frame in it, the record at hand, the output.
//!
//! It is borrowed for moments only, never while Python code runs.

use std::cell::RefCell;

use crate::frame::Frame;
use crate::layout::*;
use crate::output::{Mark, Output};

thread_local! {
    pub static STATE: RefCell<State> = RefCell::new(State::new());
}

/// What a function is for. The numbers are those of the Python part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Transform = 0,
    Deserializer = 1,
    Serializer = 2,
    Partitioner = 3,
    Bucketer = 4,
}

/// What the function that runs may do.
#[derive(Clone)]
pub struct Rules {
    pub role: Role,
    pub batch: bool,
    pub outputs: Vec<String>,
    pub headers: bool,
    pub source: bool,
}

pub struct State {
    /// Where the host writes; words, so that it is aligned.
    region: Vec<u64>,
    size: usize,
    pub frame: Option<Frame>,
    pub out: Output,
    pub rules: Rules,
    /// The record at hand, and a number that no other record ever has: 0 is none.
    pub index: u32,
    pub at_hand: u64,
    taken: u64,
    /// Where the output of the record at hand begins.
    pub mark: Mark,
    /// The record that a batch function is given next.
    pub next: u32,
    pub cursor: u64,
    pub more: Option<u64>,
    pub ended: bool,
}

impl State {
    fn new() -> State {
        State {
            region: Vec::new(),
            size: 0,
            frame: None,
            out: Output::new(),
            rules: Rules {
                role: Role::Transform,
                batch: false,
                outputs: Vec::new(),
                headers: false,
                source: false,
            },
            index: 0,
            at_hand: 0,
            taken: 0,
            mark: Mark::default(),
            next: 0,
            cursor: 0,
            more: None,
            ended: false,
        }
    }

    /// A region of `n` bytes for the host to write to; it stays until the next reserve.
    pub fn reserve(&mut self, n: usize) -> *mut u8 {
        let words = n / 8 + 1;
        if words > self.region.len() {
            let words = words.max(self.region.len() / 4 * 5); // frames grow with the batch
            self.region = Vec::new(); // the old region may go before the new one comes
            if self.region.try_reserve_exact(words).is_err() {
                return std::ptr::null_mut();
            }
            self.region.resize(words, 0);
        }
        self.size = n;
        self.region.as_mut_ptr().cast()
    }

    pub fn region_bytes(&self, n: usize) -> &[u8] {
        // SAFETY: the region has that many bytes, and they are initialized.
        unsafe { std::slice::from_raw_parts(self.region.as_ptr().cast::<u8>(), n.min(self.size)) }
    }

    /// Reads the frame in the region.
    pub fn load(&mut self, first: u32) -> Result<(), &'static str> {
        // SAFETY: the region stays as it is until the next reserve, which drops the frame.
        let frame = unsafe { Frame::load(self.region.as_mut_ptr().cast(), self.size) }?;
        if first > frame.header().count {
            return Err("first is above the number of records");
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// The frame of the running call.
    pub fn frame(&self) -> &Frame {
        self.frame.as_ref().expect("a call is running")
    }

    /// Makes record `i` the one at hand.
    pub fn take_up(&mut self, i: u32) {
        self.frame().progress(i);
        self.taken += 1;
        self.at_hand = self.taken;
        self.index = i;
        self.mark = self.out.mark();
        self.more = None;
        self.ended = false;
    }

    pub fn let_go(&mut self) {
        self.at_hand = 0;
    }

    pub fn full(&self) -> bool {
        self.out.full(self.frame().header())
    }

    pub fn is_data(&self, i: u32) -> bool {
        self.frame().core(i).kind == KIND_DATA
    }

    pub fn key(&self) -> Option<&[u8]> {
        let c = self.frame().core(self.index);
        (c.flags & IN_NULL_KEY == 0).then(|| self.frame().bytes(c.key_offset, c.key_length))
    }

    pub fn value(&self) -> Option<&[u8]> {
        let c = self.frame().core(self.index);
        (c.flags & IN_NULL_VALUE == 0).then(|| self.frame().bytes(c.value_offset, c.value_length))
    }
}
