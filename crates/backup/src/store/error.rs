//! What a caller of a backup can do about a refusal.

use super::Misfit;
use rekindle_types::{CreationNumber, ListVersion, LogId, RemoteError, ReplicaId, SessionNumber};

/// Why a backup refused. Every refusal but `Remote(Unknown)` and `Poisoned` means: surely not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Choose another backup: this one has no frame for it, or was poisoned before the call came and gives none any more.
    #[error("no free frame ({frames} in use)")]
    NoRoom {
        /// Frames in use.
        frames: u64,
    },
    /// The caller was declared dead, or its log is being recovered: stop serving and verify membership (F1).
    #[error("{log} is fenced since list version {since}")]
    Fenced {
        /// Whose log.
        log: LogId,
        /// The list version that said so.
        since: ListVersion,
    },
    /// The backup has no list as new as its own enlistment yet, or does not know the caller: try again soon.
    #[error("not ready: {0}")]
    NotReady(String),
    /// The backup was declared dead itself and takes no writes: the replica counts as lost.
    #[error("this backup is no member of the cluster")]
    Removed,
    /// A late call of an older creation: ignore it.
    #[error("{replica} is stale: creation {newest} is here")]
    StaleCreation {
        /// What the call named.
        replica: ReplicaId,
        /// What is there.
        newest: CreationNumber,
    },
    /// A late call of an older session: ignore it.
    #[error("session {session} is stale: {newest} is open")]
    StaleSession {
        /// What the call named.
        session: SessionNumber,
        /// What is open.
        newest: SessionNumber,
    },
    /// Open it first; as a recovery's reader: read another replica.
    #[error("{0} is not open here")]
    NotOpen(ReplicaId),
    /// Nothing can be appended to it.
    #[error("{0} is closed")]
    Closed(ReplicaId),
    /// The write does not fit what is there, or itself: it is never going to be taken.
    #[error("{replica}: {why} (offset {offset}, {length} bytes, {present} present)")]
    Overflow {
        /// Which.
        replica: ReplicaId,
        /// In what way.
        why: Misfit,
        /// The write's offset.
        offset: u32,
        /// The write's length.
        length: u32,
        /// Bytes that the store has.
        present: u32,
    },
    /// The replica can't be vouched for: read another one.
    #[error("{replica} damaged at byte {at}: {why}")]
    Damaged {
        /// Which.
        replica: ReplicaId,
        /// Where.
        at: u32,
        /// What is wrong.
        why: String,
    },
    /// The store vouches for nothing any more: read elsewhere, write elsewhere. It may have failed while it had the call,
    /// and show what it wrote when it starts again. An open that came after is answered by `NoRoom`.
    #[error("store poisoned: {0}")]
    Poisoned(String),
    /// The call did not come back.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl BackupError {
    pub(crate) fn no_space_for_frame(replica: ReplicaId) -> Self {
        Self::Damaged { replica, at: 0, why: "no space for its frame".into() }
    }
}
