//! How much tablets hold.

use super::Store;
use super::lookup::object_of;
use crate::index::{Count, Index};
use crate::segment::TabletStat;
use rekindle_types::{KeyRange, TableId, key_hash};

impl Store {
    /// Objects of a range, and the bytes of their entries. Costs a look at every stripe that the range touches, and at
    /// every object of the two at its ends.
    #[must_use]
    pub fn tablet_stat(&self, table: TableId, range: KeyRange) -> TabletStat {
        let mut sum = Count::default();
        for number in Index::stripes_of(range) {
            let count = if range.covers(Index::range_of(number)) {
                self.index.read_stripe(number).count(table)
            } else {
                self.count_within(number, table, range)
            };
            sum = Count { objects: sum.objects + count.objects, bytes: sum.bytes + count.bytes };
        }
        TabletStat { table, range, bytes: sum.bytes, objects: sum.objects }
    }

    /// Tells the log what these ranges hold now: its next heads say so (H7). Of too many ranges the largest count.
    pub fn note_tablets(&self, ranges: impl IntoIterator<Item = (TableId, KeyRange)>) {
        let mut stats: Vec<TabletStat> =
            ranges.into_iter().map(|(table, range)| self.tablet_stat(table, range)).collect();
        let most = self.log.config().tablet_stats_max();
        if stats.len() > most {
            stats.sort_by_key(|stat| std::cmp::Reverse(stat.bytes));
            stats.truncate(most);
        }
        self.log.set_tablet_stats(stats).expect("no more than a head takes");
    }

    fn count_within(&self, number: usize, table: TableId, range: KeyRange) -> Count {
        let stripe = self.index.read_stripe(number);
        let mut count = Count::default();
        if stripe.count(table).objects == 0 {
            return count;
        }
        for (_, to) in stripe.iter() {
            let view = self.view(to);
            let object = object_of(&view);
            if object.table == table && range.contains(key_hash(table, object.key)) {
                count.objects += 1;
                count.bytes += view.entry().bytes().len() as u64;
            }
        }
        count
    }
}
