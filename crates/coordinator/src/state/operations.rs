//! Looking operations up.

use super::ClusterState;
use crate::entity::{Operation, OperationId, PartitionRecord};
use rekindle_types::{LogId, PartitionIndex};

impl ClusterState {
    /// The operation, while it is under way or its outcome is kept.
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<&Operation> {
        self.operations.get(&id)
    }

    /// All operations, oldest first.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// Those under way, oldest first.
    pub fn unfinished(&self) -> impl Iterator<Item = &Operation> {
        self.operations().filter(|o| o.outcome.is_none())
    }

    /// A partition of a recovery that is under way.
    #[must_use]
    pub fn partition(&self, crashed: LogId, index: PartitionIndex) -> Option<&PartitionRecord> {
        self.partitions.get(&(crashed, index))
    }

    /// All partitions of one recovery, by index.
    pub fn partitions_of(&self, crashed: LogId) -> impl Iterator<Item = &PartitionRecord> {
        let all = (crashed, PartitionIndex(0))..=(crashed, PartitionIndex(u32::MAX));
        self.partitions.range(all).map(|(_, p)| p)
    }

    /// All partitions of all recoveries.
    pub fn partitions(&self) -> impl Iterator<Item = &PartitionRecord> {
        self.partitions.values()
    }
}
