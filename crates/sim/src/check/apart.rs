//! Do operations that exclude each other never overlap?
//!
//! A table may be dropped before it is made.

use crate::look::{Look, OperationLook};
use std::collections::BTreeMap;

/// Two operations under way are about one server, or one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two operations about one thing: {one:?} and {other:?}")]
pub struct Overlap {
    /// One of them.
    pub one: OperationLook,
    /// The other.
    pub other: OperationLook,
}

/// Checks one look.
///
/// # Errors
/// The first two operations that overlap.
pub fn check_apart(look: &Look) -> Result<(), Overlap> {
    let mut seen = BTreeMap::new();
    let operations = look.record.iter().flat_map(|record| &record.operations);
    for other in operations.copied() {
        if let Some(one) = seen.insert(other.about, other) {
            return Err(Overlap { one, other });
        }
    }
    Ok(())
}
