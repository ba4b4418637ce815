//! The objects of one table.

use crate::{
    ClientError, Condition, ObjectOp, ObjectResult, Scan,
    batch::{Batch, Outcome, one},
    client::Shared,
};
use bytes::Bytes;
use rekindle_env::Time;
use rekindle_types::{KeyRange, TableId, Version};
use std::{sync::Arc, time::Duration};

/// A table. Every call ends within its time-out; one whose master is being recovered takes longer, no more.
///
/// Values go in as [`Bytes`] and come out so, without a copy on the way. After [`ClientError::Unknown`] a write
/// may be done, or not, or be done later: nothing here repeats it.
#[derive(Clone)]
pub struct Table {
    shared: Arc<Shared>,
    name: Arc<str>,
    id: TableId,
    timeout: Duration,
}

/// An object's value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The value.
    pub value: Bytes,
    /// Grows with every write of the key; for [`Condition::IfVersion`].
    pub version: Version,
}

/// What came of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional<T> {
    /// The condition held: done.
    Done(T),
    /// It did not: nothing was changed.
    Failed {
        /// The version that is there, if any.
        present: Option<Version>,
    },
}

impl Table {
    pub(crate) fn new(shared: Arc<Shared>, name: &str, id: TableId, timeout: Duration) -> Self {
        Self { shared, name: name.into(), id, timeout }
    }

    /// Its id, never reused.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same table, with another time-out for its calls.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Reads an object.
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Object>, ClientError> {
        found(self.one(move || ObjectOp::Get { key: copy(&key) }).await)
    }

    /// Writes an object; its new version.
    pub async fn put(&self, key: impl AsRef<[u8]>, value: impl Into<Bytes>) -> Result<Version, ClientError> {
        let value = value.into();
        written(self.one(move || put(&key, value.clone(), Condition::Always)).await)
    }

    /// Writes an object if the condition holds.
    pub async fn put_if(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<Bytes>,
        condition: Condition,
    ) -> Result<Conditional<Version>, ClientError> {
        let value = value.into();
        match self.one(move || put(&key, value.clone(), condition)).await? {
            ObjectResult::ConditionFailed(present) => Ok(Conditional::Failed { present }),
            other => written(Ok(other)).map(Conditional::Done),
        }
    }

    /// Removes an object; the version that was there.
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<Option<Version>, ClientError> {
        deleted(self.one(move || delete(&key, Condition::Always)).await)
    }

    /// Removes an object if the condition holds.
    pub async fn delete_if(
        &self,
        key: impl AsRef<[u8]>,
        condition: Condition,
    ) -> Result<Conditional<Option<Version>>, ClientError> {
        match self.one(move || delete(&key, condition)).await? {
            ObjectResult::ConditionFailed(present) => Ok(Conditional::Failed { present }),
            other => deleted(Ok(other)).map(Conditional::Done),
        }
    }

    /// Reads many objects, from all masters at once. Each result stands for itself.
    pub async fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Vec<Result<Option<Object>, ClientError>> {
        let ops = keys.into_iter().map(|key| ObjectOp::Get { key: copy(key) }).collect();
        self.many(ops).await.into_iter().map(found).collect()
    }

    /// Writes many objects, to all masters at once, in no order. Each result stands for itself.
    pub async fn multi_put<K: AsRef<[u8]>, V: Into<Bytes>>(
        &self,
        objects: impl IntoIterator<Item = (K, V)>,
    ) -> Vec<Result<Version, ClientError>> {
        let ops = objects.into_iter().map(|(key, value)| put(key, value, Condition::Always)).collect();
        self.many(ops).await.into_iter().map(written).collect()
    }

    /// Removes many objects, from all masters at once, in no order. Each result stands for itself.
    pub async fn multi_delete<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Vec<Result<Option<Version>, ClientError>> {
        let ops = keys.into_iter().map(|key| delete(key, Condition::Always)).collect();
        self.many(ops).await.into_iter().map(deleted).collect()
    }

    /// Lists all objects, by key hash: a page per call, each within the time-out.
    #[must_use]
    pub fn scan(&self) -> Scan {
        self.scan_range(KeyRange::FULL)
    }

    /// Lists the objects whose key hashes lie in `range`.
    #[must_use]
    pub fn scan_range(&self, range: KeyRange) -> Scan {
        Scan::new(self.clone(), range)
    }

    async fn one(&self, make: impl Fn() -> ObjectOp) -> Outcome {
        one(&self.shared, self.id, &self.name, self.deadline(), make).await
    }

    pub(crate) fn page_bytes(&self) -> u32 {
        self.shared.config.page_bytes
    }

    pub(crate) async fn many(&self, ops: Vec<ObjectOp>) -> Vec<Outcome> {
        Batch::new(&self.shared, self.id, &self.name, self.deadline()).run(ops).await
    }

    fn deadline(&self) -> Time {
        self.shared.env.clock.now() + self.timeout
    }
}

fn copy(key: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(key.as_ref())
}

fn put(key: impl AsRef<[u8]>, value: impl Into<Bytes>, condition: Condition) -> ObjectOp {
    ObjectOp::Put { key: copy(key), value: value.into(), condition }
}

fn delete(key: impl AsRef<[u8]>, condition: Condition) -> ObjectOp {
    ObjectOp::Delete { key: copy(key), condition }
}

fn found(outcome: Outcome) -> Result<Option<Object>, ClientError> {
    match outcome? {
        ObjectResult::Found { value, version } => Ok(Some(Object { value, version })),
        ObjectResult::Absent => Ok(None),
        other => Err(misfit(&other)),
    }
}

fn written(outcome: Outcome) -> Result<Version, ClientError> {
    match outcome? {
        ObjectResult::Written(version) => Ok(version),
        other => Err(misfit(&other)),
    }
}

fn deleted(outcome: Outcome) -> Result<Option<Version>, ClientError> {
    match outcome? {
        ObjectResult::Deleted(version) => Ok(Some(version)),
        ObjectResult::Absent => Ok(None),
        other => Err(misfit(&other)),
    }
}

/// A master that answers another question than was asked: nothing is known.
pub(crate) fn misfit(result: &ObjectResult) -> ClientError {
    ClientError::Unknown(format!("the master's answer does not fit the call: {result:?}"))
}
