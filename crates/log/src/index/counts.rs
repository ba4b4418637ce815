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
    /// Of no table while it has no objects.
    table: TableId,
    bytes: u64,
    objects: u32,
    /// Of other tables. Boxed, since it is rarely there.
    #[expect(clippy::box_collection, reason = "stripes must be small")]
    more: Option<Box<Vec<(TableId, Count)>>>,
}

impl Counts {
    /// What is counted of a table.
    pub(super) fn of(&self, table: TableId) -> Count {
        if self.is_first(table) {
            return Count { objects: self.objects.into(), bytes: self.bytes };
        }
        let found = self.more.iter().flat_map(|more| more.iter()).find(|(of, _)| *of == table);
        found.map_or(Count::default(), |(_, count)| *count)
    }

    /// An object more.
    #[inline]
    pub(super) fn add(&mut self, table: TableId, bytes: u64) {
        if self.is_first(table) {
            self.objects += 1;
            self.bytes += bytes;
        } else {
            self.add_further(table, bytes);
        }
    }

    /// One less. Tables of which nothing is left are forgotten.
    #[inline]
    pub(super) fn remove(&mut self, table: TableId, bytes: u64) {
        if self.is_first(table) {
            self.objects -= 1;
            self.bytes -= bytes;
        } else {
            let count = self.further(table);
            count.objects -= 1;
            count.bytes -= bytes;
            if count.objects == 0 {
                self.more.iter_mut().for_each(|more| more.retain(|(of, _)| *of != table));
            }
        }
    }

    /// One in place of another.
    #[inline]
    pub(super) fn replace(&mut self, table: TableId, bytes: u64, by: u64) {
        let count = if self.is_first(table) { &mut self.bytes } else { &mut self.further(table).bytes };
        *count = *count - bytes + by;
    }

    #[inline]
    fn is_first(&self, table: TableId) -> bool {
        self.objects > 0 && self.table == table
    }

    #[cold]
    fn further(&mut self, table: TableId) -> &mut Count {
        self.find_further(table).expect("counted before")
    }

    #[cold]
    fn add_further(&mut self, table: TableId, bytes: u64) {
        if let Some(count) = self.find_further(table) {
            count.objects += 1;
            count.bytes += bytes;
        } else if self.objects == 0 {
            (self.table, self.objects, self.bytes) = (table, 1, bytes);
        } else {
            self.more.get_or_insert_default().push((table, Count { objects: 1, bytes }));
        }
    }

    fn find_further(&mut self, table: TableId) -> Option<&mut Count> {
        let mut more = self.more.iter_mut().flat_map(|more| more.iter_mut());
        more.find(|(of, _)| *of == table).map(|(_, count)| count)
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
        assert_eq!(counts.more.as_ref().unwrap().len(), 2, "nothing is kept of what is gone");
        counts.add(TableId(1), 7);
        assert_eq!([1, 2, 3].map(|t| counts.of(TableId(t))), [count(1, 7), count(2, 15), count(2, 40)]);
    }
}
