//! What a pass will move: a walk over its victims, before anything is moved.

use super::pack::Packing;
use crate::EntryRef;
use crate::log::Victim;
use crate::segment::{LogTime, SegmentHeader, entries};
use crate::store::{BATCH, Candidate, Rest, Store};
use rekindle_types::{Rule, SegmentId};
use std::collections::{BTreeMap, BTreeSet};

/// An entry that is to be moved, if it is still needed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// The oldest come first, so that what is of one age stays together.
    written: LogTime,
    /// Place among the victims.
    pub(super) victim: u32,
    /// In the segment.
    pub(super) offset: u32,
    /// An object, and alive.
    pub(super) was_alive: bool,
}

/// For which segments tombstones are needed.
pub(super) struct Needed {
    /// C3: in the log when the pass began; no entry of a victim names a later one.
    in_log: BTreeSet<SegmentId>,
    /// Those that leave with the tombstones themselves, by one switch.
    victims: BTreeSet<SegmentId>,
    is_strict: bool,
}

impl Needed {
    pub(super) fn new(store: &Store, in_log: BTreeSet<SegmentId>, victims: &[SegmentId]) -> Self {
        let is_strict = store.rules().on(Rule::C3);
        Self { in_log, victims: victims.iter().copied().collect(), is_strict }
    }

    /// C3: a tombstone dies when the segment that it names has left the log by a complete switch, or does by the very
    /// one by which it would.
    pub(super) fn is(&self, named: SegmentId) -> bool {
        self.is_strict && self.in_log.contains(&named) && !self.victims.contains(&named)
    }

    /// The oldest segment of the log.
    pub(super) fn oldest(&self) -> Option<SegmentId> {
        self.in_log.difference(&self.victims).next().copied()
    }
}

/// What is known of one victim.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) live_bytes: u64,
    /// Bytes of tombstones among that, by the segment that they name.
    pub(super) named: BTreeMap<SegmentId, u64>,
}

/// What a walk has found.
pub(super) struct Plan {
    /// In the order in which they are to be moved.
    pub(super) items: Vec<Item>,
    /// Segments that they fill.
    pub(super) survivors: u32,
    /// What a segment of such entries loses at its end.
    pub(super) end_bytes: u32,
    /// By victim.
    pub(super) found: Vec<Found>,
}

impl Plan {
    /// Walks the victims. `capacity` is what a segment takes in entries.
    pub(super) fn of(store: &Store, victims: &[Victim], needed: &Needed, capacity: usize) -> Self {
        let mut items = Vec::new();
        let mut found = Vec::new();
        for (place, victim) in victims.iter().enumerate() {
            found.push(walk(store, place as u32, victim, needed, &mut items));
        }
        items.sort_unstable_by_key(|(item, _)| *item);
        let mut packing = Packing::new(capacity);
        items.iter().for_each(|(_, bytes)| packing.add(*bytes as usize));
        let sum: usize = items.iter().map(|(_, bytes)| *bytes as usize).sum();
        let end_bytes = if sum == 0 { 0 } else { capacity - capacity * sum / packing.bytes() };
        let items = items.into_iter().map(|(item, _)| item).collect();
        Self { items, survivors: packing.segments(), end_bytes: end_bytes as u32, found }
    }
}

/// Adds what is needed of a victim, each with the bytes that it takes.
fn walk(store: &Store, place: u32, victim: &Victim, needed: &Needed, items: &mut Vec<(Item, u32)>) -> Found {
    let mut found = Found::default();
    let mut walk = candidates(victim);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        batch.extend(walk.by_ref().take(BATCH));
        if batch.is_empty() {
            return found;
        }
        batch.iter().for_each(|candidate| store.prefetch_rest(candidate));
        for candidate in &batch {
            // Victims that leave too count here: the pass may come to nothing.
            let rest = store.rest_now(candidate, |named| needed.in_log.contains(&named));
            let bytes = rest.bytes(candidate) as u32;
            found.live_bytes += u64::from(bytes);
            let names = rest.names(candidate);
            if let Some(names) = names {
                *found.named.entry(names).or_default() += u64::from(bytes);
            }
            if bytes > 0 && names.is_none_or(|names| needed.is(names)) {
                let (offset, was_alive) = (candidate.at.offset(), matches!(rest, Rest::Object(_)));
                items.push((Item { written: candidate.written(), victim: place, offset, was_alive }, bytes));
            }
        }
    }
}

fn candidates(victim: &Victim) -> impl Iterator<Item = Candidate<'_>> {
    let first = SegmentHeader::LEN as u32;
    entries(&victim.bytes[SegmentHeader::LEN..]).filter_map(move |entry| {
        let entry = entry.expect("the log wrote it");
        let at = EntryRef::new(victim.slot, first + entry.offset);
        Candidate::of(entry, at, victim.segment)
    })
}
