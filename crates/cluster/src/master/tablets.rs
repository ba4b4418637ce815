//! The tablets that a master serves or takes (T5).

use super::{OrderLedger, OrderTag, Verdict};
use parking_lot::RwLock;
use rekindle_types::{KeyHash, KeyRange, Lsn, Rule, Rules, SegmentId, TableId, TabletVersion};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

/// A tablet as its calls see it while they hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldTablet {
    /// The table.
    pub table: TableId,
    /// Its hashes.
    pub range: KeyRange,
    /// Its version.
    pub version: TabletVersion,
}

/// Why a call may not touch a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHeld {
    /// The caller's map is older than what this master knows: refresh it.
    WrongMaster,
    /// The caller's map is newer than what this master knows, or the tablet is changing just now: try again.
    Retry,
}

/// A tablet in a status snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TabletStatus {
    /// The table.
    pub table: TableId,
    /// Its hashes.
    pub range: KeyRange,
    /// Its version and creation position when it is served, `None` while it is being taken.
    pub serving: Option<(TabletVersion, SegmentId)>,
}

/// Which ranges this master serves, which it is taking, and the order of the orders about them.
///
/// Lock order: the map before a tablet; calls release the map before they take the tablet. A tablet's lock is
/// held over synchronous work only, never over an await.
#[derive(Debug)]
pub struct Tablets {
    rules: Rules,
    map: RwLock<Map>,
}

#[derive(Debug)]
struct Map {
    /// Disjoint, by table and first hash.
    slots: BTreeMap<(TableId, KeyHash), Arc<Slot>>,
    ledger: OrderLedger,
}

/// A range, and who is at work in it. Never changes its state but to `Gone`: another state is another slot.
#[derive(Debug)]
struct Slot {
    table: TableId,
    range: KeyRange,
    state: RwLock<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving { version: TabletVersion, created: SegmentId },
    Taking,
    Gone,
}

/// A range that no new call can enter; calls that are in it may still be at work until [`Exclusion::wait`].
#[derive(Debug)]
#[must_use = "calls may still be at work in the range"]
pub struct Exclusion(Vec<Arc<Slot>>);

impl Exclusion {
    /// Waits until the last call has left the range. Calls hold a tablet for synchronous work only.
    pub fn wait(self) {
        self.0.iter().for_each(|slot| *slot.state.write() = State::Gone);
    }

    /// Whether the last call has left.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.0.iter().all(|slot| slot.state.try_write().is_some())
    }
}

impl Tablets {
    /// Serves nothing.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, map: RwLock::new(Map { slots: BTreeMap::new(), ledger: OrderLedger::new(rules) }) }
    }

    /// T5: whether the check of a tablet and the work that it guards have to be one.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.rules.on(Rule::T5)
    }

    /// Runs `work` under a shared hold of the tablet that `hash` belongs to, if the caller's version fits.
    /// `work` must not wait for anything.
    pub fn with<T>(
        &self,
        table: TableId,
        hash: KeyHash,
        version: TabletVersion,
        work: impl FnOnce(HeldTablet) -> T,
    ) -> Result<T, NotHeld> {
        self.with_all([(table, hash, version)], |held| held[0].map(work))
    }

    /// Runs `work` under shared holds of all tablets that these hashes belong to, with the hold of each, or why it
    /// has none. `work` must not wait for anything.
    pub fn with_all<T>(
        &self,
        calls: impl IntoIterator<Item = (TableId, KeyHash, TabletVersion)>,
        work: impl FnOnce(&[Result<HeldTablet, NotHeld>]) -> T,
    ) -> T {
        let mut slots: Vec<Arc<Slot>> = Vec::new();
        let found: Vec<Result<Found, NotHeld>> = {
            let map = self.map.read();
            let mut last = 0;
            let find = |(table, hash, version)| {
                // Calls of one request are often for one tablet.
                if slots.get(last).is_none_or(|slot| slot.table != table || !slot.range.contains(hash)) {
                    let slot = map.serving(table, hash, version)?;
                    last = slots.iter().position(|known| Arc::ptr_eq(known, slot)).unwrap_or(slots.len());
                    if last == slots.len() {
                        slots.push(slot.clone());
                    }
                }
                Ok(Found { slot: last, version })
            };
            calls.into_iter().map(find).collect()
        };
        // Only the end of a tablet's present life holds it exclusively: the next try sees what came of it.
        let holds: Vec<_> = slots.iter().map(|slot| slot.state.try_read()).collect();
        let hold = |found: Found| {
            let slot = &slots[found.slot];
            let state = holds[found.slot].as_ref().ok_or(NotHeld::Retry)?;
            let State::Serving { version: own, .. } = **state else { return Err(NotHeld::Retry) };
            let held = HeldTablet { table: slot.table, range: slot.range, version: own };
            match found.version.cmp(&own) {
                Ordering::Equal => Ok(held),
                // T5, switched off: whatever version the caller knows.
                _ if !self.holds() => Ok(held),
                Ordering::Greater => Err(NotHeld::Retry),
                Ordering::Less => Err(NotHeld::WrongMaster),
            }
        };
        let held: Vec<_> = found.into_iter().map(|found| found.and_then(hold)).collect();
        // T5: the check, and the work that it guards, under one hold. Else a drop fits in between, and the work
        // is done in a range that is another master's by then.
        if !self.holds() {
            drop(holds);
            return work(&held);
        }
        let done = work(&held);
        drop(holds);
        done
    }

    /// Judges an order about `ranges` (F5).
    #[must_use]
    pub fn judge(&self, ranges: &[(TableId, KeyRange)], cause: Lsn, tag: OrderTag) -> Verdict {
        self.map.read().ledger.judge_all(ranges.iter().copied(), cause, tag)
    }

    /// The parts of a range that were taken by this order and neither served nor dropped since.
    #[must_use]
    pub fn taken_by(&self, table: TableId, range: KeyRange, cause: Lsn) -> Vec<KeyRange> {
        self.map.read().ledger.parts_of(table, range, cause, OrderTag::Replay)
    }

    /// Starts to take a range: it is closed to calls until [`Tablets::serve`]. What it holds must be purged
    /// after the wait (T2).
    pub fn take(&self, table: TableId, range: KeyRange, cause: Lsn) -> Exclusion {
        self.replace(table, range, Some(State::Taking), cause, OrderTag::Replay)
    }

    /// Serves a range from now on.
    pub fn serve(
        &self,
        table: TableId,
        range: KeyRange,
        version: TabletVersion,
        created: SegmentId,
        cause: Lsn,
    ) {
        self.replace(table, range, Some(State::Serving { version, created }), cause, OrderTag::Serve).wait();
    }

    /// Stops serving or taking a range. What it holds may be purged after the wait.
    pub fn drop_range(&self, table: TableId, range: KeyRange, cause: Lsn, tag: OrderTag) -> Exclusion {
        self.replace(table, range, None, cause, tag)
    }

    /// Stops serving everything: this server is no member any more.
    pub fn clear(&self) -> Exclusion {
        let slots = std::mem::take(&mut self.map.write().slots);
        Exclusion(slots.into_values().collect())
    }

    /// What it serves and takes, by table and hash.
    #[must_use]
    pub fn status(&self) -> Vec<TabletStatus> {
        let map = self.map.read();
        let status = |slot: &Arc<Slot>| TabletStatus {
            table: slot.table,
            range: slot.range,
            serving: match *slot.state.read() {
                State::Serving { version, created } => Some((version, created)),
                State::Taking | State::Gone => None,
            },
        };
        map.slots.values().map(status).collect()
    }

    /// Puts a new state in place of all that overlaps with `range`; what lies outside stays as it is.
    fn replace(
        &self,
        table: TableId,
        range: KeyRange,
        state: Option<State>,
        cause: Lsn,
        tag: OrderTag,
    ) -> Exclusion {
        let mut map = self.map.write();
        let former = map.overlapping(table, range);
        for slot in &former {
            map.slots.remove(&(table, slot.range.first()));
            // Readers hold it for synchronous work only, and never wait for the map meanwhile.
            let kept = *slot.state.read();
            slot.range.without(range).into_iter().for_each(|rest| map.insert(table, rest, kept));
        }
        if let Some(state) = state {
            map.insert(table, range, state);
        }
        map.ledger.record(table, range, cause, tag);
        Exclusion(former)
    }
}

/// The slot of a call among those of its request, and what the call knows.
#[derive(Clone, Copy)]
struct Found {
    slot: usize,
    version: TabletVersion,
}

impl Map {
    /// The serving slot of a hash, or how its absence compares with what the caller knows.
    fn serving(&self, table: TableId, hash: KeyHash, version: TabletVersion) -> Result<&Arc<Slot>, NotHeld> {
        let found = self.slots.range((table, KeyHash(0))..=(table, hash)).next_back();
        match found {
            Some((_, slot)) if slot.range.contains(hash) && *slot.state.read() != State::Taking => Ok(slot),
            // A tablet's version is the number of the batch that granted it: it compares with that of the last
            // order acted on here.
            _ if version.0 > self.ledger.newest(table, hash).0 => Err(NotHeld::Retry),
            _ => Err(NotHeld::WrongMaster),
        }
    }

    fn overlapping(&self, table: TableId, range: KeyRange) -> Vec<Arc<Slot>> {
        let before = self.slots.range((table, KeyHash(0))..(table, range.first())).next_back();
        let within = self.slots.range((table, range.first())..=(table, range.last()));
        let overlaps = |slot: &&Arc<Slot>| slot.range.intersection(range).is_some();
        before.into_iter().chain(within).map(|(_, slot)| slot).filter(overlaps).cloned().collect()
    }

    fn insert(&mut self, table: TableId, range: KeyRange, state: State) {
        let slot = Slot { table, range, state: RwLock::new(state) };
        self.slots.insert((table, range.first()), Arc::new(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableId = TableId(1);

    fn range(first: u64, last: u64) -> KeyRange {
        KeyRange::new(KeyHash(first), KeyHash(last)).unwrap()
    }

    fn serving(version: u64) -> Tablets {
        let tablets = Tablets::new(Rules::default());
        tablets.serve(TABLE, range(100, 199), TabletVersion(version), SegmentId(0), Lsn(version));
        tablets
    }

    fn call(tablets: &Tablets, hash: u64, version: u64) -> Result<KeyRange, NotHeld> {
        tablets.with(TABLE, KeyHash(hash), TabletVersion(version), |held| held.range)
    }

    #[test]
    fn calls_must_know_the_tablets_version() {
        let tablets = serving(5);
        assert_eq!(call(&tablets, 100, 5), Ok(range(100, 199)));
        assert_eq!(call(&tablets, 199, 5), Ok(range(100, 199)));
        assert_eq!(call(&tablets, 150, 4), Err(NotHeld::WrongMaster));
        assert_eq!(call(&tablets, 150, 6), Err(NotHeld::Retry));
    }

    #[test]
    fn who_knows_more_than_the_master_waits_and_who_knows_less_refreshes() {
        let tablets = serving(5);
        assert_eq!(call(&tablets, 200, 5), Err(NotHeld::Retry), "never heard of it");
        tablets.drop_range(TABLE, range(100, 149), Lsn(8), OrderTag::Drop).wait();
        assert_eq!(call(&tablets, 120, 5), Err(NotHeld::WrongMaster));
        assert_eq!(call(&tablets, 120, 9), Err(NotHeld::Retry));
        assert_eq!(call(&tablets, 150, 5), Ok(range(150, 199)), "the rest is served on");
    }

    #[test]
    fn a_range_being_taken_serves_nobody() {
        let tablets = serving(5);
        tablets.take(TABLE, range(100, 199), Lsn(7)).wait();
        assert_eq!(call(&tablets, 120, 5), Err(NotHeld::WrongMaster));
        assert_eq!(call(&tablets, 120, 8), Err(NotHeld::Retry));
        tablets.serve(TABLE, range(100, 199), TabletVersion(8), SegmentId(3), Lsn(8));
        assert_eq!(call(&tablets, 120, 8), Ok(range(100, 199)));
    }

    #[test]
    fn calls_of_one_request_are_judged_each_for_itself() {
        let tablets = serving(5);
        tablets.serve(TABLE, range(200, 299), TabletVersion(7), SegmentId(0), Lsn(7));
        let calls = [(100, 5), (250, 7), (150, 4), (199, 5), (250, 8), (300, 1), (300, 0)];
        let calls = calls.map(|(hash, version)| (TABLE, KeyHash(hash), TabletVersion(version)));
        let held =
            tablets.with_all(calls, |held| held.iter().map(|h| h.map(|h| h.range)).collect::<Vec<_>>());
        let (first, second) = (range(100, 199), range(200, 299));
        let (retry, wrong) = (Err(NotHeld::Retry), Err(NotHeld::WrongMaster));
        assert_eq!(held, [Ok(first), Ok(second), wrong, Ok(first), retry, retry, wrong]);
    }

    #[test]
    fn a_request_holds_all_its_tablets() {
        let tablets = serving(5);
        tablets.serve(TABLE, range(200, 299), TabletVersion(7), SegmentId(0), Lsn(7));
        let calls = [(150, 5), (250, 7)].map(|(h, v)| (TABLE, KeyHash(h), TabletVersion(v)));
        let exclusion = tablets.with_all(calls, |_| {
            let exclusion = tablets.drop_range(TABLE, range(0, 999), Lsn(8), OrderTag::Drop);
            assert!(!exclusion.is_alone());
            exclusion
        });
        assert!(exclusion.is_alone());
        exclusion.wait();
    }

    #[test]
    fn a_drop_is_not_alone_while_a_call_is_at_work() {
        let tablets = serving(5);
        let exclusion = tablets
            .with(TABLE, KeyHash(150), TabletVersion(5), |_| {
                let exclusion = tablets.drop_range(TABLE, range(100, 199), Lsn(6), OrderTag::Drop);
                assert!(!exclusion.is_alone());
                assert_eq!(call(&tablets, 150, 5), Err(NotHeld::WrongMaster), "no new call enters");
                exclusion
            })
            .unwrap();
        assert!(exclusion.is_alone());
        exclusion.wait();
    }
}
