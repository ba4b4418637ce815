//! Writing and removing single objects.

use super::lookup::{Present, check_key, index_ref, object_of};
use super::{Answer, Condition, Store, StoreError, WriteOutcome};
use crate::LogError;
use crate::index::{BeforeImage, StripeWrite};
use crate::segment::{EntryDraft, ObjectEntry, TombstoneEntry};
use rekindle_types::{KeyHash, Rule, TableId, Version, key_hash};
use std::sync::atomic::Ordering;

/// A put of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The table.
    pub table: TableId,
    /// The key.
    pub key: &'a [u8],
    /// The new value.
    pub value: &'a [u8],
    /// Only if this holds.
    pub condition: Condition,
}

impl Store {
    /// Writes an object, if the condition holds.
    pub fn put(
        &self,
        table: TableId,
        key: &[u8],
        value: &[u8],
        condition: Condition,
    ) -> Result<Answer<WriteOutcome>, StoreError> {
        self.put_hashed(&Write { table, key, value, condition }, key_hash(table, key), &mut false)
    }

    /// Writes many objects, in order; faster than one by one. Each may be done, refused or fail on its own.
    pub fn multi_put(&self, writes: &[Write<'_>]) -> Vec<Result<Answer<WriteOutcome>, StoreError>> {
        let mut answers = Vec::with_capacity(writes.len());
        let overwrites = self.overwrites.load(Ordering::Relaxed);
        let overwrote = self.batched(
            writes,
            overwrites,
            |w| key_hash(w.table, w.key),
            |w, hash| {
                let mut was_there = false;
                answers.push(self.put_hashed(w, hash, &mut was_there));
                was_there
            },
        );
        if overwrote != overwrites {
            self.overwrites.store(overwrote, Ordering::Relaxed);
        }
        answers
    }

    /// Removes an object, if the condition holds and there is one.
    pub fn delete(
        &self,
        table: TableId,
        key: &[u8],
        condition: Condition,
    ) -> Result<Answer<WriteOutcome>, StoreError> {
        check_key(key)?;
        let hash = key_hash(table, key);
        let mut stripe = self.index.write(hash);
        let present = self.present(&stripe, hash, table, key);
        if let Some(refusal) = self.refusal(&stripe, present.as_ref(), condition) {
            return Ok(refusal);
        }
        let Some(present) = present else {
            return Ok(self.answer(WriteOutcome::Absent, stripe.removed()));
        };
        let tombstone = TombstoneEntry {
            table,
            version: present.version,
            replaces: present.segment, // C1
            timestamp: self.now(),
            key,
        };
        let appended = self.log.append_shrinking(&[EntryDraft::Tombstone(tombstone)])?;
        stripe.remove(present.slot);
        stripe.count_removed(table, present.bytes);
        stripe.note_removal(appended.end);
        let by = index_ref(appended.refs()[0]);
        let was = index_ref(present.at);
        stripe.note_image(BeforeImage { table, hash, end: appended.end, by, was }, self.log.durable());
        self.log.mark_dead(present.at);
        Ok(self.answer(WriteOutcome::Deleted(present.version), appended.end))
    }

    #[inline]
    fn put_hashed(
        &self,
        write: &Write<'_>,
        hash: KeyHash,
        was_there: &mut bool,
    ) -> Result<Answer<WriteOutcome>, StoreError> {
        let Write { table, key, value, condition } = *write;
        check_key(key)?;
        let mut stripe = self.index.write(hash);
        let present = self.present(&stripe, hash, table, key);
        *was_there = present.is_some();
        if let Some(refusal) = self.refusal(&stripe, present.as_ref(), condition) {
            return Ok(refusal);
        }
        // C1: an object that replaces another is its tombstone too.
        let kills = present.as_ref().filter(|_| self.config.rules.on(Rule::C1));
        let object = ObjectEntry {
            table,
            version: Version(0), // Given with its place (V1).
            timestamp: self.now(),
            replaces: kills.map(|p| p.segment),
            expiry: None,
            key,
            value,
        };
        let appended = match self.log.append_next(object) {
            // L2: also while growth waits for a cleaner.
            Err(LogError::Full { .. } | LogError::Busy { .. })
                if present.is_some_and(|p| self.is_no_longer(value, &p)) =>
            {
                self.log.append_next_shrinking(object)?
            }
            appended => appended?,
        };
        let to = index_ref(appended.at);
        let bytes = u64::from(appended.end.offset - appended.at.offset());
        match present {
            Some(present) => {
                let was = index_ref(present.at);
                let image = BeforeImage { table, hash, end: appended.end, by: to, was };
                stripe.note_image(image, self.log.durable());
                stripe.replace(present.slot, to);
                stripe.count_replaced(table, present.bytes, bytes);
                self.log.mark_dead(present.at);
            }
            None => {
                stripe.insert(hash, to, |to| self.hash_of(to));
                stripe.count_added(table, bytes);
            }
        }
        Ok(self.answer(WriteOutcome::Written(appended.version), appended.end))
    }

    /// L2: whether the value takes no more than the one that is there.
    #[cold]
    fn is_no_longer(&self, value: &[u8], present: &Present) -> bool {
        self.log.entry(present.at).is_some_and(|view| value.len() <= object_of(&view).value.len())
    }

    /// The refusal, when the condition does not hold. It shows what is there, or that nothing is (V3).
    #[inline]
    fn refusal(
        &self,
        stripe: &StripeWrite<'_>,
        present: Option<&Present>,
        condition: Condition,
    ) -> Option<Answer<WriteOutcome>> {
        let version = present.map(|p| p.version);
        if condition.holds(version) {
            return None;
        }
        let after = present.map_or(stripe.removed(), |p| p.end);
        Some(self.answer(WriteOutcome::Refused(version), after))
    }
}
