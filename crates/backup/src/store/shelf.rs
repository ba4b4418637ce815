//! All replicas of all logs, within their limits.

use super::{
    replica::{Applied, Replica},
    slot::{Replaced, Slot},
};
use crate::store::{BackupError, Fill, ReplicaInfo, ReplicaState, ReplicaWrite};
use rekindle_types::{CreationNumber, LogId, ReplicaId, Rule, Rules, SegmentId};
use std::collections::BTreeMap;

/// Replicas by log and segment.
#[derive(Debug)]
pub(crate) struct Shelf {
    logs: BTreeMap<LogId, BTreeMap<SegmentId, Slot>>,
    limit: Room,
    used: Room,
    reopened: u64,
    rules: Rules,
}

/// Frames, and the bytes that they may come to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
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

/// What a write did that was taken.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// It made the replica.
    pub(crate) is_opened: bool,
    /// What it did to the replica.
    pub(crate) applied: Applied,
    /// Replicas of the segment that it took the place of, older ones first.
    pub(crate) dropped: Vec<Replica>,
}

impl Shelf {
    pub(crate) fn new(limit: Room, rules: Rules) -> Self {
        Self { logs: BTreeMap::new(), limit, used: Room::default(), reopened: 0, rules }
    }

    /// Carries out a write, all or nothing.
    pub(crate) fn write(&mut self, write: &ReplicaWrite) -> Result<Effect, BackupError> {
        let id = write.replica;
        let slot = self.logs.entry(id.log).or_default().entry(id.segment).or_default();
        let before = Room::of(slot.replicas());
        let room = Offer { others: self.used.without(before), limit: self.limit };
        let result = write_slot(slot, write, room, self.rules);
        let is_closed = |replica: &Replica| replica.is_closed();
        if result.as_ref().is_ok_and(|effect| effect.dropped.iter().any(is_closed))
            && !slot.current.as_ref().is_some_and(is_closed)
        {
            self.reopened += 1;
        }
        self.settle(id.log, id.segment, before);
        result
    }

    /// Puts in what was found on a disk, whatever the limits are now.
    pub(crate) fn restore(&mut self, replica: Replica) {
        let (log, segment) = (replica.id.log, replica.id.segment);
        let slot = self.logs.entry(log).or_default().entry(segment).or_default();
        let before = Room::of(slot.replicas());
        slot.insert(replica, Replaced::All);
        self.settle(log, segment, before);
    }

    /// Lets a replica count again that was replaced by one that is gone, unless another counts.
    pub(crate) fn put_back(&mut self, replica: Replica) {
        let (log, segment) = (replica.id.log, replica.id.segment);
        let slot = self.logs.entry(log).or_default().entry(segment).or_default();
        let before = Room::of(slot.replicas());
        slot.current.get_or_insert(replica);
        self.settle(log, segment, before);
    }

    /// The creation that counts of a segment.
    pub(crate) fn current(&self, log: LogId, segment: SegmentId) -> Option<CreationNumber> {
        Some(self.logs.get(&log)?.get(&segment)?.current.as_ref()?.id.creation)
    }

    /// Drops a replica and every older creation of its segment, and gives them.
    pub(crate) fn free(&mut self, id: ReplicaId) -> Vec<Replica> {
        let slot = self.logs.get_mut(&id.log).and_then(|log| log.get_mut(&id.segment));
        let Some(slot) = slot else { return Vec::new() };
        let before = Room::of(slot.replicas());
        let freed = slot.free(id.creation);
        self.settle(id.log, id.segment, before);
        freed
    }

    /// Drops all of a log, and gives it.
    pub(crate) fn forget(&mut self, log: LogId) -> Vec<Replica> {
        let slots = self.logs.remove(&log).unwrap_or_default();
        self.used = self.used.without(Room::of(slots.values().flat_map(Slot::replicas)));
        slots.into_values().flat_map(|slot| slot.current.into_iter().chain(slot.pending)).collect()
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

    /// Every replica of the log that counts, by segment, without the digests.
    pub(crate) fn list(&self, log: LogId) -> Vec<ReplicaInfo> {
        let slots = self.logs.get(&log).into_iter().flat_map(BTreeMap::values);
        slots.filter_map(|slot| slot.current.as_ref()?.info()).collect()
    }

    /// The same of all logs, with the digests of open ones.
    pub(crate) fn list_all(&self) -> Vec<ReplicaInfo> {
        let slots = self.logs.values().flat_map(BTreeMap::values);
        let info = |replica: &Replica| {
            let digest = if replica.is_closed() { None } else { replica.digest() };
            Some(ReplicaInfo { digest, ..replica.info()? })
        };
        slots.filter_map(|slot| info(slot.current.as_ref()?)).collect()
    }

    /// The replica with exactly this creation, if it is the one that counts.
    pub(crate) fn find(&self, id: ReplicaId) -> Result<&Replica, BackupError> {
        let slot = self.logs.get(&id.log).and_then(|log| log.get(&id.segment));
        match slot.and_then(|slot| slot.current.as_ref()) {
            Some(replica) if replica.id == id => Ok(replica),
            Some(other) if id.creation < other.id.creation => {
                Err(BackupError::StaleCreation { replica: id, newest: other.id.creation })
            }
            _ => Err(BackupError::NotOpen(id)),
        }
    }

    /// The replica of exactly this creation, whether it counts or not.
    pub(crate) fn get_mut(&mut self, id: ReplicaId) -> Option<&mut Replica> {
        self.logs.get_mut(&id.log)?.get_mut(&id.segment)?.find(id.creation)
    }

    /// The same, to look at.
    pub(crate) fn get(&self, id: ReplicaId) -> Option<&Replica> {
        self.logs.get(&id.log)?.get(&id.segment)?.replicas().find(|replica| replica.id == id)
    }

    /// Lets open replicas that are listed take nothing any more (J5).
    pub(crate) fn freeze_growing(&mut self) {
        let slots = self.logs.values_mut().flat_map(BTreeMap::values_mut);
        let current = slots.filter_map(|slot| slot.current.as_mut());
        current.filter(|replica| replica.certificate().is_some()).for_each(Replica::freeze);
    }

    /// All replicas.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.logs.values().flat_map(BTreeMap::values).flat_map(Slot::replicas)
    }

    pub(crate) fn damage(&mut self, id: ReplicaId, at: usize) -> bool {
        self.get_mut(id).is_some_and(|replica| replica.damage(at))
    }

    pub(crate) fn logs(&self) -> impl Iterator<Item = LogId> {
        self.logs.keys().copied()
    }

    pub(crate) fn reopened(&self) -> u64 {
        self.reopened
    }

    pub(crate) fn used(&self) -> Room {
        self.used
    }

    /// How many replicas are open, and how many bytes all of them hold.
    pub(crate) fn count(&self) -> (u64, u64) {
        self.replicas().fold((0, 0), |(open, bytes), replica| {
            let is_open = replica.state() == ReplicaState::Open;
            (open + u64::from(is_open), bytes + replica.len() as u64)
        })
    }
}

/// Room for a segment's replicas beside all others.
#[derive(Clone, Copy)]
struct Offer {
    others: Room,
    limit: Room,
}

fn write_slot(
    slot: &mut Slot,
    write: &ReplicaWrite,
    room: Offer,
    rules: Rules,
) -> Result<Effect, BackupError> {
    let id = write.replica;
    // P3: a late call of an older creation never touches a newer one.
    if let Some(newest) = slot.newest().filter(|newest| id.creation < *newest && rules.on(Rule::P3)) {
        return Err(BackupError::StaleCreation { replica: id, newest });
    }
    let mut effect = match (slot.find(id.creation), write.open) {
        (Some(replica), _) => Effect { applied: replica.apply(write)?, ..Effect::default() },
        (None, None) => return Err(BackupError::NotOpen(id)),
        (None, Some(fill)) => create(slot, write, fill, room, rules)?,
    };
    effect.dropped.extend(slot.promote());
    Ok(effect)
}

/// P3: a higher creation drops what is there before it opens; all of it is one change here.
fn create(
    slot: &mut Slot,
    write: &ReplicaWrite,
    fill: Fill,
    room: Offer,
    rules: Rules,
) -> Result<Effect, BackupError> {
    let mut replica = Replica::new(write, fill, rules);
    let applied = replica.apply(write)?;
    let replaced = slot.replaced_by(fill, replica.is_closed(), rules);
    let kept = match replaced {
        Replaced::All => Room::default(),
        Replaced::Pending => Room::of(slot.current.iter()),
    };
    let after = room.others.with(kept).with(Room::of(std::iter::once(&replica)));
    if !after.fits(room.limit) {
        return Err(BackupError::NoRoom { frames: room.others.frames + kept.frames });
    }
    Ok(Effect { is_opened: true, applied, dropped: slot.insert(replica, replaced) })
}
