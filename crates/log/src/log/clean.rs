//! What a log offers to its cleaner: which segments may go, memory for what survives, one switch for both.

use super::contents::Contents;
use super::departed::Departed;
use super::side::{SideLog, SideState};
use super::state::{Membership, State};
use super::{Log, LogError};
use crate::memory::Slot;
use crate::segment::LogTime;
use crate::{Certificate, SegmentSource};
use bytes::Bytes;
use rekindle_types::{Rule, SegmentId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A segment that may be cleaned, and what is known of it without a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentUse {
    /// Its id.
    pub segment: SegmentId,
    /// Bytes of entries that are needed, as far as that is known without a walk.
    pub live_bytes: u64,
    /// Bytes that segments lose at their ends where nothing fits, when they are filled with entries like its own.
    pub end_bytes: u32,
    /// When its youngest entry was written.
    pub youngest: LogTime,
}

/// How a log's memory stands, for whoever decides about cleaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Segments in use, heads too.
    pub segments: u32,
    /// Segments that growth may still take (L2).
    pub growth_left: u32,
    /// Growth is refused.
    pub is_growth_closed: bool,
    /// Bytes of live entries.
    pub live_bytes: u64,
    /// Segments that cleaning is given at least.
    pub survivors_reserved: u32,
    /// Survivors that a pass could have now, with the memory that others want too.
    pub survivors_max: u32,
    /// Bytes in the head that is filled.
    pub head_bytes: u32,
}

/// A segment that a pass has taken.
pub(crate) struct Victim {
    pub(crate) segment: SegmentId,
    pub(crate) slot: Slot,
    /// All of it, header included.
    pub(crate) bytes: Bytes,
}

/// Segments that a pass has taken: no other takes them. Let go of when dropped, unless they were moved from.
pub(crate) struct Victims {
    log: Arc<Log>,
    segments: Vec<SegmentId>,
    is_kept: bool,
}

/// A pass is over: what it cleaned has left the log. To be held until nobody follows a reference into that memory.
pub(crate) struct Cleaned {
    log: Arc<Log>,
    departed: Option<Departed>,
}

impl Drop for Cleaned {
    fn drop(&mut self) {
        drop(self.departed.take());
        // There is memory for who waits.
        self.log.wake.notify_one();
    }
}

impl Victims {
    pub(crate) fn segments(&self) -> &[SegmentId] {
        &self.segments
    }

    /// C3: something was moved. Until they leave the log nobody else may clean them, or the copies of their entries
    /// could go before they do.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// What a walk has found, instead of estimates: bytes that are needed, and bytes of tombstones among them by the
    /// segment that they wait for, and how many a segment of such entries loses at its end.
    pub(crate) fn correct(
        &self,
        segment: SegmentId,
        live_bytes: u64,
        named: BTreeMap<SegmentId, u64>,
        end_bytes: u32,
    ) {
        let mut state = self.log.state.lock();
        let Some(known) = state.segments.get_mut(&segment) else { return };
        known.end_bytes = known.end_bytes.max(end_bytes);
        let (slot, youngest) = (known.slot, known.contents.youngest);
        self.log.frames.set_live(slot, live_bytes);
        state.keep_contents(segment, Contents { youngest, named });
    }

    /// Brings the survivors into the log and takes the victims out of it, by one switch (H4).
    ///
    /// That is under way when this returns, whoever waits for it.
    pub(crate) fn replace_by(
        mut self,
        mut survivors: SideLog,
    ) -> Result<impl Future<Output = Result<Cleaned, LogError>> + Send + 'static, LogError> {
        self.is_kept = true;
        let log = Arc::clone(&self.log);
        let receiver = survivors.begin_commit(std::mem::take(&mut self.segments))?;
        Ok(async move {
            let committed = log.committed(receiver).await?;
            Ok(Cleaned { log, departed: Some(committed.departed) })
        })
    }
}

impl Drop for Victims {
    fn drop(&mut self) {
        if !self.is_kept {
            let mut state = self.log.state.lock();
            for segment in &self.segments {
                state.cleaning.remove(segment);
            }
        }
    }
}

impl Log {
    /// Segments that may be cleaned now.
    #[must_use]
    pub fn cleanable(&self) -> Vec<SegmentUse> {
        let state = self.state.lock();
        state.cleanable().map(|segment| state.segment_use(segment)).collect()
    }

    /// How its memory stands.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        let state = self.state.lock();
        MemoryUse {
            segment_bytes: self.config.segment_bytes,
            segments: state.segments_in_use(),
            growth_left: state.growth_left(),
            is_growth_closed: state.is_growth_closed(),
            live_bytes: state.live_bytes(),
            survivors_reserved: self.config.survivor_segments,
            survivors_max: state.survivors_max(),
            head_bytes: state.head.position().offset,
        }
    }

    /// Makes the head that names survivors, which otherwise the next full head makes room for.
    pub fn finish_cleaning(&self) {
        let mut state = self.state.lock();
        if state.has_unnamed_side_log() {
            state.roll_above = state.head.id;
            state.roll_if_wanted();
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Resolves when memory went since the last time: a head was made, or an append found no room.
    pub(crate) async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// Takes segments to clean; `None` when one of them can't be.
    pub(crate) fn take_victims(self: &Arc<Self>, segments: &[SegmentId]) -> Option<Victims> {
        let mut state = self.state.lock();
        let cleanable: BTreeSet<SegmentId> = state.cleanable().collect();
        if !segments.iter().all(|segment| cleanable.contains(segment)) {
            return None;
        }
        state.cleaning.extend(segments);
        Some(Victims { log: Arc::clone(self), segments: segments.to_vec(), is_kept: false })
    }

    /// What is in a segment that was taken.
    pub(crate) fn victim(&self, segment: SegmentId) -> Option<Victim> {
        let slot = self.state.lock().segments.get(&segment)?.slot;
        let (bytes, Certificate { length, .. }) = self.pin(segment)?;
        Some(Victim { segment, slot, bytes: bytes.slice(..length as usize) })
    }

    /// Segments in memory for so many survivors; `None` when there are not so many.
    pub(crate) fn survivors(self: &Arc<Self>, segments: u32) -> Option<SideLog> {
        let number = {
            let mut state = self.state.lock();
            if segments > state.survivors_max() {
                return None;
            }
            state.reserve_survivors(segments);
            state.enter_side_log(SideState {
                reserved: segments,
                reserved_left: segments,
                is_survivors: true,
                ..SideState::default()
            })
        };
        Some(SideLog::entered(Arc::clone(self), 1, number))
    }

    /// C3: segments that are in the log, from the allocation of their ids to the complete switch that leaves them out.
    pub(crate) fn in_log(&self) -> BTreeSet<SegmentId> {
        let state = self.state.lock();
        let is_in = |s: &super::state::Segment| s.membership != Membership::Gone;
        state.segments.iter().filter(|(_, s)| is_in(s)).map(|(id, _)| *id).collect()
    }
}

impl State {
    /// C5: only segments that a complete switch has closed or brought in.
    fn cleanable(&self) -> impl Iterator<Item = SegmentId> {
        let aside: BTreeSet<SegmentId> =
            self.side_logs.values().flat_map(|side| side.segments.iter().copied()).collect();
        let is_closed = move |id: &SegmentId| !self.heads.contains(id) && !aside.contains(id);
        let is_strict = self.config.rules.on(Rule::C5);
        let members = self.segments.iter().filter(|(id, segment)| {
            segment.membership == Membership::Member
                && !segment.is_emergency
                && segment.sealed.is_some()
                && !self.cleaning.contains(id)
        });
        members.map(|(id, _)| *id).filter(move |id| !is_strict || is_closed(id))
    }

    fn segment_use(&self, id: SegmentId) -> SegmentUse {
        let segment = &self.segments[&id];
        SegmentUse {
            segment: id,
            live_bytes: self.frames.live_bytes(segment.slot),
            end_bytes: segment.end_bytes,
            youngest: segment.contents.youngest,
        }
    }

    /// Keeps what is known of a segment that was sealed. What its tombstones wait for may have left already.
    pub(super) fn keep_contents(&mut self, id: SegmentId, mut contents: Contents) {
        let slot = self.segments[&id].slot;
        contents.named.retain(|named, bytes| {
            let is_in = self.segments.get(named).is_some_and(|s| s.membership != Membership::Gone);
            if !is_in {
                self.frames.add_dead(slot, *bytes);
            }
            is_in
        });
        self.segments.get_mut(&id).expect("just seen").contents = contents;
    }

    /// A segment has left the log: tombstones that named it are dead.
    pub(super) fn bury_tombstones(&mut self, gone: SegmentId) {
        for segment in self.segments.values_mut().filter(|s| s.membership != Membership::Gone) {
            if let Some(bytes) = segment.contents.named.remove(&gone) {
                self.frames.add_dead(segment.slot, bytes);
            }
        }
    }
}
