//! The memory part of an object call.

use super::HeldTablet;
use rekindle_client::{ObjectError, ObjectOp, ObjectResult};
use rekindle_log::{
    LogError,
    store::{Answer, Object, ScanPage, Store, StoreError, WriteOutcome},
};
use rekindle_types::{KeyHash, KeyRange, Position, TableId, key_hash};
use std::time::Duration;

/// A call whose memory part is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What to answer once `after` is durable.
    pub result: Result<ObjectResult, ObjectError>,
    /// What the answer depends on; `None` for refusals, which show nothing of the store.
    pub after: Option<Position>,
    /// Whether something was appended: its outcome is unknown until durable.
    pub has_written: bool,
}

impl Begun {
    /// Refused: surely not done.
    #[must_use]
    pub fn refused(error: ObjectError) -> Self {
        Self { result: Err(error), after: None, has_written: false }
    }

    fn answered(result: ObjectResult, after: Position, has_written: bool) -> Self {
        Self { result: Ok(result), after: Some(after), has_written }
    }

    /// Bytes of keys and values in the answer.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.result {
            Ok(ObjectResult::Found { value, .. }) => value.len(),
            Ok(ObjectResult::Scanned { objects, .. }) => {
                objects.iter().map(|(key, value, _)| key.len() + value.len()).sum()
            }
            _ => 0,
        }
    }
}

/// Most bytes of keys and values that one scan answers, whatever the caller allows.
const SCAN_BYTES_MAX: u32 = 4 << 20;

/// Which tablet of its table a call is for.
#[must_use]
pub fn hash(table: TableId, op: &ObjectOp) -> KeyHash {
    match op {
        ObjectOp::Get { key } | ObjectOp::Put { key, .. } | ObjectOp::Delete { key, .. } => {
            key_hash(table, key)
        }
        ObjectOp::Scan { from, .. } => *from,
    }
}

/// Does the memory part of a call on `tablet`, which the caller holds.
#[must_use]
pub fn begin(store: &Store, tablet: HeldTablet, op: ObjectOp, retry_after: Duration) -> Begun {
    let table = tablet.table;
    let begun = match op {
        ObjectOp::Get { key } => store.get(table, &key).map(found),
        ObjectOp::Put { key, value, condition } => store.put(table, &key, &value, condition).map(written),
        ObjectOp::Delete { key, condition } => store.delete(table, &key, condition).map(written),
        ObjectOp::Scan { from, to, bytes_max } => {
            let Some(range) = KeyRange::new(from, to) else {
                return Begun::refused(ObjectError::Invalid(format!("a scan from {from} to {to}")));
            };
            let range = range.intersection(tablet.range).expect("the tablet was found by `from`");
            Ok(scanned(store.scan(table, range, bytes_max.min(SCAN_BYTES_MAX) as usize)))
        }
    };
    begun.unwrap_or_else(|error| Begun::refused(refusal(&error, retry_after)))
}

/// Try again after this.
#[must_use]
pub fn retry(after: Duration) -> ObjectError {
    ObjectError::Retry { after_ms: u32::try_from(after.as_millis()).unwrap_or(u32::MAX) }
}

fn found(answer: Answer<Option<Object>>) -> Begun {
    let (object, after) = answer.into_parts();
    let result = match object {
        Some(Object { value, version }) => ObjectResult::Found { value, version },
        None => ObjectResult::Absent,
    };
    Begun::answered(result, after, false)
}

fn written(answer: Answer<WriteOutcome>) -> Begun {
    let (outcome, after) = answer.into_parts();
    let (result, has_written) = match outcome {
        WriteOutcome::Written(version) => (ObjectResult::Written(version), true),
        WriteOutcome::Deleted(version) => (ObjectResult::Deleted(version), true),
        WriteOutcome::Absent => (ObjectResult::Absent, false),
        WriteOutcome::Refused(present) => (ObjectResult::ConditionFailed(present), false),
    };
    Begun::answered(result, after, has_written)
}

fn scanned(answer: Answer<ScanPage>) -> Begun {
    let (page, after) = answer.into_parts();
    let objects = page.objects.into_iter().map(|o| (o.key, o.value, o.version)).collect();
    Begun::answered(ObjectResult::Scanned { objects, next: page.next }, after, false)
}

/// Refusals of the store: nothing was appended.
fn refusal(error: &StoreError, retry_after: Duration) -> ObjectError {
    match error {
        StoreError::Log(LogError::Full { .. }) => ObjectError::Full,
        StoreError::Log(LogError::Busy { .. } | LogError::Sink(_)) => retry(retry_after),
        other => ObjectError::Invalid(other.to_string()),
    }
}
