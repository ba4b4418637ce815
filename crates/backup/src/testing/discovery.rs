//! What a recovery makes of the inventories that it can get (H6), in an own small version.

use super::{Model, ModelStore};
use rekindle_types::SegmentId;
use std::collections::BTreeMap;

/// What a discovery finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The log has no record of a first head (T7): it never served.
    Unrecorded,
    /// A head, and every segment of its digest with so many bytes.
    Complete {
        /// The head.
        head: SegmentId,
        /// Bytes of every segment in its digest.
        lengths: BTreeMap<SegmentId, u32>,
    },
    /// No head, or a segment of its digest has no usable replica: it waits.
    Incomplete,
    /// A closed head above the chosen one: it stops and reports.
    Contradiction {
        /// The chosen head.
        head: SegmentId,
        /// The closed one.
        closed: SegmentId,
    },
}

impl Model {
    /// What a recovery finds on the backups in the set `reached` (bit by index).
    #[must_use]
    pub fn discover(&self, reached: u32) -> Found {
        let Some(floor) = self.floor else { return Found::Unrecorded };
        let stores = || {
            let stores = self.stores.iter().enumerate();
            let reached = stores.filter(move |(at, store)| !store.is_dead && reached & (1 << at) != 0);
            reached.map(|(_, store)| store)
        };
        // A head is what shows a digest: not every one does.
        let heads = || stores().flat_map(ModelStore::listed_with_digest);
        let open = heads().filter(|(id, replica)| !replica.is_closed && *id >= floor);
        let Some(head) = open.map(|(id, _)| id).min() else { return Found::Incomplete };
        if let Some((closed, _)) = heads().find(|(id, replica)| replica.is_closed && *id > head) {
            return Found::Contradiction { head, closed };
        }
        let mut lengths = BTreeMap::new();
        for id in &self.log.head(head).expect("heads stay in the model").digest {
            let of_head = heads().filter(|_| *id == head);
            let closed =
                stores().flat_map(ModelStore::listed).filter(|(_, replica)| replica.is_closed && *id != head);
            let usable = of_head.chain(closed).filter(|(found, _)| found == id);
            match usable.filter_map(|(_, replica)| replica.valid).max() {
                Some(length) => lengths.insert(*id, length),
                None => return Found::Incomplete,
            };
        }
        Found::Complete { head, lengths }
    }

    /// Checks every discovery that is possible now: acknowledged implies recoverable, or incomplete; never a
    /// contradiction; and never incomplete with fewer than R backups missing.
    pub fn check(&self) -> Result<(), String> {
        let all = (1u32 << self.stores.len()) - 1;
        for reached in 1..=all {
            let is_reached = |at: usize| reached & (1 << at) != 0;
            let dead = |at: &usize| self.stores[*at].is_dead;
            if (0..self.stores.len()).any(|at| is_reached(at) && dead(&at)) {
                continue;
            }
            let missing = (0..self.stores.len()).filter(|at| !is_reached(*at)).count();
            self.judge(&self.discover(reached), missing)
                .map_err(|wrong| format!("recovery from backups {reached:#b}: {wrong}"))?;
        }
        Ok(())
    }

    fn judge(&self, found: &Found, missing: usize) -> Result<(), String> {
        match found {
            Found::Contradiction { head, closed } => {
                Err(format!("false stop: {closed} is closed above the head {head}"))
            }
            Found::Incomplete if missing < self.config.replicas && self.log.heads[0].is_open => {
                Err(format!("incomplete with {missing} backups missing"))
            }
            Found::Incomplete => Ok(()),
            Found::Unrecorded => match self.log.heads.iter().find(|head| head.is_open && head.id.0 == 1) {
                Some(_) => Err("the log serves without a record of its first head".into()),
                None => Ok(()),
            },
            Found::Complete { head, lengths } => {
                for segment in self.log.heads.iter().filter(|s| s.acknowledged > 0) {
                    let is_cleaned = segment.id < *head && !lengths.contains_key(&segment.id);
                    let length = lengths.get(&segment.id).copied().unwrap_or(0);
                    if !is_cleaned && length < segment.acknowledged {
                        let (id, acknowledged) = (segment.id, segment.acknowledged);
                        return Err(format!(
                            "{id} was acknowledged up to {acknowledged}, head {head} has it up to {length}"
                        ));
                    }
                }
                Ok(())
            }
        }
    }
}
