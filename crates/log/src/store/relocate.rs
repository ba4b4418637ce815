//! What a cleaner does with an entry: which is needed, and in what form (C1 to C3, C5, T2).

use super::Store;
use super::lookup::index_ref;
use crate::index::{IndexRef, STRIPES, SlotAt, StripeContent};
use crate::segment::{Entry, EntryDraft, LogTime, ObjectEntry, Parsed, TombstoneEntry};
use crate::{EntryRef, LaneGuard, LogError};
use rekindle_types::{KeyHash, Rule, SegmentId, key_hash};

/// An entry of a segment that is being cleaned.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) entry: Entry<'a>,
    pub(crate) at: EntryRef,
    pub(crate) segment: SegmentId,
    /// Objects and tombstones only.
    pub(crate) draft: EntryDraft<'a>,
    pub(crate) hash: KeyHash,
}

/// What is left of an entry.
#[derive(Clone, Copy)]
pub(crate) enum Rest<'a> {
    /// All of it, and the index refers to it here.
    Object(SlotAt),
    /// It is a tombstone.
    Tombstone,
    /// It is an object that is dead, and is needed as the tombstone of what it replaced (C1).
    Shrunk(TombstoneEntry<'a>),
    /// Nobody needs it.
    Nothing,
}

impl<'a> Candidate<'a> {
    /// When it was written.
    pub(crate) fn written(&self) -> LogTime {
        match &self.draft {
            EntryDraft::Object(object) => object.timestamp,
            EntryDraft::Tombstone(tombstone) => tombstone.timestamp,
        }
    }

    /// `None` for entries of the log's own: each head has its own, for itself.
    pub(crate) fn of(entry: Entry<'a>, at: EntryRef, segment: SegmentId) -> Option<Self> {
        let draft = match entry.parse() {
            Ok(Parsed::Object(object)) => EntryDraft::Object(object),
            Ok(Parsed::Tombstone(tombstone)) => EntryDraft::Tombstone(tombstone),
            _ => return None,
        };
        let (table, key) = draft.key();
        Some(Self { entry, at, segment, draft, hash: key_hash(table, key) })
    }
}

impl Rest<'_> {
    /// The segment for whose sake a tombstone is kept.
    pub(crate) fn names(&self, of: &Candidate<'_>) -> Option<SegmentId> {
        match (self, &of.draft) {
            (Self::Shrunk(tombstone), _) => Some(tombstone.replaces),
            (Self::Tombstone, EntryDraft::Tombstone(tombstone)) => Some(tombstone.replaces),
            _ => None,
        }
    }

    /// Bytes that it takes in a survivor.
    pub(crate) fn bytes(&self, of: &Candidate<'_>) -> usize {
        match self {
            Self::Object(_) | Self::Tombstone => of.entry.bytes().len(),
            Self::Shrunk(tombstone) => EntryDraft::Tombstone(*tombstone).encoded_len(),
            Self::Nothing => 0,
        }
    }
}

impl Store {
    /// Fetches what [`Store::rest_of`] looks at.
    pub(crate) fn prefetch_rest(&self, candidate: &Candidate<'_>) {
        self.index.prefetch(candidate.hash);
    }

    /// What is needed of an entry now. Later it may be less, never more. `waits_for` says whether tombstones that name
    /// a segment are still needed.
    pub(crate) fn rest_now<'a>(
        &self,
        candidate: &Candidate<'a>,
        waits_for: impl Fn(SegmentId) -> bool,
    ) -> Rest<'a> {
        self.rest_of(&self.index.read(candidate.hash), candidate, waits_for)
    }

    /// Moves what is needed of an entry into a survivor. `was_alive` says that it was an object, and alive, before.
    /// The bytes that were moved, none when nothing is needed.
    pub(crate) fn relocate(
        &self,
        candidate: &Candidate<'_>,
        was_alive: bool,
        into: &mut LaneGuard<'_>,
        waits_for: impl Fn(SegmentId) -> bool,
    ) -> Result<u64, LogError> {
        let whole = candidate.entry.bytes().len() as u64;
        // C2: decided, appended and entered in the index under the lock of the key. Who overwrites or deletes it comes
        // before, and only a tombstone is moved at most, or after, and names the survivor.
        let mut stripe = self.index.write(candidate.hash);
        match self.rest_of(&stripe, candidate, waits_for) {
            Rest::Object(slot) => {
                let moved = into.append_copy(&candidate.entry)?;
                stripe.replace(slot, index_ref(moved.at));
                self.log.mark_dead(candidate.at);
                Ok(whole)
            }
            _ if was_alive && !self.config.rules.on(Rule::C2) => {
                into.append_copy(&candidate.entry)?;
                Ok(whole)
            }
            Rest::Tombstone => {
                into.append_copy(&candidate.entry)?;
                Ok(whole)
            }
            Rest::Shrunk(tombstone) => {
                let tombstone = EntryDraft::Tombstone(tombstone);
                into.append(&tombstone)?;
                Ok(tombstone.encoded_len() as u64)
            }
            Rest::Nothing => Ok(0),
        }
    }

    fn rest_of<'a>(
        &self,
        stripe: &StripeContent,
        candidate: &Candidate<'a>,
        waits_for: impl Fn(SegmentId) -> bool,
    ) -> Rest<'a> {
        // C5: an object that the index does not refer to is dead, also when what killed it is not durable yet: that is
        // by the time the segment leaves the log.
        if let (EntryDraft::Object(_), Some(slot)) = (&candidate.draft, refers_to(stripe, candidate)) {
            return Rest::Object(slot);
        }
        let (table, _) = candidate.draft.key();
        // T2: of a former life nothing is needed. What a tombstone of it says may not even be true of the present one.
        if self.lives.is_former(table, candidate.hash, candidate.segment) {
            return Rest::Nothing;
        }
        match candidate.draft {
            EntryDraft::Tombstone(tombstone) if waits_for(tombstone.replaces) => Rest::Tombstone,
            EntryDraft::Object(ObjectEntry {
                table,
                version,
                timestamp,
                replaces: Some(replaces),
                key,
                ..
            }) if waits_for(replaces) => {
                Rest::Shrunk(TombstoneEntry { table, version, replaces, timestamp, key })
            }
            _ => Rest::Nothing,
        }
    }

    /// Waits for everybody who holds a stripe: references that they found in it are followed no more.
    pub(crate) fn pass_all_stripes(&self) {
        for number in 0..STRIPES {
            drop(self.index.write_stripe(number));
        }
    }

    /// Rules in force.
    pub(crate) fn rules(&self) -> rekindle_types::Rules {
        self.config.rules
    }

    /// The oldest segment that there is: lives that began before it need no telling apart.
    pub(crate) fn forget_lives_below(&self, oldest: SegmentId) {
        self.lives.forget_below(oldest);
    }
}

fn refers_to(stripe: &StripeContent, candidate: &Candidate<'_>) -> Option<SlotAt> {
    let at: IndexRef = index_ref(candidate.at);
    stripe.candidates(candidate.hash).find(|(_, to)| *to == at).map(|(slot, _)| slot)
}
