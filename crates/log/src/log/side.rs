//! Side logs: segments filled aside, which join the log together or not at all.

use super::state::{CallState, Committed, Membership, Segment, State};
use super::tail::Tail;
use super::{CommittedAt, EntryRef, Log, LogError, check_max};
use crate::segment::{Entry, EntryDraft};
use crate::{SegmentKind, SinkError};
use parking_lot::{Mutex, MutexGuard};
use rekindle_types::{Position, Rule, SegmentId};
use std::sync::Arc;
use tokio::sync::oneshot;

use super::state::header;
use super::view::survivor_word;

/// What the log knows of a side log.
#[derive(Default)]
pub(super) struct SideState {
    pub(super) segments: Vec<SegmentId>,
    /// It was asked to commit: no segments are added.
    pub(super) is_committing: bool,
    /// All of its segments are closed on all R: the next digest may name them (H6).
    pub(super) is_ready: bool,
    pub(super) named_by: Option<SegmentId>,
    pub(super) waiter: Option<oneshot::Sender<Committed>>,
    /// A cleaner's: what is in it is durable elsewhere, in segments that leave by the switch that brings it in.
    pub(super) is_survivors: bool,
    pub(super) victims: Vec<SegmentId>,
    /// Segments that were reserved for it, and how many of them it has not taken yet (L2).
    pub(super) reserved: u32,
    pub(super) reserved_left: u32,
}

/// Segments filled aside. They are being replicated meanwhile, and join the log together when
/// [`SideLog::commit`] makes a head whose digest names them. Dropped without that they are freed and never
/// appear in a digest.
///
/// It has one or more *lanes*, each with an open segment of its own, so that several threads fill it without
/// waiting for each other.
pub struct SideLog {
    log: Arc<Log>,
    number: u64,
    lanes: Box<[Mutex<Lane>]>,
    is_committed: bool,
}

#[derive(Default)]
struct Lane {
    tail: Option<Tail>,
    /// Length at which the runner was told last.
    told: u32,
}

/// A lane of a side log, held by one thread.
pub struct LaneGuard<'a> {
    side: &'a SideLog,
    lane: MutexGuard<'a, Lane>,
}

impl LaneGuard<'_> {
    /// Appends an entry.
    #[inline]
    pub fn append(&mut self, entry: &EntryDraft<'_>) -> Result<SideAppended, LogError> {
        let total = self.side.log.checked_len(std::slice::from_ref(entry))?;
        self.append_with(total, |tail| tail.append_one(entry, total))
    }

    /// Appends an entry as it lies in another log, checksum and all, which the caller has verified.
    #[inline]
    pub fn append_copy(&mut self, entry: &Entry<'_>) -> Result<SideAppended, LogError> {
        let total = entry.bytes().len();
        check_max("append", total, self.side.log.config.append_bytes_max())?;
        self.append_with(total, |tail| tail.append_copy(entry))
    }

    #[inline]
    fn append_with(
        &mut self,
        total: usize,
        append: impl FnOnce(&mut Tail) -> (EntryRef, Position),
    ) -> Result<SideAppended, LogError> {
        if !self.lane.tail.as_ref().is_some_and(|tail| tail.has_room(total)) {
            self.side.next_segment(&mut self.lane)?;
        }
        let Lane { tail: Some(tail), told } = &mut *self.lane else { unreachable!("just made") };
        let (at, end) = append(tail);
        let is_worth_telling = end.offset - *told >= self.side.log.config.side_chunk();
        if is_worth_telling {
            *told = end.offset;
            self.side.log.wake.notify_one();
        }
        Ok(SideAppended { at, end })
    }
}

/// Where an entry of a side log went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideAppended {
    /// The entry, usable at once.
    pub at: EntryRef,
    /// Where it ends: durable like the entries of a head, once the side log is committed.
    pub end: Position,
}

impl SideLog {
    /// With so many segments reserved for it.
    pub(super) fn new(log: Arc<Log>, lanes: usize, reserved: u32) -> Self {
        let side = SideState { reserved, reserved_left: reserved, ..SideState::default() };
        let number = log.state.lock().enter_side_log(side);
        Self::entered(log, lanes, number)
    }

    /// One that the log knows.
    pub(super) fn entered(log: Arc<Log>, lanes: usize, number: u64) -> Self {
        let lanes = (0..lanes.max(1)).map(|_| Mutex::default()).collect();
        Self { log, number, lanes, is_committed: false }
    }

    /// Appends an entry through the first lane.
    pub fn append(&self, entry: &EntryDraft<'_>) -> Result<SideAppended, LogError> {
        self.append_in(0, entry)
    }

    /// Appends an entry through a lane; `lane` is taken modulo the number of lanes.
    pub fn append_in(&self, lane: usize, entry: &EntryDraft<'_>) -> Result<SideAppended, LogError> {
        self.lane(lane).append(entry)
    }

    /// Holds a lane for many appends; `lane` is taken modulo the number of lanes. To be taken before the locks of
    /// whatever decides what is appended.
    #[must_use]
    pub fn lane(&self, lane: usize) -> LaneGuard<'_> {
        LaneGuard { side: self, lane: self.lanes[lane % self.lanes.len()].lock() }
    }

    /// The ids of its segments so far.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentId> {
        self.log.state.lock().side_logs.get(&self.number).map_or(Vec::new(), |side| side.segments.clone())
    }

    fn next_segment(&self, lane: &mut Lane) -> Result<(), LogError> {
        let mut state = self.log.state.lock();
        state.check_alive()?;
        let tail = match state.side_segment(self.number) {
            Ok(tail) => tail,
            Err(error) => {
                drop(state);
                // For the head that leaves out what was freed.
                self.log.wake.notify_one();
                return Err(error);
            }
        };
        if let Some(full) = lane.tail.take() {
            let end_bytes = full.room();
            state.keep_sealed(full, end_bytes);
        }
        lane.told = tail.position().offset;
        lane.tail = Some(tail);
        drop(state);
        self.log.wake.notify_one();
        Ok(())
    }

    /// Closes its segments, then makes a head whose digest names them (H6). Resolves when the switch to that
    /// head is complete. Dropping the future once polled cancels nothing.
    pub async fn commit(mut self) -> Result<CommittedAt, LogError> {
        let receiver = self.begin_commit(Vec::new())?;
        self.log.committed(receiver).await.map(|committed| committed.at)
    }

    /// It will be committed, whoever waits for it; `victims` leave the log by that switch.
    pub(super) fn begin_commit(
        &mut self,
        victims: Vec<SegmentId>,
    ) -> Result<oneshot::Receiver<Committed>, LogError> {
        let tails: Vec<Tail> = self.lanes.iter_mut().filter_map(|lane| lane.get_mut().tail.take()).collect();
        let mut state = self.log.state.lock();
        tails.into_iter().for_each(|tail| state.keep_sealed(tail, 0));
        // On a failed log too: its entries stay in memory, for the caller has had no chance to drop what refers to them.
        self.is_committed = true;
        state.check_alive()?;
        let (sender, receiver) = oneshot::channel();
        let side = state.side_logs.get_mut(&self.number).expect("side logs stay until committed or dropped");
        (side.is_committing, side.waiter, side.victims) = (true, Some(sender), victims);
        state.mark_ready_side_logs();
        state.roll_if_wanted();
        drop(state);
        self.log.wake.notify_one();
        Ok(receiver)
    }
}

impl SideLog {
    /// C3: a pass that has moved an entry is not abandoned: what it moved is in its survivors only, as far as the
    /// index knows. They join the log; since the segments that they come from stay, all of these are never cleaned.
    fn end_survivors(&mut self) -> bool {
        let mut state = self.log.state.lock();
        let side = state.side_logs.get(&self.number).expect("side logs stay until committed or dropped");
        let segments = side.segments.clone();
        if !side.is_survivors || segments.is_empty() {
            return false;
        }
        state.cleaning.extend(segments);
        drop(state);
        // On a failed log they just stay.
        let _ = self.begin_commit(Vec::new());
        true
    }
}

impl Drop for SideLog {
    fn drop(&mut self) {
        if self.is_committed || self.end_survivors() {
            return;
        }
        let tails: Vec<Tail> = self.lanes.iter_mut().filter_map(|lane| lane.get_mut().tail.take()).collect();
        let mut state = self.log.state.lock();
        tails.into_iter().for_each(|tail| state.keep_sealed(tail, 0));
        let side = state.side_logs.remove(&self.number).expect("side logs stay until committed or dropped");
        state.end_side_reservation(&side);
        side.segments.into_iter().for_each(|id| state.let_go(id));
        drop(state);
        self.log.wake.notify_one();
    }
}

impl Log {
    /// Waits for a commit.
    pub(super) async fn committed(
        &self,
        receiver: oneshot::Receiver<Committed>,
    ) -> Result<Committed, LogError> {
        receiver.await.map_err(|_| {
            let failed = self.state.lock().failed.clone();
            LogError::Sink(failed.unwrap_or(SinkError::Closed))
        })
    }
}

impl State {
    pub(super) fn enter_side_log(&mut self, side: SideState) -> u64 {
        self.side_logs_made += 1;
        self.side_logs.insert(self.side_logs_made, side);
        self.side_logs_made
    }

    /// A new segment for a side log.
    fn side_segment(&mut self, number: u64) -> Result<Tail, LogError> {
        let side = self.side_logs.get(&number).expect("side logs stay until committed or dropped");
        let (left, is_survivor) = (side.reserved_left, side.is_survivors);
        if !self.has_side_frame(left) {
            return Err(self.full());
        }
        // C6, switched off: an id that a dropped side log has had is used again.
        let reused = if self.config.rules.on(Rule::C6) { None } else { self.reusable.pop() };
        let id = reused.unwrap_or_else(|| self.take_id());
        let word = if is_survivor { survivor_word(id) } else { id.0 };
        let writer = self.frames.take(word).expect("counted above, and only taken under this lock");
        let tail = Tail::start(header(&self.config, id), writer, &[]);
        let segment = Segment::new(&tail, SegmentKind::Side, Membership::Aside);
        let segment = Segment { is_survivor, ..segment };
        self.segments.insert(id, segment);
        self.active.insert(id);
        let side = self.side_logs.get_mut(&number).expect("side logs stay until committed or dropped");
        side.segments.push(id);
        if side.reserved_left > 0 {
            side.reserved_left -= 1;
            self.take_reserved(is_survivor);
        }
        self.look_at_growth();
        Ok(tail)
    }

    /// The side log is dropped, or part of the log.
    pub(super) fn end_side_reservation(&mut self, side: &SideState) {
        if side.is_survivors {
            return self.end_pass(side);
        }
        self.end_reservation(side.reserved, side.reserved_left);
    }

    /// H6: a side log may be named by a digest once all of its segments are closed on all R.
    pub(super) fn mark_ready_side_logs(&mut self) {
        let segments = &self.segments;
        let is_tight = self.is_tight();
        for side in self.side_logs.values_mut().filter(|side| side.is_committing && !side.is_ready) {
            if side.segments.iter().all(|id| segments[id].close == CallState::Answered) {
                side.is_ready = true;
                // Nobody waits for a cleaner while there is room: the next head will do.
                if !side.is_survivors || is_tight {
                    self.roll_above = self.head.id;
                }
            }
        }
    }

    /// Side logs whose commit somebody waits for.
    pub(super) fn commits_waiting(&self) -> usize {
        self.side_logs.values().filter(|side| side.is_committing && !side.is_survivors).count()
    }

    /// Whether a side log waits for the next head to name it.
    pub(super) fn has_unnamed_side_log(&self) -> bool {
        self.side_logs.values().any(|side| side.is_ready && side.named_by.is_none())
    }
}
