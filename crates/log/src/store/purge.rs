//! Forgetting a hash range.

use super::Store;
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
                    self.log.mark_dead(EntryRef::from_bits(to.bits()));
                }
            }
        }
    }
}
