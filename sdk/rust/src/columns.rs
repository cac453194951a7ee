//! The optional columns of an output and its table of strings.

use crate::layout::*;

/// A column of the output: empty until an entry sets it, then filled up with `none` for those that
/// do not.
pub struct Column<T> {
    id: u32,
    none: T,
    pub values: Vec<T>,
    used: bool,
}

impl<T: Copy> Column<T> {
    pub fn new(id: u32, none: T) -> Column<T> {
        Column { id, none, values: Vec::new(), used: false }
    }

    pub fn reset(&mut self) {
        self.values.clear();
        self.used = false;
    }

    pub fn set(&mut self, entry: usize, value: T) {
        if self.values.len() <= entry {
            self.values.resize(entry + 1, self.none);
        }
        self.values[entry] = value;
        self.used = true;
    }

    /// Takes back the values of entries from `n` on.
    pub fn cut(&mut self, n: usize) {
        self.values.truncate(n);
    }

    /// Makes the column as long as the table of entries and adds it to the directory.
    pub fn publish(&mut self, entries: usize, directory: &mut Vec<ColumnOut>) {
        if self.used && entries > 0 {
            self.values.resize(entries, self.none);
            publish(self.id, &self.values, directory);
        }
    }
}

/// Adds a table to the directory.
pub fn publish<T>(id: u32, values: &[T], directory: &mut Vec<ColumnOut>) {
    directory.push(ColumnOut {
        id,
        ptr: values.as_ptr() as Address,
        stride: size_of::<T>() as u32,
        count: values.len() as u32,
    });
}

/// The strings of an output: targets and buckets. A string stands in the table once.
pub struct Dictionary {
    pub table: Vec<StringOut>,
    /// A hash table with open addressing: an index of `table` plus 1, or 0.
    slots: Vec<u32>,
}

/// The slots that a dictionary begins with: targets and buckets are few.
const SLOTS_MIN: usize = 64;

impl Dictionary {
    pub fn new() -> Dictionary {
        Dictionary { table: Vec::new(), slots: vec![0; SLOTS_MIN] }
    }

    /// Takes back the strings from `n` on.
    pub fn cut(&mut self, n: usize) {
        if n < self.table.len() {
            self.table.truncate(n);
            self.rehash();
        }
    }

    fn rehash(&mut self) {
        self.slots.fill(0);
        for i in 0..self.table.len() {
            let text = bytes_of(&self.table[i]);
            let slot = self.find(text).unwrap_or_else(|free| free);
            self.slots[slot] = i as u32 + 1;
        }
    }

    /// The slot that holds `text`, or else the one where it belongs.
    fn find(&self, text: &[u8]) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = fnv(text) as usize & mask;
        while self.slots[slot] != 0 {
            if bytes_of(&self.table[self.slots[slot] as usize - 1]) == text {
                return Ok(slot);
            }
            slot = (slot + 1) & mask;
        }
        Err(slot)
    }

    /// The index of `text`; `hold` returns an address at which a new one stays for this call.
    pub fn index(&mut self, text: &[u8], hold: impl FnOnce(&[u8]) -> Address) -> u32 {
        if let Some(last) = self.table.last() {
            if bytes_of(last) == text {
                return self.table.len() as u32 - 1; // mostly it is the one before, again
            }
        }
        match self.find(text) {
            Ok(slot) => self.slots[slot] - 1,
            Err(slot) => {
                let index = self.table.len() as u32;
                self.table.push(StringOut { ptr: hold(text), length: text.len() as u32 });
                self.slots[slot] = index + 1;
                if self.table.len() * 2 > self.slots.len() {
                    self.slots.resize(self.slots.len() * 2, 0);
                    self.rehash();
                }
                index
            }
        }
    }
}

fn bytes_of<'a>(s: &StringOut) -> &'a [u8] {
    if s.length == 0 {
        return &[];
    }
    // SAFETY: strings are held in the arena or the frame until they are cut from the table, and
    // nobody writes to them.
    unsafe { std::slice::from_raw_parts(s.ptr as *const u8, s.length as usize) }
}

fn fnv(text: &[u8]) -> u32 {
    text.iter().fold(0x811c_9dc5, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}
