//! What goes along with the renewals.

use rekindle_types::PartitionReport;

/// Results of replays that the coordinator has not reacted to yet (T3).
pub trait Reports: Send + Sync {
    /// All of them; repeated with every renewal until told serve or discard.
    fn pending(&self) -> Vec<PartitionReport>;
}
