//! What goes along with the renewals.

use rekindle_types::{PartitionReplay, PartitionReport};

/// Results of replays that the coordinator has not reacted to yet (T3).
pub trait Reports: Send + Sync {
    /// All of them; repeated with every renewal until told serve or discard.
    fn pending(&self) -> Vec<PartitionReport>;

    /// How far replays are that have no result yet.
    fn under_way(&self) -> Vec<PartitionReplay>;
}
