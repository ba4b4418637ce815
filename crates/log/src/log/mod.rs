//! The log: appends to the head in memory, switches heads, knows what is durable.
//!
//! Locks, in order: a side log's lane, the head lock (`state`), the frame pool; the waiters' lock is taken alone.

mod clean;
mod config;
mod contents;
mod departed;
mod entry_ref;
mod error;
mod pipeline;
mod progress;
mod room;
mod run;
mod side;
mod state;
mod tail;
mod versions;
mod view;

pub use clean::{MemoryUse, SegmentUse};
pub(crate) use clean::{Victim, Victims};
pub use config::{ConfigError, LOG_EXPANSION, LogConfig, partition_segments};
pub use entry_ref::EntryRef;
pub use error::LogError;
pub(crate) use room::with_ends;
pub use room::{LogRoom, MemoryReservation, NoRoom};
pub use side::{LaneGuard, SideAppended, SideLog};
pub use view::EntryView;

use crate::memory::Frames;
use crate::segment::{EntryDraft, ObjectEntry, TabletStat};
use crate::{Certificate, SegmentKind, SegmentSink, SegmentSource, SinkError};
use bytes::Bytes;
use config::EMERGENCY_FRAMES;
use parking_lot::Mutex;
use progress::Progress;
pub(crate) use progress::{pack, unpack};
use rekindle_types::{Position, SegmentId, Version, key_hash};
use room::Draw;
use state::{Membership, State};
use std::sync::Arc;
use tail::ENTRIES_MAX;

/// A log in memory, made durable by a sink.
///
/// Calls are synchronous but those that wait for the sink. [`Log::run`] must be running for anything to become
/// durable.
///
/// ```
/// use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, Parsed};
/// use rekindle_log::{Log, LogConfig, Volatile};
/// use rekindle_types::{LogId, ServerId, TableId};
/// use std::sync::Arc;
///
/// let config = LogConfig { segments_max: 8, ..LogConfig::new(LogId::of(ServerId(1))) };
/// let log = Log::new(config, Arc::new(Volatile))?;
/// let object = ObjectEntry {
///     table: TableId(1),
///     version: log.next_version()?,
///     timestamp: LogTime(0),
///     replaces: None,
///     expiry: None,
///     key: b"key",
///     value: b"value",
/// };
/// let appended = log.append(&[EntryDraft::Object(object)])?;
/// let view = log.entry(appended.refs()[0]).expect("the segment is in memory");
/// assert_eq!(view.parse()?, Parsed::Object(object));
/// // `log.sync(appended.end).await` waits until it is durable, while somebody runs `log.run()`.
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Log {
    config: LogConfig,
    sink: Arc<dyn SegmentSink>,
    frames: Arc<Frames>,
    state: Mutex<State>,
    progress: Progress,
    wake: tokio::sync::Notify,
    /// For the cleaner: a head was made, or none could be.
    pressed: tokio::sync::Notify,
}

/// Where the entries of one append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    refs: [EntryRef; ENTRIES_MAX],
    count: u8,
    /// Where they end: durable once the log is durable up to here.
    pub end: Position,
}

impl Appended {
    /// One for each entry, in order.
    #[inline]
    #[must_use]
    pub fn refs(&self) -> &[EntryRef] {
        &self.refs[..usize::from(self.count)]
    }
}

/// An object that was given the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedNext {
    /// Its version.
    pub version: Version,
    /// The entry.
    pub at: EntryRef,
    /// Where it ends: durable once the log is durable up to here.
    pub end: Position,
}

/// A side log's segments belong to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedAt {
    /// The head whose digest names them first. It is, or was, current.
    pub head: SegmentId,
}

/// How a log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStats {
    /// Segments with memory, side segments among them.
    pub segments: u32,
    /// Most of them.
    pub segments_max: u32,
    /// Heads behind the current one.
    pub heads_waiting: usize,
    /// Side logs that were filled and wait until a head has brought them in; not a cleaner's, for which nobody waits.
    pub commits_waiting: usize,
    /// Side logs that are neither committed nor dropped.
    pub side_logs: usize,
    /// Bytes of live entries.
    pub live_bytes: u64,
    /// Durable up to here.
    pub durable: Position,
    /// Written up to here.
    pub end: Position,
}

impl Log {
    /// Most entries in one append.
    pub const ENTRIES_MAX: usize = ENTRIES_MAX;

    /// A log with its first head in memory.
    pub fn new(config: LogConfig, sink: Arc<dyn SegmentSink>) -> Result<Arc<Self>, ConfigError> {
        config.validate()?;
        let count = config.segments_max + EMERGENCY_FRAMES;
        let bytes = u64::from(count) * u64::from(config.segment_bytes);
        let frames = Frames::new(count, config.segment_bytes).ok_or(ConfigError::NoMemory { bytes })?;
        let state = Mutex::new(State::new(config, Arc::clone(&frames)));
        let progress = Progress::default();
        let (wake, pressed) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        Ok(Arc::new(Self { config, sink, frames, state, progress, wake, pressed }))
    }

    /// As it was made.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Appends entries, all of them in one segment or none. They share one key hash (H7).
    pub fn append(&self, entries: &[EntryDraft<'_>]) -> Result<Appended, LogError> {
        self.append_drawing(entries, Draw::Growth)
    }

    /// As [`Log::append`], of entries after which less is alive, or no more: above the share of memory that data may
    /// grow to, they draw on a reserve (L2).
    pub fn append_shrinking(&self, entries: &[EntryDraft<'_>]) -> Result<Appended, LogError> {
        self.append_drawing(entries, Draw::Shrink)
    }

    #[inline]
    fn append_drawing(&self, entries: &[EntryDraft<'_>], draw: Draw) -> Result<Appended, LogError> {
        let total = self.checked_len(entries)?;
        let placed = self.append_with(total, draw, |state| Ok(state.head.append(entries, total)))?;
        Ok(Appended { refs: placed.refs, count: entries.len() as u8, end: placed.end })
    }

    /// Appends an object with the next version (V1), whatever version it has. One hold of the head lock gives
    /// the version and the place, so that versions are in the order of the log.
    #[inline]
    pub fn append_next(&self, object: ObjectEntry<'_>) -> Result<AppendedNext, LogError> {
        self.append_next_drawing(object, Draw::Growth)
    }

    /// As [`Log::append_next`], of an object in place of one at least as large (see [`Log::append_shrinking`]).
    pub fn append_next_shrinking(&self, object: ObjectEntry<'_>) -> Result<AppendedNext, LogError> {
        self.append_next_drawing(object, Draw::Shrink)
    }

    #[inline]
    fn append_next_drawing(&self, object: ObjectEntry<'_>, draw: Draw) -> Result<AppendedNext, LogError> {
        let total = self.checked_len(&[EntryDraft::Object(object)])?;
        self.append_with(total, draw, |state| {
            let Some(version) = state.versions.next(self.config.rules) else {
                return Err(state.reserve_versions());
            };
            let entry = EntryDraft::Object(ObjectEntry { version, ..object });
            let (at, end) = state.head.append_one(&entry, total);
            Ok(AppendedNext { version, at, end })
        })
    }

    /// Makes sure that the head has room, appends under the head lock, and wakes the runner if it must know.
    #[inline]
    fn append_with<T>(
        &self,
        total: usize,
        draw: Draw,
        append: impl FnOnce(&mut State) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut state = self.state.lock();
        state.check_alive()?;
        let mut wake = match state.make_room(total, draw) {
            Ok(is_new) => is_new,
            Err(error) => {
                drop(state);
                if matches!(error, LogError::Full { .. } | LogError::Busy { .. }) {
                    // For the head that leaves out what was freed, or that found no memory before.
                    self.wake.notify_one();
                    self.pressed.notify_one();
                }
                return Err(error);
            }
        };
        if wake {
            self.pressed.notify_one();
        }
        let placed = append(&mut state);
        if placed.is_ok() {
            state.note_append(total);
        }
        wake |= placed.is_err() | std::mem::take(&mut state.wants_append);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        placed
    }

    /// Bytes of the entries, if they can be appended at all.
    #[inline]
    fn checked_len(&self, entries: &[EntryDraft<'_>]) -> Result<usize, LogError> {
        if entries.len() > ENTRIES_MAX {
            return Err(LogError::TooLarge { what: "append", bytes: entries.len(), max: ENTRIES_MAX });
        }
        let mut total = 0;
        for entry in entries {
            let (_, key) = entry.key();
            check_max("key", key.len(), self.config.key_bytes_max())?;
            if let EntryDraft::Object(object) = entry {
                check_max("value", object.value.len(), self.config.value_bytes_max())?;
            }
            total += entry.encoded_len();
        }
        check_max("append", total, self.config.append_bytes_max())?;
        if entries.len() > 1 {
            let hash = |entry: &EntryDraft<'_>| key_hash(entry.key().0, entry.key().1);
            if entries.iter().any(|entry| hash(entry) != hash(&entries[0])) {
                return Err(LogError::MixedKeys);
            }
        }
        Ok(total)
    }

    /// Waits until everything up to `upto` is durable (H5). Makes no call when it is; any number of waiters
    /// share the calls. Dropping the future cancels nothing but the wait.
    pub async fn sync(&self, upto: Position) -> Result<(), LogError> {
        self.progress.wait(upto).await
    }

    /// Everything before this is durable.
    #[inline]
    #[must_use]
    pub fn durable(&self) -> Position {
        self.progress.durable()
    }

    /// The head whose digest is current: the highest whose switch is complete. `None` before the first head is
    /// open.
    #[must_use]
    pub fn current_head(&self) -> Option<SegmentId> {
        let head = self.durable().segment;
        (head != SegmentId(0)).then_some(head)
    }

    /// Where the next entry would go: everything appended so far ends here or before.
    #[must_use]
    pub fn end(&self) -> Position {
        self.state.lock().head.position()
    }

    /// An entry in memory; `None` when its segment has left memory.
    #[inline]
    #[must_use]
    pub fn entry(&self, at: EntryRef) -> Option<EntryView<'_>> {
        EntryView::new(&self.frames, at)
    }

    /// Fetches an entry's first bytes into the processor's cache, ahead of [`Log::entry`].
    #[inline]
    pub fn prefetch(&self, at: EntryRef) {
        self.frames.prefetch(at.slot(), at.offset());
    }

    /// Whether the segment was made to be appended to, not as part of a side log. Takes the head lock.
    #[must_use]
    pub fn is_head(&self, segment: SegmentId) -> bool {
        let state = self.state.lock();
        state.segments.get(&segment).is_some_and(|segment| segment.kind == SegmentKind::Head)
    }

    /// Says that nobody needs an entry any more: its bytes count as dead. At most once per entry.
    pub fn mark_dead(&self, at: EntryRef) {
        if let Some(view) = self.entry(at) {
            self.frames.add_dead(at.slot(), view.entry().bytes().len() as u64);
        }
    }

    /// The next version (V1). A version that is not used is lost, which does no harm.
    pub fn next_version(&self) -> Result<Version, LogError> {
        let mut state = self.state.lock();
        let version = state.versions.next(self.config.rules).ok_or_else(|| state.reserve_versions());
        drop(state);
        if version.is_err() {
            self.wake.notify_one();
        }
        version
    }

    /// Versions of objects of the next heads lie above `at_least` (V1): to be called with all SafeVersions and
    /// versions seen in a replay, before its side log is committed.
    pub fn raise_version(&self, at_least: Version) {
        self.state.lock().versions.raise(at_least);
    }

    /// Takes an id out of the segment counter that no segment will have (T2: a creation position). Segments
    /// made later have higher ids.
    #[must_use]
    pub fn skip_id(&self) -> SegmentId {
        self.state.lock().take_id()
    }

    /// The id that the next segment will have.
    pub(crate) fn next_id(&self) -> SegmentId {
        self.state.lock().next_id()
    }

    /// Waits until a head that was made after `segment`'s id was given is current, and makes one if needed (T2).
    pub async fn switched_above(&self, segment: SegmentId) -> Result<SegmentId, LogError> {
        {
            let mut state = self.state.lock();
            state.check_alive()?;
            state.roll_above = state.roll_above.max(segment);
            state.roll_if_wanted();
        }
        self.wake.notify_one();
        self.sync(Position { segment: segment.next(), offset: 0 }).await?;
        Ok(self.durable().segment)
    }

    /// Segments filled aside, with one lane.
    #[must_use]
    pub fn side_log(self: &Arc<Self>) -> SideLog {
        self.side_log_with_lanes(1)
    }

    /// Segments filled aside, by as many threads.
    #[must_use]
    pub fn side_log_with_lanes(self: &Arc<Self>, lanes: usize) -> SideLog {
        SideLog::new(Arc::clone(self), lanes, 0)
    }

    /// Segments filled aside, by as many threads, in memory that was reserved; more than that is taken from what is
    /// free.
    #[must_use]
    pub fn side_log_in(reservation: MemoryReservation, lanes: usize) -> SideLog {
        let (log, reserved) = reservation.hand_over();
        SideLog::new(log, lanes, reserved)
    }

    /// Frees a segment of the log: the next digest leaves it out, and once the switch to that head is complete its
    /// memory and its replicas go. False unless it is a segment of the log that a complete switch has closed or
    /// brought in. Nothing may refer to it any more.
    pub fn free(&self, segment: SegmentId) -> bool {
        let mut state = self.state.lock();
        let can_go = state.is_settled(segment);
        if can_go {
            state.segments.get_mut(&segment).expect("settled ones are known").membership =
                Membership::Leaving;
        }
        can_go
    }

    /// Ids of the segments that the next digest would name, the newest head among them: all of the log's entries
    /// are in these.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentId> {
        let state = self.state.lock();
        let members = state.segments.iter().filter(|(_, s)| s.membership == Membership::Member);
        members.map(|(id, _)| *id).collect()
    }

    /// Statistics for the next heads' TabletStats.
    pub fn set_tablet_stats(&self, stats: Vec<TabletStat>) -> Result<(), LogError> {
        let bytes = crate::segment::TabletStats::encoded_len(stats.len());
        check_max("tablet stats", bytes, self.config.stats_bytes_max())?;
        self.state.lock().stats = stats;
        Ok(())
    }

    /// Why the log is poisoned, if it is.
    #[must_use]
    pub fn failed(&self) -> Option<SinkError> {
        self.state.lock().failed.clone()
    }

    /// How it does.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let state = self.state.lock();
        let live = state.segments.values().filter(|s| s.membership != Membership::Gone);
        LogStats {
            segments: state.segments_in_use(),
            segments_max: self.config.segments_max,
            heads_waiting: state.heads.len() - 1,
            commits_waiting: state.commits_waiting(),
            side_logs: state.side_logs.len(),
            live_bytes: live.map(|s| self.frames.live_bytes(s.slot)).sum(),
            durable: self.durable(),
            end: state.head.position(),
        }
    }
}

#[inline]
fn check_max(what: &'static str, bytes: usize, max: usize) -> Result<(), LogError> {
    if bytes > max { Err(LogError::TooLarge { what, bytes, max }) } else { Ok(()) }
}

impl SegmentSource for Log {
    fn pin(&self, segment: SegmentId) -> Option<(Bytes, Certificate)> {
        let state = self.state.lock();
        let found = state.segments.get(&segment).filter(|s| s.membership != Membership::Gone)?;
        let (length, headers_crc) = self.frames.published(found.slot)?;
        let bytes = Bytes::from_owner(self.frames.pin(found.slot, 0..length as usize)?);
        Some((bytes, Certificate::seal(length, headers_crc)))
    }

    fn roll(&self, hurt: SegmentId) {
        let mut state = self.state.lock();
        if state.head.id == hurt {
            // H2, H3: nothing more is appended to a hurt head; the next is made as soon as H1 allows.
            state.head_refuses = true;
            state.roll_above = hurt;
            state.roll_if_wanted();
        }
        drop(state);
        self.wake.notify_one();
    }
}
