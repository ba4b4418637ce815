//! What a master is asked about objects.

use async_trait::async_trait;
use bytes::Bytes;
use rekindle_types::{Condition, KeyHash, RemoteError, TableId, TabletVersion, Version};

/// A master as its clients see it. Implemented by the storage server and by its stub.
#[async_trait]
pub trait Master: Send + Sync {
    /// Answers every call of the request, in its order. Calls of one request are independent: each may be
    /// done, refused, or lost with the connection.
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError>;
}

/// Calls to one master, at most [`ObjectRequest::CALLS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRequest {
    /// The calls.
    pub calls: Vec<ObjectCall>,
    /// Time left for all of them, in milliseconds: waits for durability end then with `Busy` (V3).
    pub time_left_ms: u32,
}

impl ObjectRequest {
    /// Most calls in one request.
    pub const CALLS_MAX: usize = 4096;
}

/// One call on one key, or a scan of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCall {
    /// The table.
    pub table: TableId,
    /// The tablet version that the caller's map has (T5).
    pub tablet: TabletVersion,
    /// What to do.
    pub op: ObjectOp,
}

/// What to do. Keys have 1 to 65,535 bytes, values at most an eighth of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectOp {
    /// Reads.
    Get {
        /// The key.
        key: Bytes,
    },
    /// Writes.
    Put {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// Only if this holds.
        condition: Condition,
    },
    /// Removes.
    Delete {
        /// The key.
        key: Bytes,
        /// Only if this holds.
        condition: Condition,
    },
    /// Lists objects by ascending (hash, key), from a hash on to the end of its tablet.
    Scan {
        /// Where to begin.
        from: KeyHash,
        /// Last hash wanted.
        to: KeyHash,
        /// Most bytes of keys and values to return; all objects of one hash are returned together.
        bytes_max: u32,
    },
}

/// Results in the order of the calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectReply {
    /// One for each call.
    pub results: Vec<Result<ObjectResult, ObjectError>>,
}

/// What came of a call. No result shows what a crash can take back (V3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectResult {
    /// To `Get`: the object.
    Found {
        /// The value.
        value: Bytes,
        /// Its version.
        version: Version,
    },
    /// To `Get`: there is none. To `Delete`: there was none.
    Absent,
    /// To `Put`: the new version.
    Written(Version),
    /// To `Delete`: the version that was removed.
    Deleted(Version),
    /// The condition did not hold; the version that is there, if any.
    ConditionFailed(Option<Version>),
    /// To `Scan`: objects by (hash, key), and where to go on, if the tablet's part of the range is not done.
    Scanned {
        /// Key, value, version.
        objects: Vec<(Bytes, Bytes, Version)>,
        /// First hash not covered.
        next: Option<KeyHash>,
    },
}

/// Why a call was refused: surely not done, but for `Busy { is_unknown: true }`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// Refresh the tablet map: this server does not own the tablet, or under a newer version.
    #[error("another master owns the tablet")]
    WrongMaster,
    /// Try again: the server knows less than the caller, the tablet is frozen, or its lease ran out.
    #[error("try again in {after_ms} ms")]
    Retry {
        /// Wait at least this long.
        after_ms: u32,
    },
    /// The deadline came first. A write may be done or not when `is_unknown`.
    #[error("busy: {reason}")]
    Busy {
        /// In whose way.
        reason: String,
        /// Whether a write may have been done.
        is_unknown: bool,
    },
    /// Try again: writes wait until enough backups are up (L1).
    #[error("{}", too_few_backups(*.have, *.need))]
    TooFewBackups {
        /// Backups up, but for the master's own.
        have: usize,
        /// Replicas of every write.
        need: usize,
    },
    /// Memory is full; only deletes and overwrites that do not grow pass.
    #[error("memory is full")]
    Full,
    /// Correct the call.
    #[error("{0}")]
    Invalid(String),
}

fn too_few_backups(have: usize, need: usize) -> String {
    let missing = match need.saturating_sub(have) {
        0 | 1 => "another server".to_owned(),
        missing => format!("{missing} more servers"),
    };
    format!("writes wait: {have} of {need} backups are up; start {missing}")
}
