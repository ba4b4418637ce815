//! One pass: some segments become fewer.

use super::plan::{Item, Needed, Plan};
use crate::log::{Victim, Victims};
use crate::segment::{Entry, SegmentHeader};
use crate::store::{BATCH, Candidate, Store};
use crate::{EntryRef, LogError, SideLog};
use rekindle_types::SegmentId;
use std::sync::Arc;

/// A pass: moves what is needed of its victims to survivors, then brings these into the log and takes the victims out
/// of it, by one switch.
///
/// Dropped before it has moved anything it leaves no trace. Dropped later, its survivors join the log, and neither
/// they nor its victims are cleaned again (C3).
pub struct Pass {
    store: Arc<Store>,
    content: Vec<Victim>,
    needed: Needed,
    items: Vec<Item>,
    /// The first item that was not looked at.
    next: usize,
    moved_bytes: u64,
    survivors: SideLog,
    victims: Victims,
}

/// What a pass has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Segments that have left the log.
    pub victims: u32,
    /// Segments that have come instead.
    pub survivors: u32,
    /// Bytes of entries that were moved.
    pub moved_bytes: u64,
}

impl Pass {
    /// Plans to clean these segments, which walks them. `None` when one of them can't be cleaned now, when nothing
    /// would be won, or when there is no memory for the survivors.
    #[must_use]
    pub fn begin(store: &Arc<Store>, segments: &[SegmentId]) -> Option<Self> {
        let log = store.log();
        let victims = log.take_victims(segments)?;
        let in_log = log.in_log();
        let needed = Needed::new(store, in_log, segments);
        let content = segments.iter().map(|segment| log.victim(*segment)).collect::<Option<Vec<_>>>()?;
        let capacity = log.config().segment_bytes as usize - SegmentHeader::LEN;
        let plan = Plan::of(store, &content, &needed, capacity);
        let wins = (plan.survivors as usize) < segments.len();
        let survivors = if wins { log.survivors(plan.survivors) } else { None };
        let Some(survivors) = survivors else {
            // The next choice is made by what is known now.
            for (segment, found) in segments.iter().zip(plan.found) {
                victims.correct(*segment, found.live_bytes, found.named, plan.end_bytes);
            }
            return None;
        };
        let items = plan.items;
        Some(Self {
            store: Arc::clone(store),
            content,
            needed,
            items,
            next: 0,
            moved_bytes: 0,
            survivors,
            victims,
        })
    }

    /// Moves up to so many entries; true when none is left. After [`LogError::Full`], which only heads that were made
    /// out of turn can cause, it is to be called again later.
    pub fn step(&mut self, entries: usize) -> Result<bool, LogError> {
        self.step_within(entries, u64::MAX)
    }

    /// The same, until so many bytes were moved.
    pub fn step_within(&mut self, entries: usize, bytes: u64) -> Result<bool, LogError> {
        let most = self.moved_bytes.saturating_add(bytes);
        let end = self.items.len().min(self.next.saturating_add(entries));
        let mut lane = self.survivors.lane(0);
        let mut batch: Vec<(Candidate<'_>, bool)> = Vec::with_capacity(BATCH);
        while self.next < end && self.moved_bytes < most {
            batch.clear();
            let items = &self.items[self.next..end.min(self.next + BATCH)];
            batch.extend(items.iter().map(|item| (candidate(&self.content, item), item.was_alive)));
            batch.iter().for_each(|(candidate, _)| self.store.prefetch_rest(candidate));
            for (candidate, was_alive) in &batch {
                let needed = |named| self.needed.is(named);
                let moved = self.store.relocate(candidate, *was_alive, &mut lane, needed)?;
                if moved > 0 {
                    self.victims.keep();
                }
                self.moved_bytes += moved;
                self.next += 1;
                if self.moved_bytes >= most {
                    break;
                }
            }
        }
        Ok(self.next == self.items.len())
    }

    /// Bytes of entries that were moved so far.
    #[must_use]
    pub fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }

    /// Commits what was moved, once all was: that is under way when this returns. The future resolves when the victims
    /// have left the log and their memory may be used again.
    ///
    /// # Panics
    /// When entries are left to be moved.
    pub fn commit(self) -> Result<impl Future<Output = Result<Passed, LogError>> + Send + 'static, LogError> {
        let Self { store, content, needed, items, next, moved_bytes, survivors, victims } = self;
        assert_eq!(next, items.len(), "C3: a pass that has moved an entry is finished");
        drop(content);
        let (left, came) = (victims.segments().len() as u32, survivors.segments().len() as u32);
        let passed = Passed { victims: left, survivors: came, moved_bytes };
        let replaced = victims.replace_by(survivors)?;
        Ok(async move {
            let cleaned = replaced.await?;
            // Whoever found a reference to an entry that died during the pass may still follow it.
            store.pass_all_stripes();
            drop(cleaned);
            needed.oldest().inspect(|oldest| store.forget_lives_below(*oldest));
            Ok(passed)
        })
    }
}

fn candidate<'a>(content: &'a [Victim], item: &Item) -> Candidate<'a> {
    let victim = &content[item.victim as usize];
    let entry = Entry::decode(&victim.bytes[item.offset as usize..], item.offset).expect("walked before");
    let at = EntryRef::new(victim.slot, item.offset);
    Candidate::of(entry, at, victim.segment).expect("an object or a tombstone, as before")
}
