//! Is every acknowledged write still there in the end, or what came after it?

use crate::history::{Ask, Call, Moment, Told, ValueId};
use rekindle_types::Version;

/// A write that was acknowledged and is not there any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lost: {write}\n    in the end: {found:?}")]
pub struct LostWrite {
    /// The write.
    pub write: String,
    /// What was found instead.
    pub found: Option<(ValueId, Version)>,
}

/// Checks the calls on one key against what a read found after all of them had ended. It needs no search, and sees
/// nothing but the end: a lower version than acknowledged, or an absence that no delete explains.
///
/// # Errors
/// The acknowledged write with the highest version among those that are lost.
pub fn check_acknowledged(calls: &[Call], found: Option<(ValueId, Version)>) -> Result<(), LostWrite> {
    let newest = calls.iter().filter_map(|call| Some((version_of(call)?, call))).max_by_key(|(v, _)| *v);
    let Some((version, write)) = newest else { return Ok(()) };
    let is_there = match found {
        Some((value, there)) if there == version => {
            matches!(write.ask, Ask::Put { value: v, .. } if v == value)
        }
        Some((_, there)) => there > version,
        None => calls.iter().any(|call| may_have_removed(call, write.from)),
    };
    let lost = || LostWrite { write: write.to_string(), found };
    if is_there { Ok(()) } else { Err(lost()) }
}

fn version_of(call: &Call) -> Option<Version> {
    match call.told {
        Told::Wrote(version) => Some(version),
        _ => None,
    }
}

/// Whether the delete may have come after a write that began then: it had not ended before.
fn may_have_removed(call: &Call, from: Moment) -> bool {
    let is_delete = matches!(call.ask, Ask::Delete { .. });
    is_delete && call.may_have_written() && call.to.is_none_or(|to| to > from)
}
