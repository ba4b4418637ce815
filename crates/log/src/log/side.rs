//! Side logs: segments filled aside, which join the log together or not at all.

use super::state::{CallState, Membership, Segment, State};
use super::tail::Tail;
use super::{CommittedAt, EntryRef, Log, LogError, check_max};
use crate::segment::{Entry, EntryDraft};
use crate::{SegmentKind, SinkError};
use parking_lot::{Mutex, MutexGuard};
use rekindle_types::{Position, Rule, SegmentId};
use std::sync::Arc;
use tokio::sync::oneshot;

use super::state::header;

/// What the log knows of a side log.
#[derive(Default)]
pub(super) struct SideState {
    pub(super) segments: Vec<SegmentId>,
    /// It was asked to commit: no segments are added.
    is_committing: bool,
    /// All of its segments are closed on all R: the next digest may name them (H6).
    pub(super) is_ready: bool,
    pub(super) named_by: Option<SegmentId>,
    pub(super) waiter: Option<oneshot::Sender<CommittedAt>>,
    /// Segments that were reserved for it, and how many of them it has not taken yet (L2).
    reserved: u32,
    reserved_left: u32,
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
        let number = {
            let mut state = log.state.lock();
            state.side_logs_made += 1;
            let number = state.side_logs_made;
            let side = SideState { reserved, reserved_left: reserved, ..SideState::default() };
            state.side_logs.insert(number, side);
            number
        };
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
            state.seal_side(full);
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
        let receiver = self.begin_commit()?;
        self.log.wake.notify_one();
        match receiver.await {
            Ok(committed) => Ok(committed),
            Err(_) => {
                let failed = self.log.state.lock().failed.clone();
                Err(LogError::Sink(failed.unwrap_or(SinkError::Closed)))
            }
        }
    }

    fn begin_commit(&mut self) -> Result<oneshot::Receiver<CommittedAt>, LogError> {
        let tails: Vec<Tail> = self.lanes.iter_mut().filter_map(|lane| lane.get_mut().tail.take()).collect();
        let mut state = self.log.state.lock();
        tails.into_iter().for_each(|tail| state.seal_side(tail));
        // On a failed log too: its entries stay in memory, for the caller has had no chance to drop what refers to them.
        self.is_committed = true;
        state.check_alive()?;
        let (sender, receiver) = oneshot::channel();
        let side = state.side_logs.get_mut(&self.number).expect("side logs stay until committed or dropped");
        (side.is_committing, side.waiter) = (true, Some(sender));
        state.mark_ready_side_logs();
        state.roll_if_wanted();
        Ok(receiver)
    }
}

impl Drop for SideLog {
    fn drop(&mut self) {
        if self.is_committed {
            return;
        }
        let tails: Vec<Tail> = self.lanes.iter_mut().filter_map(|lane| lane.get_mut().tail.take()).collect();
        let mut state = self.log.state.lock();
        tails.into_iter().for_each(|tail| state.seal_side(tail));
        let side = state.side_logs.remove(&self.number).expect("side logs stay until committed or dropped");
        state.end_side_reservation(&side);
        side.segments.into_iter().for_each(|id| state.let_go(id));
        drop(state);
        self.log.wake.notify_one();
    }
}

impl State {
    /// A new segment for a side log.
    fn side_segment(&mut self, number: u64) -> Result<Tail, LogError> {
        let left = self.side_logs.get(&number).map_or(0, |side| side.reserved_left);
        if !self.has_side_frame(left) {
            return Err(self.full());
        }
        // C6, switched off: an id that a dropped side log has had is used again.
        let reused = if self.config.rules.on(Rule::C6) { None } else { self.reusable.pop() };
        let id = reused.unwrap_or_else(|| self.take_id());
        let writer = self.frames.take(id.0).expect("counted above, and only taken under this lock");
        let tail = Tail::start(header(&self.config, id), writer, &[]);
        let segment = Segment::new(&tail, SegmentKind::Side, Membership::Aside);
        self.segments.insert(id, segment);
        self.active.insert(id);
        let side = self.side_logs.get_mut(&number).expect("side logs stay until committed or dropped");
        side.segments.push(id);
        if side.reserved_left > 0 {
            side.reserved_left -= 1;
            self.take_reserved();
        }
        self.look_at_growth();
        Ok(tail)
    }

    /// The side log is dropped, or part of the log.
    pub(super) fn end_side_reservation(&mut self, side: &SideState) {
        self.end_reservation(side.reserved, side.reserved_left);
    }

    fn seal_side(&mut self, tail: Tail) {
        let id = tail.id;
        let (certificate, end) = tail.seal();
        self.segments.get_mut(&id).expect("side segments stay").sealed = Some((certificate, Some(end)));
    }

    /// H6: a side log may be named by a digest once all of its segments are closed on all R.
    pub(super) fn mark_ready_side_logs(&mut self) {
        let segments = &self.segments;
        for side in self.side_logs.values_mut().filter(|side| side.is_committing && !side.is_ready) {
            if side.segments.iter().all(|id| segments[id].close == CallState::Answered) {
                side.is_ready = true;
                self.roll_above = self.head.id;
            }
        }
    }
}
