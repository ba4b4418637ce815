//! What the benches share: alternating rounds, TARGET lines, and the parts of which limits are made.
#![allow(dead_code)]

use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry};
use rekindle_log::{Log, SinkError};
use rekindle_types::{TableId, Version};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

/// Keys of all benches have this length.
pub const KEY_BYTES: usize = 16;
pub const TABLE: TableId = TableId(1);

/// Whether a short form was asked for: `-- --short`, or the test form that `cargo test --benches` asks for.
pub fn is_short() -> bool {
    std::env::args().any(|arg| arg == "--short" || arg == "--test")
}

/// Whether the case is wanted: all are, unless `--only TEXT` asks for those whose names contain TEXT.
pub fn is_wanted(name: &str) -> bool {
    let mut args = std::env::args().skip_while(|arg| arg != "--only");
    args.nth(1).is_none_or(|text| name.contains(&text))
}

/// Runs both sides in turn, `rounds` times after one unmeasured, and returns the medians. Each side returns
/// seconds.
pub fn alternate(rounds: usize, mut limit: impl FnMut() -> f64, mut ours: impl FnMut() -> f64) -> (f64, f64) {
    limit();
    ours();
    let (mut limits, mut own) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        limits.push(limit());
        own.push(ours());
    }
    (median(limits), median(own))
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// Of all threads of this process, so far.
pub fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// One line that a script can read.
pub fn target(name: &str, what: &str, operations: usize, (limit, ours): (f64, f64), reach: f64) {
    let rate = |seconds: f64| operations as f64 / seconds / 1e6;
    let ratio = limit / ours;
    let verdict = if ratio >= reach { "met" } else { "missed" };
    println!(
        "TARGET {name} {what} limit={:.2}M/s ours={:.2}M/s ratio={ratio:.2} reach={reach:.2} {verdict}",
        rate(limit),
        rate(ours)
    );
}

/// The same pseudo-random numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

pub fn key(n: usize) -> [u8; KEY_BYTES] {
    let mut key = *b"user:00000000000";
    key[8..].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key
}

/// Incompressible bytes that stay in the processor's cache, to take values from.
pub struct Values(Vec<u8>);

impl Values {
    pub fn new() -> Self {
        let mut random = Random(1);
        Self((0..(256 << 10) / 8).flat_map(|_| random.next().to_le_bytes()).collect())
    }

    #[inline]
    pub fn get(&self, n: usize, bytes: usize) -> &[u8] {
        let start = n * 61 % (self.0.len() - bytes);
        &self.0[start..start + bytes]
    }
}

#[inline]
pub fn object<'a>(key: &'a [u8], value: &'a [u8], version: u64) -> EntryDraft<'a> {
    EntryDraft::Object(ObjectEntry {
        table: TABLE,
        version: Version(version),
        timestamp: LogTime(1),
        replaces: None,
        expiry: None,
        key,
        value,
    })
}

/// Memory of the limits: touched, and in huge pages as the log's is.
pub fn touched<T: Copy>(count: usize, value: T) -> Vec<T> {
    let mut memory = Vec::with_capacity(count);
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 2 << 20;
        let start = memory.as_ptr() as usize;
        let (first, end) = (start.next_multiple_of(PAGE), start + count * size_of::<T>());
        if first < end {
            #[allow(unsafe_code)]
            // SAFETY: the range lies within the allocation; the advice changes the size of its pages only.
            unsafe {
                libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
            }
        }
    }
    memory.resize(count, value);
    memory
}

/// The least that an index can be: one array of slots, tag above reference, no growth, no locks.
pub struct BareIndex {
    slots: Vec<u64>,
    shift: u32,
}

impl BareIndex {
    pub fn new(keys: usize) -> Self {
        let slots = (keys * 3 / 2).next_power_of_two();
        Self {
            slots: vec![1; slots].into_iter().map(|_: u64| 0).collect(),
            shift: 64 - slots.trailing_zeros(),
        }
    }

    pub fn clear(&mut self) {
        self.slots.fill(0);
    }

    #[inline]
    pub fn prefetch(&self, hash: u64) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            #[allow(unsafe_code)]
            // SAFETY: a prefetch reads nothing as far as the program can tell, and faults on no address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>((&raw const self.slots[(hash >> self.shift) as usize]).cast());
            }
        }
    }

    #[inline]
    pub fn insert(&mut self, hash: u64, to: u64) {
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = hash << 48 | to;
    }
}

/// A log's runner, polled by hand.
pub struct Runner(Pin<Box<dyn Future<Output = SinkError>>>);

impl Runner {
    pub fn new(log: &Arc<Log>) -> Self {
        Self(Box::pin(Arc::clone(log).run()))
    }

    pub fn poll(&mut self) {
        let poll = self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending(), "{poll:?}");
    }
}
