//! All replicas of all logs, within their limits.

use super::{
    replica::Replica,
    slot::{Replaced, Slot},
};
use crate::store::{BackupError, Fill, ReplicaInfo, ReplicaState, ReplicaWrite};
use rekindle_types::{LogId, ReplicaId, Rule, Rules, SegmentId};
use std::collections::BTreeMap;

/// Replicas by log and segment.
#[derive(Debug)]
pub(super) struct Shelf {
    logs: BTreeMap<LogId, BTreeMap<SegmentId, Slot>>,
    limit: Room,
    used: Room,
    rules: Rules,
}

/// Frames, and the bytes that they may come to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

impl Room {
    fn of<'a>(replicas: impl Iterator<Item = &'a Replica>) -> Self {
        replicas.fold(Self::default(), |room, r| Self {
            frames: room.frames + 1,
            bytes: room.bytes + u64::from(r.capacity),
        })
    }

    fn without(self, other: Self) -> Self {
        Self { frames: self.frames - other.frames, bytes: self.bytes - other.bytes }
    }

    fn with(self, other: Self) -> Self {
        Self { frames: self.frames + other.frames, bytes: self.bytes + other.bytes }
    }

    fn fits(self, limit: Self) -> bool {
        self.frames <= limit.frames && self.bytes <= limit.bytes
    }
}

impl Shelf {
    pub(super) fn new(limit: Room, rules: Rules) -> Self {
        Self { logs: BTreeMap::new(), limit, used: Room::default(), rules }
    }

    /// Carries out a write, all or nothing.
    pub(super) fn write(&mut self, write: &ReplicaWrite) -> Result<(), BackupError> {
        let id = write.replica;
        let slot = self.logs.entry(id.log).or_default().entry(id.segment).or_default();
        let before = Room::of(slot.replicas());
        let room = Offer { others: self.used.without(before), limit: self.limit };
        let result = write_slot(slot, write, room, self.rules);
        self.settle(id.log, id.segment, before);
        result
    }

    /// Drops a replica and every older creation of its segment.
    pub(super) fn free(&mut self, id: ReplicaId) {
        let Some(slot) = self.logs.get_mut(&id.log).and_then(|log| log.get_mut(&id.segment)) else { return };
        let before = Room::of(slot.replicas());
        slot.free(id.creation);
        self.settle(id.log, id.segment, before);
    }

    /// Drops all of a log.
    pub(super) fn forget(&mut self, log: LogId) {
        let slots = self.logs.remove(&log).unwrap_or_default();
        self.used = self.used.without(Room::of(slots.values().flat_map(Slot::replicas)));
    }

    /// Counts a slot anew and takes it away when nothing is left in it.
    fn settle(&mut self, log: LogId, segment: SegmentId, before: Room) {
        let Some(slots) = self.logs.get_mut(&log) else { return };
        let after = slots.get(&segment).map_or(Room::default(), |slot| Room::of(slot.replicas()));
        self.used = self.used.without(before).with(after);
        if slots.get(&segment).is_some_and(Slot::is_empty) {
            slots.remove(&segment);
        }
        if slots.is_empty() {
            self.logs.remove(&log);
        }
    }

    /// Every replica of the log that counts.
    pub(super) fn list(&self, log: LogId) -> Vec<ReplicaInfo> {
        let slots = self.logs.get(&log).into_iter().flat_map(BTreeMap::values);
        slots.filter_map(|slot| slot.current.as_ref()?.info()).collect()
    }

    /// The replica with exactly this creation, if it is the one that counts.
    pub(super) fn find(&self, id: ReplicaId) -> Result<&Replica, BackupError> {
        let slot = self.logs.get(&id.log).and_then(|log| log.get(&id.segment));
        match slot.and_then(|slot| slot.current.as_ref()) {
            Some(replica) if replica.id == id => Ok(replica),
            Some(other) if id.creation < other.id.creation => {
                Err(BackupError::StaleCreation { replica: id, newest: other.id.creation })
            }
            _ => Err(BackupError::NotOpen(id)),
        }
    }

    pub(super) fn damage(&mut self, id: ReplicaId, at: usize) -> bool {
        let slot = self.logs.get_mut(&id.log).and_then(|log| log.get_mut(&id.segment));
        slot.and_then(|slot| slot.find(id.creation)).is_some_and(|replica| replica.damage(at))
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = LogId> {
        self.logs.keys().copied()
    }

    pub(super) fn used(&self) -> Room {
        self.used
    }

    /// How many replicas are open, and how many bytes all of them hold.
    pub(super) fn count(&self) -> (u64, u64) {
        let replicas = self.logs.values().flat_map(BTreeMap::values).flat_map(Slot::replicas);
        replicas.fold((0, 0), |(open, bytes), replica| {
            let is_open = replica.state() == ReplicaState::Open;
            (open + u64::from(is_open), bytes + replica.present().len() as u64)
        })
    }
}

/// Room for a segment's replicas beside all others.
#[derive(Clone, Copy)]
struct Offer {
    others: Room,
    limit: Room,
}

fn write_slot(slot: &mut Slot, write: &ReplicaWrite, room: Offer, rules: Rules) -> Result<(), BackupError> {
    let id = write.replica;
    // P3: a late call of an older creation never touches a newer one.
    if let Some(newest) = slot.newest().filter(|newest| id.creation < *newest && rules.on(Rule::P3)) {
        return Err(BackupError::StaleCreation { replica: id, newest });
    }
    match (slot.find(id.creation), write.open) {
        (Some(replica), _) => replica.apply(write)?,
        (None, None) => return Err(BackupError::NotOpen(id)),
        (None, Some(fill)) => create(slot, write, fill, room, rules)?,
    }
    slot.promote();
    Ok(())
}

/// P3: a higher creation drops what is there before it opens; all of it is one change here.
fn create(
    slot: &mut Slot,
    write: &ReplicaWrite,
    fill: Fill,
    room: Offer,
    rules: Rules,
) -> Result<(), BackupError> {
    let mut replica = Replica::new(write, fill);
    replica.apply(write)?;
    let replaced = slot.replaced_by(fill, replica.is_closed(), rules);
    let kept = match replaced {
        Replaced::All => Room::default(),
        Replaced::Pending => Room::of(slot.current.iter()),
    };
    let after = room.others.with(kept).with(Room::of(std::iter::once(&replica)));
    if !after.fits(room.limit) {
        return Err(BackupError::NoRoom { frames: room.others.frames + kept.frames });
    }
    slot.insert(replica, replaced);
    Ok(())
}
