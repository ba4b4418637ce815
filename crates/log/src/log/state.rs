//! What the head lock guards: the segments of the log, its heads and the ids. No I/O, no waiting, nobody woken.

use super::config::{EMERGENCY_FRAMES, HEAD_RESERVE};
use super::contents::Contents;
use super::departed::Departed;
use super::room::Room;
use super::side::SideState;
use super::tail::Tail;
use super::versions::Versions;
use super::{CommittedAt, LogConfig, LogError};
use crate::memory::{FrameEnd, Frames, Slot};
use crate::segment::{Digest, SafeVersion, SegmentHeader, TabletStat, TabletStats};
use crate::{Certificate, SegmentKind, SinkError};
use rekindle_types::{SegmentId, Version};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Heads that may wait behind the current one (H1); an emergency head may be one more.
pub(super) const HEADS_WAITING_MAX: usize = 2;

/// Whether a call to the sink was made, and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallState {
    ToMake,
    Made,
    Answered,
}

/// How a segment stands to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// A side segment that no digest names.
    Aside,
    /// Named by the digests of all heads made since it joined.
    Member,
    /// The next digest leaves it out.
    Leaving,
    /// The digest of that head leaves it out; it goes when that one is current.
    Left(SegmentId),
    /// It is in memory no more; the sink is told to free it.
    Gone,
}

/// A segment of the log, or aside of it.
pub(super) struct Segment {
    pub(super) slot: Slot,
    pub(super) kind: SegmentKind,
    pub(super) is_emergency: bool,
    pub(super) membership: Membership,
    pub(super) after: Option<SegmentId>,
    /// What is sent with the open.
    pub(super) first: Certificate,
    /// The last certificate, once nothing follows; with the right to give the frame back.
    pub(super) sealed: Option<(Certificate, Option<FrameEnd>)>,
    pub(super) open: CallState,
    pub(super) close: CallState,
    /// Bytes handed to the sink.
    pub(super) sent: u32,
    pub(super) has_append_in_flight: bool,
    /// A cleaner fills it, or its commit is not complete: it has memory of its own (see `room`).
    pub(super) is_survivor: bool,
    /// Complete once sealed.
    pub(super) contents: Contents,
    /// Left free at the end, where the next entry did not fit; nothing when it was sealed for another reason.
    pub(super) end_bytes: u32,
}

impl Segment {
    /// One that was just started: nothing is asked of the sink yet.
    pub(super) fn new(tail: &Tail, kind: SegmentKind, membership: Membership) -> Self {
        let first = tail.certificate();
        Self {
            slot: tail.slot(),
            kind,
            is_emergency: false,
            membership,
            after: None,
            first,
            sealed: None,
            open: CallState::ToMake,
            close: CallState::ToMake,
            sent: first.length,
            has_append_in_flight: false,
            is_survivor: false,
            contents: Contents::default(),
            end_bytes: 0,
        }
    }
}

/// Why a new head is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roll {
    /// An append does not fit.
    Growth,
    /// The same, of one that may draw on the reserve (L2).
    Shrink,
    /// A hurt head, a side log's commit, frees: may use the reserve, and an emergency head.
    Forced,
}

pub(super) struct State {
    pub(super) config: LogConfig,
    pub(super) frames: Arc<Frames>,
    next_id: SegmentId,
    pub(super) versions: Versions,
    /// Only with rule C6 off: ids to be used again.
    pub(super) reusable: Vec<SegmentId>,
    pub(super) segments: BTreeMap<SegmentId, Segment>,
    /// Segments that calls are to be made for, or are pending for.
    pub(super) active: BTreeSet<SegmentId>,
    /// Segments whose free was asked of the sink.
    pub(super) freeing: BTreeSet<SegmentId>,
    /// The head that is filled: the newest.
    pub(super) head: Tail,
    /// Nothing is appended to the newest head: it is hurt, or an emergency head.
    pub(super) head_refuses: bool,
    /// Heads from the current one (or the log's first) to the newest.
    pub(super) heads: VecDeque<SegmentId>,
    /// The head whose digest is current.
    pub(super) current: Option<SegmentId>,
    /// A head above this id is wanted, as soon as H1 and memory allow.
    pub(super) roll_above: SegmentId,
    pub(super) side_logs: BTreeMap<u64, SideState>,
    pub(super) side_logs_made: u64,
    /// Segments that a cleaning pass has taken: no other takes them.
    pub(super) cleaning: BTreeSet<SegmentId>,
    pub(super) stats: Vec<TabletStat>,
    /// The runner waits for an append to the head.
    pub(super) wants_append: bool,
    pub(super) failed: Option<SinkError>,
    pub(super) room: Room,
}

/// A side log's segments belong to the log, and what they replace does not.
pub(super) struct Committed {
    pub(super) at: CommittedAt,
    pub(super) departed: Departed,
}

/// What a step of the state means to those who wait.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) durable: Option<rekindle_types::Position>,
    /// Memory of what has left the log.
    pub(super) departed: Departed,
    pub(super) commits: Vec<(tokio::sync::oneshot::Sender<Committed>, Committed)>,
}

impl State {
    pub(super) fn new(config: LogConfig, frames: Arc<Frames>) -> Self {
        let mut versions = Versions::default();
        let id = SegmentId(1);
        let writer = frames.take(id.0).expect("a new pool has frames");
        let own = own_entries(&[id], versions.reserve(config.rules), Some(&[]));
        let head = Tail::start(header(&config, id), writer, &own);
        let mut state = Self {
            config,
            frames,
            next_id: id.next(),
            versions,
            reusable: Vec::new(),
            segments: BTreeMap::new(),
            active: BTreeSet::new(),
            freeing: BTreeSet::new(),
            head,
            head_refuses: false,
            heads: VecDeque::new(),
            current: None,
            roll_above: SegmentId(0),
            side_logs: BTreeMap::new(),
            side_logs_made: 0,
            cleaning: BTreeSet::new(),
            stats: Vec::new(),
            wants_append: false,
            failed: None,
            room: Room::new(&config),
        };
        state.enter_head(None, false);
        state
    }

    pub(super) fn check_alive(&self) -> Result<(), LogError> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(LogError::Sink(error.clone())))
    }

    pub(super) fn next_id(&self) -> SegmentId {
        self.next_id
    }

    /// C6: ids of heads and side segments come from this one counter and are never used twice.
    pub(super) fn take_id(&mut self) -> SegmentId {
        let id = self.next_id;
        self.next_id = id.next();
        id
    }

    /// Makes a new head, which entries go to from now on, and seals the one before.
    pub(super) fn roll(&mut self, why: Roll) -> Result<(), LogError> {
        let is_emergency = !self.has_frame_for(why);
        if is_emergency && (why != Roll::Forced || !self.has_emergency_frame()) {
            return Err(self.full());
        }
        // H1: at most two heads wait behind the current one, and one emergency head more.
        let waiting = self.heads.len() - 1;
        if waiting >= HEADS_WAITING_MAX + usize::from(is_emergency) {
            return Err(LogError::Busy { waiting });
        }
        let id = self.take_id();
        let digest = self.next_digest(id);
        let safe = self.versions.reserve(self.config.rules);
        let stats = if is_emergency { None } else { Some(&self.stats[..]) };
        let own = own_entries(&digest, safe, stats);
        let writer = self.frames.take(id.0).expect("counted above, and only taken under this lock");
        let next = Tail::start(header(&self.config, id), writer, &own);
        let sealed = std::mem::replace(&mut self.head, next);
        let end_bytes = if why == Roll::Forced { 0 } else { sealed.room() };
        self.keep_sealed(sealed, end_bytes);
        let before = *self.heads.back().expect("a log has a head");
        self.enter_head(Some(before), is_emergency);
        self.look_at_growth();
        Ok(())
    }

    /// No memory. Wants the head that leaves out what was freed, since no append can make it now: the runner does.
    pub(super) fn full(&mut self) -> LogError {
        let is_leaving = self.segments.values().any(|s| s.membership == Membership::Leaving);
        if is_leaving || self.has_unnamed_side_log() {
            self.roll_above = self.head.id;
        }
        LogError::Full { segments: self.segments_in_use() }
    }

    /// Free frames that only forced head switches may take.
    pub(super) fn frames_kept(&self) -> usize {
        HEAD_RESERVE + self.emergency_frames_kept()
    }

    /// Free frames that only emergency heads may take.
    pub(super) fn emergency_frames_kept(&self) -> usize {
        let in_memory = |s: &&Segment| s.is_emergency && s.membership != Membership::Gone;
        let used = self.heads.iter().filter_map(|id| self.segments.get(id)).filter(in_memory).count();
        (EMERGENCY_FRAMES as usize).saturating_sub(used)
    }

    /// Makes the head that was wanted, if that is possible now. Whether there is something new for the runner.
    pub(super) fn roll_if_wanted(&mut self) -> bool {
        self.head.id <= self.roll_above && self.roll(Roll::Forced).is_ok()
    }

    /// All versions that the newest head reserved are used: the next one reserves more (V1).
    #[cold]
    pub(super) fn reserve_versions(&mut self) -> LogError {
        self.roll_above = self.head.id;
        self.roll_if_wanted();
        LogError::Busy { waiting: self.heads.len() - 1 }
    }

    /// Nothing more is appended to a segment.
    pub(super) fn keep_sealed(&mut self, tail: Tail, end_bytes: u32) {
        let id = tail.id;
        let (certificate, end, contents) = tail.seal();
        let segment = self.segments.get_mut(&id).expect("segments stay while they are filled");
        (segment.sealed, segment.end_bytes) = (Some((certificate, Some(end))), end_bytes);
        self.keep_contents(id, contents);
    }

    fn enter_head(&mut self, after: Option<SegmentId>, is_emergency: bool) {
        let segment = Segment::new(&self.head, SegmentKind::Head, Membership::Member);
        let segment = Segment { after, is_emergency, ..segment };
        self.segments.insert(self.head.id, segment);
        self.active.insert(self.head.id);
        self.heads.push_back(self.head.id);
        self.head_refuses = is_emergency;
        self.wants_append = false;
    }

    /// Ids for the digest of the new head `id`. Takes in side logs that are ready, leaves out what was freed and
    /// former emergency heads, which hold nothing.
    fn next_digest(&mut self, id: SegmentId) -> Vec<SegmentId> {
        for side in self.side_logs.values_mut().filter(|side| side.is_ready) {
            side.named_by.get_or_insert(id);
            for segment in &side.segments {
                let segment = self.segments.get_mut(segment).expect("side segments stay until dropped");
                if segment.membership == Membership::Aside {
                    segment.membership = Membership::Member;
                }
            }
            // H4: survivors come in and their victims go by one switch.
            for victim in &side.victims {
                let victim = self.segments.get_mut(victim).expect("held by the pass");
                if victim.membership == Membership::Member {
                    victim.membership = Membership::Left(id);
                }
            }
        }
        for segment in self.segments.values_mut() {
            let is_empty = segment.is_emergency && segment.membership == Membership::Member;
            if segment.membership == Membership::Leaving || is_empty {
                segment.membership = Membership::Left(id);
            }
        }
        let members = self.segments.iter().filter(|(_, s)| s.membership == Membership::Member);
        members.map(|(id, _)| *id).chain([id]).collect()
    }

    /// Segments with memory.
    pub(super) fn segments_in_use(&self) -> u32 {
        self.segments.values().filter(|s| s.membership != Membership::Gone).count() as u32
    }

    /// Whether the segment is a member by a complete switch (H4), and closed by one.
    pub(super) fn is_settled(&self, id: SegmentId) -> bool {
        let is_member = self.segments.get(&id).is_some_and(|s| s.membership == Membership::Member);
        let is_taken = self.cleaning.contains(&id);
        // Heads up to the current one, and side logs whose commit is not complete.
        let is_open_head = self.heads.contains(&id);
        is_member
            && !is_taken
            && !is_open_head
            && !self.side_logs.values().any(|side| side.segments.contains(&id))
    }

    /// Gives the segment's memory back; what the sink keeps of it is to be freed.
    pub(super) fn let_go(&mut self, id: SegmentId) {
        self.part_with(id).retire();
    }

    /// The same, but for its memory: readers may still come.
    pub(super) fn part_with(&mut self, id: SegmentId) -> FrameEnd {
        let segment = self.segments.get_mut(&id).expect("known");
        segment.membership = Membership::Gone;
        let end = segment.sealed.as_mut().and_then(|(_, end)| end.take());
        if segment.open == CallState::ToMake {
            self.forget(id);
        } else {
            self.active.insert(id);
        }
        self.cleaning.remove(&id);
        self.bury_tombstones(id);
        self.look_at_growth();
        end.expect("only sealed segments go, and only once")
    }

    /// Nothing is left of the segment, here or at the sink.
    pub(super) fn forget(&mut self, id: SegmentId) {
        let segment = self.segments.remove(&id).expect("known");
        self.active.remove(&id);
        if segment.kind == SegmentKind::Side && !self.config.rules.on(rekindle_types::Rule::C6) {
            self.reusable.push(id);
        }
    }
}

pub(super) fn header(config: &LogConfig, segment: SegmentId) -> SegmentHeader {
    SegmentHeader { log: config.log, segment, capacity: config.segment_bytes }
}

/// H7: every head starts with Digest and SafeVersion; all but emergency heads add TabletStats.
fn own_entries(digest: &[SegmentId], safe: Version, stats: Option<&[TabletStat]>) -> Vec<Vec<u8>> {
    let safe = SafeVersion(safe);
    let stats = stats.map(TabletStats::encode);
    [Digest::encode(digest), safe.encode()].into_iter().chain(stats).collect()
}
