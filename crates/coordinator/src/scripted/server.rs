//! One scripted server.

use crate::{Coordinator, OrderKind, ReplayOrder, TabletGrant};
use rekindle_backup::ReplicaInfo;
use rekindle_env::{Task, Time};
use rekindle_types::{
    KeyRange, LogId, Lsn, PartitionReport, SegmentId, ServerId, ServerRoom, Shortage, TableId, Tablet,
};
use std::{collections::BTreeMap, sync::Arc};

/// What a server does about `replay`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayScript {
    /// Commits at once, if it finds a replica of every segment.
    #[default]
    Commit,
    /// Takes the order and says nothing.
    Stall,
    /// Reports a failure.
    Fail,
    /// Refuses for want of memory.
    NoRoom,
}

/// A scripted server's state.
#[derive(Default)]
pub(super) struct Scripted {
    pub id: ServerId,
    /// The process runs.
    pub is_running: bool,
    /// Neither calls nor orders get through.
    pub is_cut_off: bool,
    /// Its calls reach this coordinator only, whoever is in office; no orders reach it.
    pub loyal_to: Option<Arc<Coordinator>>,
    /// It serves until then, on its own clock (F2).
    pub lease_until: Time,
    pub serving: Vec<TabletGrant>,
    pub reports: Vec<PartitionReport>,
    pub replay: ReplayScript,
    /// What it was told while it stalled.
    pub stalled: Vec<ReplayOrder>,
    pub orders: Vec<(Time, OrderKind)>,
    pub list: rekindle_types::ServerList,
    /// What it has left, before what it serves.
    pub room: ServerRoom,
    pub replicas: BTreeMap<LogId, Vec<ReplicaInfo>>,
    /// Its next side segment.
    pub next_segment: SegmentId,
    pub heart: Option<Task>,
}

impl Scripted {
    /// Every tablet takes a segment, or what is in it.
    pub fn room_left(&self, contents: &BTreeMap<TableId, u64>) -> ServerRoom {
        let segment_bytes = u64::from(self.room.segment_bytes);
        let of = |grant: &TabletGrant| match contents.get(&grant.table) {
            Some(bytes) => share_of(*bytes, grant.range).next_multiple_of(segment_bytes),
            None => segment_bytes,
        };
        let taken: u64 = self.serving.iter().map(of).sum();
        ServerRoom { memory_free_bytes: self.room.memory_free_bytes.saturating_sub(taken), ..self.room }
    }

    pub fn answers(&self) -> bool {
        self.is_running && !self.is_cut_off && self.loyal_to.is_none()
    }

    /// F5: the order to drop a part of the grant's range that a later batch caused, if it came first.
    pub fn dropped_since(&self, granted: Lsn, grant: &TabletGrant) -> Option<Lsn> {
        self.orders.iter().find_map(|(_, kind)| match kind {
            OrderKind::Drop { cause, table, range } if *cause > granted && *table == grant.table => {
                range.intersection(grant.range).map(|_| *cause)
            }
            _ => None,
        })
    }

    /// What an order would put there, by piece; and whether that is more than there is memory for.
    pub fn is_short_of(&self, order: &ReplayOrder, contents: &BTreeMap<TableId, u64>) -> Option<Shortage> {
        let of = |piece: &Tablet| share_of(contents.get(&piece.table).copied().unwrap_or(0), piece.range);
        let pieces: Vec<u64> = order.pieces.pieces.iter().map(of).collect();
        let ServerRoom { segment_bytes, memory_free_bytes: free, .. } = self.room_left(contents);
        let bytes: u64 = pieces.iter().sum();
        if contents.is_empty() || bytes.next_multiple_of(segment_bytes.into()) <= free {
            return None;
        }
        let seen = |piece: u64| u128::from(piece) * u128::from(free) / u128::from(bytes);
        Some(Shortage { pieces: pieces.into_iter().map(|piece| seen(piece) as u64).collect() })
    }

    pub fn is_serving(&self, now: Time) -> bool {
        self.is_running && now < self.lease_until
    }
}

/// What a range has of the bytes of a table.
fn share_of(bytes: u64, range: KeyRange) -> u64 {
    let width = u128::from(range.last().0 - range.first().0) + 1;
    ((u128::from(bytes) * width) >> 64) as u64
}
