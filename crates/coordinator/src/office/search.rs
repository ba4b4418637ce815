//! Looking for a place for a partition: another master, smaller parts of it, or nobody until there is room (L2).

use super::{failure::Failure, partition::Recovery, recover::PATIENCE, scribe::Decision};
use crate::entity::PartitionRecord;
use crate::{Batch, ClusterState, Event, change, room_beside};
use rekindle_recovery::{EvenPlanner, NextPlace, Tried, next_place};
use rekindle_types::Attempt;

/// Times that a partition waits for others to leave room before it is cut for what room there is.
const WAITS_MAX: u32 = 40;

/// What this reign knows of a partition's attempts.
#[derive(Default)]
pub(super) struct Search {
    /// Masters that failed, the latest last.
    tried: Vec<Tried>,
    /// The last attempt that failed.
    failed: Option<Attempt>,
    /// Bytes seen of each piece.
    known: Vec<u64>,
    /// How often it has waited for others.
    waits: u32,
    /// That it waits was reported.
    is_told: bool,
}

/// What was decided about a partition.
enum Move {
    /// It has a master, or has changed otherwise.
    Made,
    /// Others have its pieces.
    Cut,
    /// There is no room now.
    Waits { for_others: bool },
}

impl Search {
    /// Whether any attempt of this reign failed.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether this one did.
    pub fn has_failed_at(&self, attempt: Attempt) -> bool {
        self.failed == Some(attempt)
    }

    /// Notes a failure, of a master that has so many bytes free.
    fn note(&mut self, partition: &PartitionRecord, failure: &Failure, free: u64) {
        let master = partition.master;
        let former = self.tried.iter().find(|t| t.master == master).and_then(|t| t.short_of);
        self.tried.retain(|t| t.master != master);
        // What it frees late is no more room: once it has failed twice its numbers don't count.
        let free = if former.is_some() { u64::MAX } else { free };
        let short_of = failure.shortage.as_ref().map(|_| free);
        self.tried.push(Tried { master, short_of });
        self.failed = Some(partition.attempt);
        let pieces = failure.shortage.as_ref().map_or(&[][..], |shortage| &shortage.pieces);
        if pieces.len() == partition.pieces.len() {
            self.known.resize(pieces.len(), 0);
            for (known, seen) in self.known.iter_mut().zip(pieces) {
                *known = (*known).max(*seen);
            }
        }
    }

    /// Bytes of the partition, as far as is known by now.
    fn bytes(&self, partition: &PartitionRecord) -> u64 {
        let seen = self.known.iter().fold(0, |sum: u64, piece| sum.saturating_add(*piece));
        partition.bytes.max(seen)
    }
}

impl Recovery<'_> {
    /// Notes that the present attempt failed.
    pub fn note_failure(&self, search: &mut Search, partition: &PartitionRecord, failure: &Failure) {
        search.tried.retain(|t| self.core.is_up(t.master));
        let over = Some((self.log, partition.index));
        let room = self.core.read(|state| room_beside(state, &self.core.rooms.lock(), over));
        let free = room.masters.get(&partition.master).map_or(0, |m| m.free_bytes);
        search.note(partition, failure, free);
    }

    /// Gives the partition to the server that has room and least to do, or cuts it; waits a little when there is no
    /// room, or during a hold (F8). The bytes that are missing are reported when they are news.
    pub async fn move_on(&self, partition: &PartitionRecord, search: &mut Search) {
        self.core.until_tick(|core| !core.inner.lock().detector.is_held()).await;
        self.core.until_rooms_known().await;
        // O2: one placement after another, each against what the others have reserved.
        let planner = self.core.planner.lock().await;
        let recorded = self.core.record(|state| self.decide(&planner, state, partition, search)).await;
        drop(planner);
        let bytes = search.bytes(partition);
        match recorded {
            Ok(Move::Made) => (search.is_told, search.waits) = (false, 0),
            Ok(Move::Cut) => {
                let (dead, partition) = (self.dead, partition.index);
                self.core.observe(&Event::Cut { dead, partition, bytes });
            }
            Ok(Move::Waits { for_others }) => {
                if !std::mem::replace(&mut search.is_told, true) {
                    let index = partition.index;
                    let reason = format!(
                        "no server has room for partition {index}: {bytes} bytes of memory are missing"
                    );
                    self.core.observe(&Event::Waiting { dead: self.dead, reason });
                }
                search.waits += 1;
                // Not for changes: with many partitions that wait every change would try them all.
                self.core.clock.sleep(PATIENCE).await;
                if !for_others {
                    // Nothing is better than to try once more: what they have left may have changed and changed back.
                    search.tried.iter_mut().for_each(|t| t.short_of = None);
                }
            }
            Err(_) => self.core.clock.sleep(PATIENCE).await,
        }
    }

    fn decide(
        &self,
        planner: &EvenPlanner,
        state: &ClusterState,
        partition: &PartitionRecord,
        search: &Search,
    ) -> Decision<Move> {
        // Somebody else may have moved it on: T4 would not see that we look at an old one.
        if state.partition(self.log, partition.index) != Some(partition) {
            return Decision::Settled(Move::Made);
        }
        let (bytes, rules) = (search.bytes(partition), self.core.config.rules);
        let cut = || -> Option<Batch> { change::cut(state, partition, bytes, &search.known, rules) };
        let over = Some((self.log, partition.index));
        let room = room_beside(state, &self.core.rooms.lock(), over);
        let is_under_way = search.waits < WAITS_MAX && others_come_first(state, partition, bytes);
        let next = match change::pieces_left(state, partition, rules).is_empty() {
            true => NextPlace::Cut,
            false => next_place(planner, bytes, &room, &search.tried, is_under_way),
        };
        let batch = match next {
            NextPlace::Master(master) => Some(change::place_again(state, partition, master, bytes)),
            NextPlace::Cut => cut(),
            NextPlace::Wait | NextPlace::Park => None,
        };
        match batch {
            Some(batch) if next == NextPlace::Cut => Decision::Record(batch, Move::Cut),
            Some(batch) => Decision::Record(batch, Move::Made),
            None => self.without_place(state, partition, bytes, next == NextPlace::Wait),
        }
    }

    /// What waits reserves nothing: others may have the room meanwhile.
    fn without_place(
        &self,
        state: &ClusterState,
        partition: &PartitionRecord,
        bytes: u64,
        for_others: bool,
    ) -> Decision<Move> {
        let waits = Move::Waits { for_others };
        if state.servers().is_up(partition.master) {
            Decision::Record(change::park(state, partition, bytes), waits)
        } else {
            Decision::Settled(waits)
        }
    }
}

/// Whether others may leave room, or get it: those that are being replayed, and smaller ones that wait. One that is cut
/// for the last room there is should be the smallest.
fn others_come_first(state: &ClusterState, partition: &PartitionRecord, bytes: u64) -> bool {
    let own = (bytes, partition.crashed, partition.index);
    state
        .partitions()
        .filter(|p| p.is_open() && (p.crashed, p.index) != (own.1, own.2))
        .any(|p| state.servers().is_up(p.master) || (p.bytes, p.crashed, p.index) < own)
}
