//! The order of orders about ranges (F5).

use rekindle_types::{KeyHash, KeyRange, Lsn, Rule, Rules, TableId};
use std::collections::BTreeMap;

/// What kind of order was acted on. One batch may cause orders of several kinds about one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderTag {
    /// Take a range and replay into it.
    Replay,
    /// Serve it.
    Serve,
    /// Stop serving it.
    Drop,
    /// Forget what was replayed into it.
    Discard,
}

/// Whether an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Newer than all that was done to its range: carry it out, then [`OrderLedger::record`] it.
    Act,
    /// Carried out before: answer as then.
    Repeat,
    /// A later order about part of its range was carried out: refuse.
    Superseded(Lsn),
}

/// For every part of every table's hash range the highest order acted on, also for ranges dropped since.
///
/// Neighbours that were changed by the same order are one part: a table that was dropped as a whole costs one
/// part, and table ids are never reused, so the ledger grows with tablets and dropped tables only.
#[derive(Clone, Debug, Default)]
pub struct OrderLedger {
    rules: Rules,
    tables: BTreeMap<TableId, BTreeMap<KeyHash, Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    last: KeyHash,
    cause: Lsn,
    tag: OrderTag,
}

impl OrderLedger {
    /// Nothing was ordered yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, tables: BTreeMap::new() }
    }

    /// Judges an order of the batch `cause` about `range`.
    #[must_use]
    pub fn judge(&self, table: TableId, range: KeyRange, cause: Lsn, tag: OrderTag) -> Verdict {
        // F5: without it a late copy of an older order undoes what came after it.
        if !self.rules.on(Rule::F5) {
            return Verdict::Act;
        }
        let (mut newest, mut repeated) = (Lsn(0), 0u128);
        for (part, at) in self.overlapping(table, range) {
            newest = newest.max(part.cause);
            if (part.cause, part.tag) == (cause, tag) {
                repeated += hashes(at);
            }
        }
        if newest > cause {
            Verdict::Superseded(newest)
        } else if repeated == hashes(range) {
            Verdict::Repeat
        } else {
            Verdict::Act
        }
    }

    /// Judges an order about several ranges: it is carried out on all of them or on none.
    #[must_use]
    pub fn judge_all(
        &self,
        ranges: impl IntoIterator<Item = (TableId, KeyRange)>,
        cause: Lsn,
        tag: OrderTag,
    ) -> Verdict {
        let mut all = Verdict::Repeat;
        for (table, range) in ranges {
            match self.judge(table, range, cause, tag) {
                Verdict::Superseded(by) => return Verdict::Superseded(by),
                Verdict::Act => all = Verdict::Act,
                Verdict::Repeat => {}
            }
        }
        all
    }

    /// Notes an order that was carried out.
    pub fn record(&mut self, table: TableId, range: KeyRange, cause: Lsn, tag: OrderTag) {
        let touched: Vec<_> = self.overlapping(table, range).map(|(part, at)| (part, at.first())).collect();
        let parts = self.tables.entry(table).or_default();
        for (part, _) in &touched {
            parts.remove(&part.first);
            let whole = KeyRange::new(part.first, part.last).expect("parts are never empty");
            for rest in whole.without(range) {
                parts.insert(rest.first(), Part { last: rest.last(), cause: part.cause, tag: part.tag });
            }
        }
        parts.insert(range.first(), Part { last: range.last(), cause, tag });
        Self::merge(parts, range);
    }

    /// The highest order acted on at a hash; zero for none.
    #[must_use]
    pub fn newest(&self, table: TableId, hash: KeyHash) -> Lsn {
        let at = KeyRange::new(hash, hash).expect("one hash is a range");
        self.overlapping(table, at).map(|(part, _)| part.cause).max().unwrap_or_default()
    }

    /// The parts of a range about which nothing newer was ordered than this order.
    #[must_use]
    pub fn parts_of(&self, table: TableId, range: KeyRange, cause: Lsn, tag: OrderTag) -> Vec<KeyRange> {
        let of_order = |(part, at): (Found, KeyRange)| ((part.cause, part.tag) == (cause, tag)).then_some(at);
        self.overlapping(table, range).filter_map(of_order).collect()
    }

    /// How many parts it keeps.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }

    /// The parts that have hashes in common with `range`, and which.
    fn overlapping(&self, table: TableId, range: KeyRange) -> impl Iterator<Item = (Found, KeyRange)> + '_ {
        let parts = self.tables.get(&table).into_iter().flat_map(move |parts| {
            let before = parts.range(..range.first()).next_back();
            before.into_iter().chain(parts.range(range.first()..=range.last()))
        });
        parts.filter_map(move |(first, part)| {
            let at = KeyRange::new(*first, part.last)?.intersection(range)?;
            Some((Found { first: *first, last: part.last, cause: part.cause, tag: part.tag }, at))
        })
    }

    /// Joins the part that starts at `range` with neighbours of the same order.
    fn merge(parts: &mut BTreeMap<KeyHash, Part>, range: KeyRange) {
        let mut first = range.first();
        let mut part = parts[&first];
        if let Some(next) = part.last.0.checked_add(1).and_then(|next| parts.get(&KeyHash(next)).copied())
            && (next.cause, next.tag) == (part.cause, part.tag)
        {
            parts.remove(&KeyHash(part.last.0 + 1));
            part.last = next.last;
        }
        if let Some((at, before)) = parts.range(..first).next_back().map(|(at, before)| (*at, *before))
            && before.last.0 + 1 == first.0
            && (before.cause, before.tag) == (part.cause, part.tag)
        {
            parts.remove(&first);
            first = at;
        }
        parts.insert(first, part);
    }
}

#[derive(Clone, Copy)]
struct Found {
    first: KeyHash,
    last: KeyHash,
    cause: Lsn,
    tag: OrderTag,
}

fn hashes(range: KeyRange) -> u128 {
    u128::from(range.last().0 - range.first().0) + 1
}
