//! At the end: every object is read twice, one by one and in listings.

use crate::{
    checked::{self, Verified},
    traffic::Target,
};
use rekindle::types::KeyRange;

/// Listings of a table.
const PIECES: u32 = 16;

/// Reads all objects of a table; what is not as promised goes to the books. `progress` is told of every object that
/// was read, twice.
///
/// # Errors
/// A listing that did not come to its end.
pub async fn verify(target: &Target, progress: impl Fn(u64)) -> Result<Verified, String> {
    // Nothing is written any more: what a listing shows must be what the reads before it have shown.
    let verified = checked::verify(&target.caller, &progress).await;
    for range in KeyRange::FULL.split_even(PIECES) {
        let indexes = target.indexes(range);
        if !target.caller.scan(range, &indexes).await {
            return Err(format!("table {:?} can't be listed", target.caller.table.name()));
        }
        progress(indexes.len() as u64);
    }
    Ok(verified)
}
