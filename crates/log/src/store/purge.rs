//! Forgetting a hash range.

use super::Store;
use super::lives::NONE;
use super::lookup::object_of;
use crate::EntryRef;
use crate::index::{Index, IndexRef, SlotAt};
use rekindle_types::{KeyRange, TableId, key_hash};

/// How far ahead entries are fetched from memory.
const AHEAD: usize = 16;

impl Store {
    /// Takes every object of the range out of the index; their entries are dead from then on (T2, T8). The
    /// caller keeps other calls off the range meanwhile (T5).
    pub fn purge(&self, table: TableId, range: KeyRange) {
        // T2: nothing that the log has of the range is needed, not even as a tombstone. While the stripes are gone
        // through, a cleaner may still move entries by what it knew under a stripe's lock, into a segment below the
        // next id.
        self.lives.begin(table, range, NONE);
        self.forget(table, range);
        self.lives.begin(table, range, self.log.next_id());
    }

    fn forget(&self, table: TableId, range: KeyRange) {
        for number in Index::stripes_of(range) {
            let mut stripe = self.index.write_stripe(number);
            stripe.forget_images(table, range);
            let slots: Vec<(SlotAt, IndexRef)> = stripe.iter().collect();
            for (i, (slot, to)) in slots.iter().enumerate() {
                if let Some((_, ahead)) = slots.get(i + AHEAD) {
                    self.log.prefetch(EntryRef::from_bits(ahead.bits()));
                }
                let view = self.view(*to);
                let object = object_of(&view);
                if object.table == table && range.contains(key_hash(table, object.key)) {
                    stripe.remove(*slot);
                    stripe.count_removed(table, view.entry().bytes().len() as u64);
                    self.log.mark_dead(EntryRef::from_bits(to.bits()));
                }
            }
        }
    }
}
