//! Why a store does not become a server's.

use crate::store::BackupError;
use rekindle_types::ServerId;

/// Why a store was not adopted; says what to do. Nothing in it has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// Ids only grow: who gives this one knows less of the cluster than the store, and under it the store would free
    /// what it holds for others.
    #[error(
        "the coordinator gave {given}, but this data was {held}'s already: its record is older than the data; give the coordinator its own data directory"
    )]
    IdTooOld {
        /// The id to stand under.
        given: ServerId,
        /// The one that the data stands under.
        held: ServerId,
    },
    /// The superblock can't be written.
    #[error("the data directory can't be written: {0}")]
    Unwritable(BackupError),
}
