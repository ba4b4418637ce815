//! Loads the objects, many at a time.

use super::Caller;
use crate::checked::{Index, Values};
use futures_util::{StreamExt, stream};

/// Bytes of keys and values in one call.
const CALL_BYTES: u64 = 2 << 20;
/// Calls under way.
const CALLS: usize = 8;

/// Puts every object; `progress` is told how many bytes more are there.
///
/// # Errors
/// The first object that could not be put.
pub async fn load(caller: &Caller, progress: impl Fn(u64)) -> Result<(), String> {
    let batch = (CALL_BYTES / caller.objects.object_bytes().max(1)).clamp(1, 4096) as usize;
    let batches = caller.objects.indexes().step_by(batch).map(|first| {
        let end = first.saturating_add(batch as Index).min(caller.objects.indexes().end);
        put(caller, first..end, &progress)
    });
    let mut calls = stream::iter(batches).buffer_unordered(CALLS);
    while let Some(outcome) = calls.next().await {
        outcome?;
    }
    Ok(())
}

async fn put(caller: &Caller, batch: std::ops::Range<Index>, progress: &impl Fn(u64)) -> Result<(), String> {
    let indexes: Vec<Index> = batch.collect();
    let outcome = caller.multi_put(&indexes).await;
    progress(caller.objects.bytes_of(indexes.len() as u64));
    outcome.map_err(|(index, error)| format!("object {index} could not be loaded: {error}"))
}
