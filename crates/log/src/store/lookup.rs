//! Finding a key's entry among the candidates of the index.

use super::Store;
use crate::index::{IndexRef, SlotAt, StripeContent};
use crate::segment::{KEY_BYTES_MAX, ObjectEntry, Parsed};
use crate::{EntryRef, EntryView, StoreError};
use rekindle_types::{KeyHash, Position, SegmentId, TableId, Version, key_hash};

/// What is known of the entry that holds a key's object at present.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) slot: SlotAt,
    pub(super) at: EntryRef,
    pub(super) segment: SegmentId,
    pub(super) end: Position,
    /// Of the whole entry.
    pub(super) bytes: u64,
    pub(super) version: Version,
}

impl Store {
    /// The key's object, if it is there: `read` gets its place, its entry and the entry's contents.
    #[inline]
    pub(super) fn find<T>(
        &self,
        stripe: &StripeContent,
        hash: KeyHash,
        table: TableId,
        key: &[u8],
        read: impl FnOnce((SlotAt, EntryRef), &EntryView<'_>, &ObjectEntry<'_>) -> T,
    ) -> Option<T> {
        for (slot, to) in stripe.candidates(hash) {
            let view = self.view(to);
            let object = object_of(&view);
            if object.key == key && object.table == table {
                return Some(read((slot, EntryRef::from_bits(to.bits())), &view, &object));
            }
        }
        None
    }

    #[inline]
    pub(super) fn present(
        &self,
        stripe: &StripeContent,
        hash: KeyHash,
        table: TableId,
        key: &[u8],
    ) -> Option<Present> {
        self.find(stripe, hash, table, key, |(slot, at), view, object| Present {
            slot,
            at,
            segment: view.segment(),
            end: view.end(),
            bytes: view.entry().bytes().len() as u64,
            version: object.version,
        })
    }

    /// The entry that the index refers to; to be called under the stripe's lock.
    #[inline]
    pub(super) fn view(&self, to: IndexRef) -> EntryView<'_> {
        self.log.entry(EntryRef::from_bits(to.bits())).expect("what the index refers to is in memory")
    }

    /// Hash of the key of the object that the index refers to.
    pub(super) fn hash_of(&self, to: IndexRef) -> KeyHash {
        let view = self.view(to);
        let object = object_of(&view);
        key_hash(object.table, object.key)
    }
}

/// The index refers to nothing but objects.
#[inline]
pub(super) fn object_of<'a>(view: &'a EntryView<'_>) -> ObjectEntry<'a> {
    match view.parse() {
        Ok(Parsed::Object(object)) => object,
        other => unreachable!("the index refers to objects, found {other:?}"),
    }
}

#[inline]
pub(super) fn index_ref(at: EntryRef) -> IndexRef {
    IndexRef::new(at.to_bits())
}

#[inline]
pub(super) fn check_key(key: &[u8]) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(StoreError::KeyLength { bytes: key.len(), max: KEY_BYTES_MAX });
    }
    Ok(())
}
