//! A disk in memory that forgets at a crash what was not synced, and fails when told to.

mod contents;
mod crash;
mod device;
mod dir;
mod halt;
mod misdirect;
mod names;

pub use crash::Crash;
pub use device::SECTOR_BYTES;
pub use halt::Halt;
pub use misdirect::Misdirect;

use super::{executor::Core, node::Node, rng::Stream, timers::Sleep, trace::Event, yield_now};
use crate::{Dir, DiskError, Rng};
use bytes::Bytes;
use contents::Contents;
use halt::Halts;
use misdirect::Misdirects;
use parking_lot::Mutex;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// How many syncs were asked for, failed ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCounts {
    /// [`crate::Dir::sync_file`].
    pub files: u64,
    /// [`crate::Dir::sync`].
    pub dirs: u64,
    /// [`crate::Device::sync`].
    pub devices: u64,
}

impl SyncCounts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.files + self.dirs + self.devices
    }
}

/// The disk of a node, as its owner in a test sees it. The node's process has [`crate::Env::dir`].
pub struct Disk {
    core: Weak<Core>,
    node: Arc<str>,
    stream: Stream,
    /// A leaf lock, never held over an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    contents: Contents,
    /// Number of crashes: handles from before one are dead.
    generation: u64,
    syncs: SyncCounts,
    /// Numbers of syncs, counted by [`SyncCounts::total`] from 1, that fail.
    failing: std::collections::BTreeSet<u64>,
    failed_syncs: u64,
    /// Held by the present process; a crash gives them back.
    locks: std::collections::BTreeSet<String>,
    capacity: Option<u64>,
    latency_max: Duration,
    halts: Halts,
    misdirects: Misdirects,
    /// Flips and misdirected writes, by the file that they hit.
    spoilt: std::collections::BTreeMap<String, u64>,
}

/// What a call is traced as.
struct Call<'a> {
    name: &'static str,
    file: &'a str,
    offset: u64,
    bytes: u64,
}

impl Disk {
    pub(super) fn new(core: Weak<Core>, node: Arc<str>, seed: u64) -> Arc<Self> {
        let stream = Stream::fork(seed, &node, u64::MAX - 1);
        Arc::new(Self { core, node, stream, state: Mutex::default() })
    }

    pub(super) fn dir(self: &Arc<Self>) -> Arc<dyn Dir> {
        Arc::new(dir::MemoryDir { disk: Arc::clone(self), generation: self.state.lock().generation })
    }

    /// Forgets what was not synced, and invalidates all handles.
    pub(super) fn crash(&self, crash: Crash) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.locks.clear();
        state.halts = Halts::default();
        state.contents.crash(crash, &self.stream);
    }

    /// Lets the node stand still for good at a disk call: its process is as good as dead from there on, and is to be
    /// killed. In place of what was armed before; `None` arms nothing. A crash disarms; once it has come, only that.
    pub fn halt_at(&self, halt: impl Into<Option<Halt>>) {
        self.state.lock().halts.arm(halt.into());
    }

    /// Whether the node has stopped where it was told to.
    #[must_use]
    pub fn has_halted(&self) -> bool {
        self.state.lock().halts.is_over
    }

    /// Lets a write to a device land in the wrong place, unnoticed: what was there is overwritten, and where it should have
    /// gone everything stays as it was. In place of what was armed before; `None` arms nothing.
    pub fn misdirect(&self, misdirect: impl Into<Option<Misdirect>>) {
        self.state.lock().misdirects.arm(misdirect.into());
    }

    /// How many writes have landed in the wrong place.
    #[must_use]
    pub fn misdirected(&self) -> u64 {
        self.state.lock().misdirects.count
    }

    /// Names of all files and devices, sorted.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.state.lock().contents.names.list()
    }

    /// Length of a file or device.
    #[must_use]
    pub fn file_bytes(&self, name: &str) -> Option<u64> {
        self.state.lock().contents.length(name)
    }

    /// Bytes of a file or device as they are, without a call of anybody's; none when they are not there.
    #[must_use]
    pub fn peek(&self, name: &str, at: u64, length: usize) -> Option<Bytes> {
        self.state.lock().contents.peek(name, at, length)
    }

    /// How often a flip or a misdirected write has hit a file or device.
    #[must_use]
    pub fn spoilt(&self, name: &str) -> u64 {
        self.state.lock().spoilt.get(name).copied().unwrap_or(0)
    }

    /// Nothing is wrong with it from now on: every fault that was asked for and has not come is called off, and there is
    /// room, without delay. What was damaged or lost stays so.
    pub fn mend(&self) {
        let mut state = self.state.lock();
        state.failing.clear();
        state.halts.arm(None);
        state.misdirects.arm(None);
        (state.capacity, state.latency_max) = (None, Duration::ZERO);
    }

    /// How many syncs have failed.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.state.lock().failed_syncs
    }

    /// How many syncs there were.
    #[must_use]
    pub fn syncs(&self) -> SyncCounts {
        self.state.lock().syncs
    }

    /// Lets the sync fail that comes after `successes` more. What was written since the last good one is then
    /// never made durable, whatever later syncs answer: that is what disks do.
    pub fn fail_sync_after(&self, successes: u64) {
        let mut state = self.state.lock();
        let number = state.syncs.total() + successes + 1;
        state.failing.insert(number);
    }

    /// Calls off every sync that was told to fail and has not come.
    pub fn fail_no_sync(&self) {
        self.state.lock().failing.clear();
    }

    /// Refuses with [`DiskError::Full`] what would take more than this; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// Lets each call take effect after a time drawn from zero to this; so calls under way at the same time may
    /// take effect in any order. Default: none, but other ready tasks go first.
    pub fn set_latency(&self, max: Duration) {
        self.state.lock().latency_max = max;
    }

    /// Bytes of all files and devices.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().contents.used_bytes()
    }

    /// Turns bits of a stored byte of a file or device over, unnoticed. The damage is durable.
    ///
    /// # Errors
    /// When there is no such file, or it has no such byte.
    pub fn flip(&self, name: &str, at: u64, bits: u8) -> Result<(), DiskError> {
        let state = &mut *self.state.lock();
        state.contents.flip(name, at, bits)?;
        state.spoil(name);
        Ok(())
    }

    async fn take_time(&self) {
        yield_now().await;
        let max = self.state.lock().latency_max;
        let Some(core) = self.core.upgrade().filter(|_| !max.is_zero()) else { return };
        let nanos = self.stream.below(u64::try_from(max.as_nanos()).unwrap_or(u64::MAX));
        let deadline = core.now() + Duration::from_nanos(nanos);
        Sleep::new(core, None, deadline).await;
    }

    /// A call takes its time, so that a kill may come between any two; then it takes effect, and is traced.
    async fn run<T>(
        &self,
        generation: u64,
        call: Call<'_>,
        body: impl FnOnce(&mut State) -> Result<T, DiskError> + Send,
    ) -> Result<T, DiskError> {
        self.take_time().await;
        let halts = self.halts(generation, &call);
        if halts == Some(false) {
            self.halt().await;
        }
        let result = {
            let mut state = self.state.lock();
            if state.generation == generation {
                body(&mut state)
            } else {
                Err(DiskError::Io(format!("the process on {} that opened this was killed", self.node)))
            }
        };
        if let Some(core) = self.core.upgrade() {
            let Call { name, file, offset, bytes } = call;
            core.record(Event::Disk {
                node: &self.node,
                call: name,
                file,
                offset,
                bytes,
                ok: result.is_ok(),
            });
        }
        if halts == Some(true) {
            self.halt().await;
        }
        result
    }

    /// Whether the process ends with this call, and then whether the call takes effect.
    fn halts(&self, generation: u64, call: &Call<'_>) -> Option<bool> {
        let mut state = self.state.lock();
        if state.generation != generation {
            return None;
        }
        state.halts.at_call(call.is_sync())
    }

    /// From here on nothing of the process happens. It is to be killed; until then its tasks are held back, and this
    /// one never goes on.
    async fn halt(&self) {
        if let Some(core) = self.core.upgrade() {
            Node::named(&core, &self.node).pause();
        }
        std::future::pending::<()>().await;
    }
}

impl Call<'_> {
    fn is_sync(&self) -> bool {
        matches!(self.name, "sync_file" | "sync_dir" | "sync_device")
    }
}

impl State {
    /// Whether the sync that was just counted succeeds.
    fn sync_succeeds(&mut self) -> bool {
        let fails = self.failing.remove(&self.syncs.total());
        self.failed_syncs += u64::from(fails);
        !fails
    }

    fn spoil(&mut self, name: &str) {
        *self.spoilt.entry(name.to_owned()).or_default() += 1;
    }

    fn take_room(&self, bytes: u64) -> Result<(), DiskError> {
        let used = self.contents.used_bytes();
        match self.capacity {
            Some(capacity) if used.saturating_add(bytes) > capacity => Err(DiskError::Full),
            _ => Ok(()),
        }
    }
}

fn sync_failed() -> DiskError {
    DiskError::Io("sync failed".into())
}

/// True once in `n` draws.
fn one_in(n: u64, rng: &dyn Rng) -> bool {
    rng.below(n) == 0
}
