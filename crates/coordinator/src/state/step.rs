//! Composing a batch from what was read.

use super::ClusterState;
use crate::entity::{Entity, Operation, OperationId, OperationState, Outcome, id};
use crate::meta::{Batch, EntityId, Record};
use rekindle_types::{Lsn, ServerId};

/// Finished operations whose outcome is kept.
const OUTCOMES_KEPT: usize = 64;

/// A change in the making: remembers the versions of what was read, for the check of T4.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    state: &'a ClusterState,
    batch: Batch,
}

impl<'a> Step<'a> {
    /// Nothing read, nothing changed.
    #[must_use]
    pub fn new(state: &'a ClusterState) -> Self {
        Self { state, batch: Batch::default() }
    }

    /// The change holds only while this entity is as it is now (T4).
    pub fn read(&mut self, entity: EntityId) -> &mut Self {
        self.batch.expected.push((entity, self.state.version(entity)));
        self
    }

    /// The entity's new state, whatever it is now.
    pub fn put(&mut self, entity: &Entity) -> &mut Self {
        self.batch.records.push(entity.record());
        self
    }

    /// The entity's new state, if it is as it was read.
    pub fn change(&mut self, entity: &Entity) -> &mut Self {
        self.read(entity.id()).put(entity)
    }

    /// Removes the entity.
    pub fn remove(&mut self, entity: EntityId) -> &mut Self {
        self.batch.records.push(Record { entity, state: None });
        self
    }

    /// The server list changes; servers get ids from `next_server` on.
    pub fn change_members(&mut self, next_server: ServerId) -> &mut Self {
        self.change(&Entity::Members { next_server })
    }

    /// Adds an operation; `tables` ids of tables are taken with it.
    pub fn begin(&mut self, state: OperationState, tables: u64) -> OperationId {
        let id = self.state.next_operation();
        let next_table = rekindle_types::TableId(self.state.next_table().0 + tables);
        self.change(&Entity::Counters { next_table, next_operation: id.next() });
        self.change(&Entity::Operation(Operation { id, begun: Lsn(0), state, outcome: None }));
        id
    }

    /// Ends an operation, and forgets the oldest outcome when too many are kept.
    pub fn finish(&mut self, operation: &Operation, outcome: Outcome) -> &mut Self {
        let finished: Vec<_> =
            self.state.operations().filter(|o| o.outcome.is_some()).map(|o| o.id).collect();
        let surplus = (finished.len() + 1).saturating_sub(OUTCOMES_KEPT);
        for old in finished.into_iter().take(surplus) {
            self.remove(id::operation(old));
        }
        self.change(&Entity::Operation(Operation { outcome: Some(outcome), ..operation.clone() }))
    }

    /// The batch.
    #[must_use]
    pub fn batch(self) -> Batch {
        self.batch
    }
}
