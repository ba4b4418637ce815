//! Listing objects by hash.

use super::lookup::object_of;
use super::{Answer, Store};
use crate::EntryRef;
use crate::index::{Index, IndexRef, StripeRead};
use bytes::Bytes;
use rekindle_types::{KeyHash, KeyRange, Position, TableId, Version, key_hash};

/// Index slots that one page looks at before it ends at the next stripe, whatever it has found.
const SLOTS_PER_PAGE: usize = 1 << 16;
/// How far ahead entries are fetched from memory.
const AHEAD: usize = 16;

/// One object of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedObject {
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
    /// Its version.
    pub version: Version,
}

/// A page of a scan: the objects of a run of hashes, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPage {
    /// By ascending (hash, key).
    pub objects: Vec<ScannedObject>,
    /// First hash not covered; `None` at the end of the range.
    pub next: Option<KeyHash>,
}

/// A page being filled.
struct Filling {
    page: ScanPage,
    bytes: usize,
    after: Position,
}

impl Store {
    /// The objects of a hash range, from its start, until their keys and values exceed `bytes_max`. All objects of
    /// one hash are in one page, and one hash at least; so a page may be larger, and it may be empty though
    /// more follow. While nothing is written each object is listed once.
    pub fn scan(&self, table: TableId, range: KeyRange, bytes_max: usize) -> Answer<ScanPage> {
        let mut filling = Filling { page: ScanPage::default(), bytes: 0, after: Position::default() };
        let mut slots = 0;
        for number in Index::stripes_of(range) {
            let part = Index::range_of(number).intersection(range).expect("only stripes that it touches");
            if slots > SLOTS_PER_PAGE {
                filling.page.next = Some(part.first());
                break;
            }
            let stripe = self.index.read_stripe(number);
            slots += stripe.len();
            filling.after = filling.after.max(stripe.removed());
            filling.page.next = self.fill(&mut filling, &stripe, table, part, bytes_max);
            if filling.page.next.is_some() {
                break;
            }
        }
        self.answer(filling.page, filling.after)
    }

    /// Adds the stripe's objects, hash by hash; returns the first hash that found no room.
    fn fill(
        &self,
        filling: &mut Filling,
        stripe: &StripeRead<'_>,
        table: TableId,
        range: KeyRange,
        bytes_max: usize,
    ) -> Option<KeyHash> {
        let found = self.sorted(stripe, table, range);
        for same_hash in found.chunk_by(|a, b| a.0 == b.0) {
            let mut objects = Vec::with_capacity(same_hash.len());
            let (mut bytes, mut after) = (0, filling.after);
            for (_, to) in same_hash {
                let view = self.view(*to);
                let object = object_of(&view);
                bytes += object.key.len() + object.value.len();
                after = after.max(view.end());
                let (key, value) = (Bytes::copy_from_slice(object.key), self.value_of(&view, &object));
                objects.push(ScannedObject { key, value, version: object.version });
            }
            if !filling.page.objects.is_empty() && filling.bytes + bytes > bytes_max {
                return Some(same_hash[0].0);
            }
            objects.sort_by(|a, b| a.key.cmp(&b.key));
            filling.page.objects.append(&mut objects);
            (filling.bytes, filling.after) = (filling.bytes + bytes, after);
        }
        None
    }

    /// The stripe's references into the range, by hash.
    fn sorted(&self, stripe: &StripeRead<'_>, table: TableId, range: KeyRange) -> Vec<(KeyHash, IndexRef)> {
        let slots: Vec<IndexRef> = stripe.iter().map(|(_, to)| to).collect();
        let mut found = Vec::with_capacity(slots.len());
        for (i, to) in slots.iter().enumerate() {
            if let Some(ahead) = slots.get(i + AHEAD) {
                self.log.prefetch(EntryRef::from_bits(ahead.bits()));
            }
            let view = self.view(*to);
            let object = object_of(&view);
            let hash = key_hash(object.table, object.key);
            if object.table == table && range.contains(hash) {
                found.push((hash, *to));
            }
        }
        found.sort_unstable();
        found
    }
}
