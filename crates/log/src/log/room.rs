//! How much of a log's memory is left, and for what (L2).

use super::config::HEAD_RESERVE;
use super::state::{HEADS_WAITING_MAX, Membership, Roll, State};
use super::{Log, LogConfig, LogError, partition_segments};
use std::sync::Arc;

/// Segments that heads may take: the current one and those that wait behind it.
const HEADS: u32 = 1 + HEADS_WAITING_MAX as u32;

/// What a cleaner has won is brought in at once when growth may take fewer segments than this.
const SOON: u32 = 2;

/// Segments that a share of the memory loses to the unfilled ends of what is recovered into the rest.
const ENDS: u32 = 2;

/// Memory of a log, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRoom {
    /// For entries: all of it, without reserves and heads.
    pub total_bytes: u64,
    /// Of it, what partitions of dead logs can have. What replays have reserved and not committed counts as free.
    pub free_bytes: u64,
    /// Growth is refused while more than this is in use, or would be (L2).
    pub growth_bytes: u64,
    /// Left for writes that do not grow, once growth is refused.
    pub reserve_bytes: u64,
}

/// What an append is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// More data.
    Growth,
    /// Less, or no more: a tombstone, or an object in place of one as large.
    Shrink,
}

/// What the head lock guards of this.
pub(super) struct Room {
    /// Growth makes no head beyond so many segments in use.
    growth_max: u32,
    /// More are in use, or more data is alive than can be cleaned: growth does not even go to the present head.
    is_growth_closed: bool,
    /// More are in use: all that is written draws on the reserve.
    is_memory_full: bool,
    /// Bytes that writes which do not grow may still take beyond that.
    reserve_left: u64,
    /// Segments reserved and not taken yet.
    reserved_left: u32,
    /// Segments reserved, taken or not, by what is not committed.
    reserved: u32,
    /// The same of cleaning passes, which draw on a reserve of their own.
    survivors: u32,
    survivors_left: u32,
}

impl Room {
    pub(super) fn new(config: &LogConfig) -> Self {
        Self {
            growth_max: config.growth_segments(1),
            is_growth_closed: false,
            is_memory_full: false,
            reserve_left: config.reserve_bytes(),
            reserved_left: 0,
            reserved: 0,
            survivors: 0,
            survivors_left: 0,
        }
    }
}

/// Memory for one side log that nobody else gets. Given back when dropped, or when the side log has ended.
pub struct MemoryReservation {
    log: Arc<Log>,
    segments: u32,
}

/// No memory for a reservation. Nothing was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{need} bytes of memory are needed, {free} are free")]
pub struct NoRoom {
    /// Bytes of memory asked for, in whole segments.
    pub need: u64,
    /// Bytes that could be had.
    pub free: u64,
}

impl LogConfig {
    /// Segments for entries: without reserves and heads.
    #[must_use]
    pub fn usable_segments(&self) -> u32 {
        self.segments_max
            .saturating_sub(HEAD_RESERVE as u32 + HEADS + self.reserve_segments + self.survivor_segments)
    }

    /// L2: segments in use, heads too, up to which data may grow in a cluster of so many equal servers: after the
    /// loss of one the others can take its share. Alone it may have all.
    #[must_use]
    pub fn growth_segments(&self, servers: u32) -> u32 {
        let usable = self.usable_segments();
        if servers <= 1 {
            return usable + HEADS;
        }
        let share = u64::from(usable) * u64::from(servers - 1) / u64::from(servers);
        let share = u32::try_from(share).expect("no more than all of it");
        // The present head is the one that is filled.
        share.saturating_sub(ENDS.min(usable / 8)) + 1
    }

    fn reserve_bytes(&self) -> u64 {
        u64::from(self.reserve_segments) * u64::from(self.segment_bytes)
    }
}

impl Log {
    /// How much memory is left.
    #[must_use]
    pub fn room(&self) -> LogRoom {
        let bytes = |segments: u32| u64::from(segments) * u64::from(self.config.segment_bytes);
        let state = self.state.lock();
        LogRoom {
            total_bytes: bytes(self.config.usable_segments()),
            free_bytes: bytes(state.free_segments(state.room.reserved)),
            growth_bytes: bytes(state.room.growth_max),
            reserve_bytes: state.room.reserve_left,
        }
    }

    /// L2: so many servers share the data. Growth is refused above the share of memory that lets them absorb the loss
    /// of one; nothing is evicted when that is less than before.
    pub fn share_among(&self, servers: u32) {
        let mut state = self.state.lock();
        state.room.growth_max = self.config.growth_segments(servers);
        state.look_at_growth();
    }

    /// Reserves the memory that a partition of so many bytes takes, for one side log.
    pub fn reserve(self: &Arc<Self>, partition_bytes: u64) -> Result<MemoryReservation, NoRoom> {
        let segment_bytes = u64::from(self.config.segment_bytes);
        let need = partition_segments(partition_bytes, self.config.segment_bytes);
        let mut state = self.state.lock();
        let free = state.free_segments(0);
        match u32::try_from(need) {
            Ok(segments) if segments <= free => {
                state.room.reserved += segments;
                state.room.reserved_left += segments;
                state.look_at_growth();
                Ok(MemoryReservation { log: Arc::clone(self), segments })
            }
            _ => {
                let need = need.saturating_mul(segment_bytes);
                Err(NoRoom { need, free: u64::from(free) * segment_bytes })
            }
        }
    }
}

impl MemoryReservation {
    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.segments) * u64::from(self.log.config.segment_bytes)
    }

    /// Whether it is memory of this log.
    #[must_use]
    pub fn is_of(&self, log: &Arc<Log>) -> bool {
        Arc::ptr_eq(&self.log, log)
    }

    /// The side log gives it back from now on.
    pub(super) fn hand_over(mut self) -> (Arc<Log>, u32) {
        (Arc::clone(&self.log), std::mem::take(&mut self.segments))
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.log.state.lock().end_reservation(self.segments, self.segments);
    }
}

/// What live bytes take, when every segment of them loses so many at its end.
pub(crate) fn with_ends(live_bytes: u64, end_bytes: u32, segment_bytes: u32) -> u64 {
    let filled = segment_bytes.saturating_sub(end_bytes).max(segment_bytes / 2);
    live_bytes * u64::from(segment_bytes) / u64::from(filled)
}

impl State {
    /// Segments that new reservations can have, if so many that are reserved now were not.
    fn free_segments(&self, given_back: u32) -> u32 {
        let heads = (HEADS as usize).saturating_sub(self.heads.len());
        let free = self.frames.free_count() + given_back as usize;
        let free = free.saturating_sub(self.frames_kept() + self.frames_promised() + heads);
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    /// Free frames that are reserved: for side logs, and for writes that do not grow.
    pub(super) fn frames_promised(&self) -> usize {
        self.side_frames_promised()
            + self.room.reserve_left.div_ceil(self.config.segment_bytes.into()) as usize
    }

    /// The same without those for writes.
    fn side_frames_promised(&self) -> usize {
        self.side_frames_reserved() + self.survivors_free() as usize
    }

    /// Free frames that side logs have reserved, a pass's survivors among them.
    fn side_frames_reserved(&self) -> usize {
        (self.room.reserved_left + self.room.survivors_left) as usize
    }

    /// Of the frames that only cleaning may take, those that no pass has.
    fn survivors_free(&self) -> u32 {
        self.config.survivor_segments.saturating_sub(self.room.survivors)
    }

    /// Most survivors that a pass could have now. More than the reserve, when growth has to leave frames free (L2).
    pub(super) fn survivors_max(&self) -> u32 {
        let set_aside = self.survivors_free();
        let others = self.frames_promised() - set_aside as usize;
        let free = self.frames.free_count().saturating_sub(self.frames_kept());
        let beside = u32::try_from(free.saturating_sub(others)).unwrap_or(u32::MAX);
        // Writes that do not grow have left free what is set aside, though less than what they are promised.
        let own = free.saturating_sub(self.side_frames_reserved());
        let own = u32::try_from(own).unwrap_or(u32::MAX).min(set_aside);
        beside.max(own)
    }

    /// Frames for a pass, which must be there.
    pub(super) fn reserve_survivors(&mut self, segments: u32) {
        self.room.survivors += segments;
        self.room.survivors_left += segments;
    }

    /// A pass is over. What it won goes to the reserve of writes that do not grow first (L2).
    pub(super) fn end_pass(&mut self, side: &super::side::SideState) {
        self.room.survivors -= side.reserved;
        self.room.survivors_left -= side.reserved_left;
        for id in &side.segments {
            // Dropped ones may be forgotten already.
            if let Some(segment) = self.segments.get_mut(id) {
                segment.is_survivor = false;
            }
        }
        let won = side.victims.len().saturating_sub(side.segments.len()) as u64;
        let refilled = self.room.reserve_left + won * u64::from(self.config.segment_bytes);
        self.room.reserve_left = refilled.min(self.config.reserve_bytes());
        self.look_at_growth();
    }

    /// Whether what a cleaner has won is waited for.
    pub(super) fn is_tight(&self) -> bool {
        self.room.is_growth_closed || self.growth_left() < SOON
    }

    pub(super) fn is_growth_closed(&self) -> bool {
        self.room.is_growth_closed
    }

    /// Segments that growth may still take.
    pub(super) fn growth_left(&self) -> u32 {
        self.room.growth_max.saturating_sub(self.segments_counted())
    }

    /// Whether a frame may be taken for this.
    pub(super) fn has_frame_for(&self, why: Roll) -> bool {
        let free = self.frames.free_count();
        match why {
            Roll::Growth => {
                let next = self.segments_counted() + 1;
                next <= self.room.growth_max && free > self.frames_kept() + self.frames_promised()
            }
            Roll::Shrink => free > self.frames_kept() + self.side_frames_promised(),
            Roll::Forced => free > self.emergency_frames_kept() + self.side_frames_reserved(),
        }
    }

    /// Whether an emergency head may take a frame.
    pub(super) fn has_emergency_frame(&self) -> bool {
        self.frames.free_count() > self.side_frames_reserved()
    }

    /// A frame for a side log that still has `left` of its reservation: nobody else has taken that.
    pub(super) fn has_side_frame(&self, left: u32) -> bool {
        let kept =
            if left > 0 { self.emergency_frames_kept() } else { self.frames_kept() + self.frames_promised() };
        self.frames.free_count() > kept
    }

    /// Makes sure that the head has room for an append. Whether a head was made.
    #[inline]
    pub(super) fn make_room(&mut self, total: usize, draw: Draw) -> Result<bool, LogError> {
        let is_drawing = self.room.is_growth_closed;
        if !is_drawing && !self.head_refuses && self.head.has_room(total) {
            return Ok(false);
        }
        self.make_room_slowly(total, draw)
    }

    fn make_room_slowly(&mut self, total: usize, draw: Draw) -> Result<bool, LogError> {
        // L2: what does not grow draws on a reserve, so that there is always a way out.
        let has_reserve = !self.room.is_memory_full || self.room.reserve_left >= total as u64;
        let may_draw = draw == Draw::Shrink && has_reserve;
        if self.room.is_growth_closed {
            // Entries die without a word to us.
            self.look_at_growth();
        }
        if self.room.is_growth_closed && !may_draw {
            return Err(self.no_room());
        }
        if !self.head_refuses && self.head.has_room(total) {
            return Ok(false);
        }
        match self.roll(Roll::Growth) {
            Err(LogError::Full { .. }) if may_draw => self.roll(Roll::Shrink).map(|()| true),
            Err(LogError::Full { .. }) => Err(self.no_room()),
            rolled => rolled.map(|()| true),
        }
    }

    /// An append finds no room. It is to be tried again where a cleaner will make some.
    pub(super) fn no_room(&mut self) -> LogError {
        let full = self.full();
        if self.config.survivor_segments > 0 && self.can_be_cleaned() {
            return LogError::Busy { waiting: self.heads.len() - 1 };
        }
        full
    }

    /// An append of so many bytes was made.
    #[inline]
    pub(super) fn note_append(&mut self, total: usize) {
        if self.room.is_memory_full {
            self.room.reserve_left = self.room.reserve_left.saturating_sub(total as u64);
        }
    }

    /// Segments came or went, or the share changed. Once there is room to grow, the reserve is whole again: its frames
    /// are among those that growth leaves free.
    pub(super) fn look_at_growth(&mut self) {
        self.room.is_memory_full = self.segments_counted() > self.room.growth_max;
        self.room.is_growth_closed = self.room.is_memory_full || !self.can_be_cleaned();
        if !self.room.is_memory_full {
            self.room.reserve_left = self.config.reserve_bytes();
        }
    }

    /// Whether so little is alive that some segments can always be cleaned into fewer: into as many as a pass can have.
    /// Data may not grow beyond that, or there is no way back: less the ends of survivors, which nothing fits into.
    fn can_be_cleaned(&self) -> bool {
        if self.config.survivor_segments == 0 {
            return true;
        }
        let spare = (self.config.usable_segments() + HEADS).saturating_sub(self.room.growth_max);
        let survivors = u64::from(self.config.survivor_segments + spare);
        let most = u64::from(self.room.growth_max) * u64::from(self.config.segment_bytes);
        let reserved = u64::from(self.room.reserved_left) * u64::from(self.config.segment_bytes);
        self.needed_bytes() + reserved <= most / (survivors + 1) * survivors / 16 * 15
    }

    /// Bytes that live entries take, with what segments of such entries lose at their ends.
    fn needed_bytes(&self) -> u64 {
        let in_memory = self.segments.values().filter(|s| s.membership != Membership::Gone);
        let stretched = |s: &super::state::Segment| {
            with_ends(self.frames.live_bytes(s.slot), s.end_bytes, self.config.segment_bytes)
        };
        in_memory.map(stretched).sum()
    }

    /// Bytes of live entries, as far as that is known without a walk.
    pub(super) fn live_bytes(&self) -> u64 {
        let in_memory = self.segments.values().filter(|s| s.membership != Membership::Gone);
        in_memory.map(|s| self.frames.live_bytes(s.slot)).sum()
    }

    /// Segments in use or reserved; emergency heads and survivors have frames of their own.
    fn segments_counted(&self) -> u32 {
        let counts = |s: &&super::state::Segment| {
            s.membership != Membership::Gone && !s.is_emergency && !s.is_survivor
        };
        self.segments.values().filter(counts).count() as u32 + self.room.reserved_left
    }

    /// A segment of a reservation was taken.
    pub(super) fn take_reserved(&mut self, is_survivor: bool) {
        match is_survivor {
            true => self.room.survivors_left -= 1,
            false => self.room.reserved_left -= 1,
        }
    }

    /// A reservation of `segments` in all has ended, with `left` of them not taken.
    pub(super) fn end_reservation(&mut self, segments: u32, left: u32) {
        self.room.reserved -= segments;
        self.room.reserved_left -= left;
        self.look_at_growth();
    }
}
