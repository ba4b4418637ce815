//! Lists a table.

use crate::{ClientError, ObjectOp, ObjectResult, Table, table::misfit};
use bytes::Bytes;
use rekindle_types::{KeyRange, Version};

/// A listing under way, by ascending key hash. While no tablet moves every object comes exactly once; an object
/// that is written meanwhile comes in its old or its new state.
pub struct Scan {
    table: Table,
    /// What is left of the range.
    left: Option<KeyRange>,
}

/// A listed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The version.
    pub version: Version,
}

impl Scan {
    pub(crate) fn new(table: Table, range: KeyRange) -> Self {
        Self { table, left: Some(range) }
    }

    /// The next page, which may be empty; `None` at the end. After an error the same page can be asked for again.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Listed>>, ClientError> {
        let Some(left) = self.left else { return Ok(None) };
        let (from, to, bytes_max) = (left.first(), left.last(), self.table.page_bytes());
        let mut outcomes = self.table.many(vec![ObjectOp::Scan { from, to, bytes_max }]).await;
        let result = outcomes.pop().expect("a batch has an outcome for every call")?;
        let ObjectResult::Scanned { objects, next } = result else { return Err(misfit(&result)) };
        self.left = match next {
            // Without progress the listing would never end.
            Some(next) if next <= left.first() => {
                return Err(ClientError::Invalid("the master's listing makes no progress".into()));
            }
            Some(next) => KeyRange::new(next, left.last()),
            None => None,
        };
        Ok(Some(objects.into_iter().map(|(key, value, version)| Listed { key, value, version }).collect()))
    }

    /// Everything that is left, in memory at once.
    pub async fn collect(mut self) -> Result<Vec<Listed>, ClientError> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }
}
