use std::any::Any;
use std::time::Duration;

use crate::frame::Frame;
use crate::host;
use crate::plugin::Function;

/// The importance of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug = 0,
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// What a function knows beyond its record.
pub struct Context<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) function: &'static Function,
    pub(crate) config: &'a dyn Any,
    pub(crate) cursor: u64,
    pub(crate) record: u32,
    pub(crate) drawn: u64,
}

impl<'a> Context<'a> {
    /// The plugin's configuration. T is the type that `plugin!` names as `config`.
    pub fn config<T: 'static>(&self) -> &'a T {
        self.config.downcast_ref().expect("the type of plugin!'s config")
    }

    /// The time of the batch since 1970: the same for all its records, and the same again when a
    /// batch is replayed. There is no other clock in a guest.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.frame.header().batch_time_ns.max(0) as u64)
    }

    /// The name of the function that runs.
    pub fn function(&self) -> &'static str {
        self.function.name
    }

    /// What `Emitter::resume_at` was given when this record was last left, 0 when it is begun.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// A random number. The numbers follow from the frame, so that the same frame gives the same
    /// output in every instance.
    pub fn random(&mut self) -> u64 {
        self.drawn += 1;
        let seed = self.frame.header().seed;
        let h = seed.wrapping_add(u64::from(self.record).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let h = scramble(h ^ scramble(self.cursor.wrapping_add(1)));
        scramble(h.wrapping_add(self.drawn.wrapping_mul(0xbf58_476d_1ce4_e5b9)))
    }

    /// Writes a line to the job's log, if the record ends well. The host limits rate and length.
    pub fn log(&self, level: Level, text: &str) {
        host::log(level, text);
    }

    /// Adds to a counter of the job's metrics, if the record ends well. Names are lower-case
    /// letters, digits and `_`.
    pub fn count(&self, name: &str, delta: f64) {
        host::metric(host::COUNTER, name, delta);
    }

    /// Sets a gauge of the job's metrics, if the record ends well.
    pub fn gauge(&self, name: &str, value: f64) {
        host::metric(host::GAUGE, name, value);
    }

    /// Adds an observation to a histogram of the job's metrics, if the record ends well.
    pub fn observe(&self, name: &str, value: f64) {
        host::metric(host::HISTOGRAM, name, value);
    }
}

/// The finalizer of SplitMix64.
fn scramble(h: u64) -> u64 {
    let h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}
