//! How much of each table a stripe refers to.

use rekindle_types::TableId;

/// Objects of one table, and the bytes of their entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Objects.
    pub objects: u64,
    /// Bytes of their whole entries.
    pub bytes: u64,
}

/// Counts by table. The first table has a place of its own, on cache lines that writers touch anyway: most stripes
/// have no other.
#[derive(Default)]
pub(super) struct Counts {
    first: Option<(TableId, Count)>,
    more: Vec<(TableId, Count)>,
}

impl Counts {
    /// What is counted of a table.
    pub(super) fn of(&self, table: TableId) -> Count {
        let found = self.first.iter().chain(&self.more).find(|(of, _)| *of == table);
        found.map_or(Count::default(), |(_, count)| *count)
    }

    /// An object more.
    #[inline]
    pub(super) fn add(&mut self, table: TableId, bytes: u64) {
        let count = self.count_mut(table);
        count.objects += 1;
        count.bytes += bytes;
    }

    /// One less. Tables of which nothing is left are forgotten.
    #[inline]
    pub(super) fn remove(&mut self, table: TableId, bytes: u64) {
        let count = self.count_mut(table);
        count.objects -= 1;
        count.bytes -= bytes;
        if count.objects == 0 {
            self.forget(table);
        }
    }

    /// One in place of another.
    #[inline]
    pub(super) fn replace(&mut self, table: TableId, bytes: u64, by: u64) {
        let count = self.count_mut(table);
        count.bytes = count.bytes - bytes + by;
    }

    #[inline]
    fn count_mut(&mut self, table: TableId) -> &mut Count {
        // In two steps, since the borrow checker takes a returned borrow for one of the whole function.
        if self.first.is_none_or(|(of, _)| of == table) {
            return &mut self.first.get_or_insert((table, Count::default())).1;
        }
        self.count_mut_further(table)
    }

    #[cold]
    fn count_mut_further(&mut self, table: TableId) -> &mut Count {
        let at = self.more.iter().position(|(of, _)| *of == table).unwrap_or_else(|| {
            self.more.push((table, Count::default()));
            self.more.len() - 1
        });
        &mut self.more[at].1
    }

    #[cold]
    fn forget(&mut self, table: TableId) {
        if self.first.is_some_and(|(of, _)| of == table) {
            self.first = self.more.pop();
        } else {
            self.more.retain(|(of, _)| *of != table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_and_go() {
        let mut counts = Counts::default();
        let count = |objects, bytes| Count { objects, bytes };
        for table in 1..=3 {
            counts.add(TableId(table), 10);
            counts.add(TableId(table), 10 * table);
        }
        assert_eq!(
            [1, 2, 3, 4].map(|t| counts.of(TableId(t))),
            [count(2, 20), count(2, 30), count(2, 40), count(0, 0)]
        );
        counts.replace(TableId(2), 20, 5);
        counts.remove(TableId(1), 10);
        counts.remove(TableId(1), 10);
        assert_eq!([1, 2, 3].map(|t| counts.of(TableId(t))), [count(0, 0), count(2, 15), count(2, 40)]);
        assert_eq!(counts.more.len(), 1, "nothing is kept of what is gone");
        counts.add(TableId(1), 7);
        assert_eq!([1, 2, 3].map(|t| counts.of(TableId(t))), [count(1, 7), count(2, 15), count(2, 40)]);
    }
}
