//! Loads the objects, many at a time, and writes over them as fast.

use super::Caller;
use crate::checked::{Index, SplitMix, Values};
use futures_util::{StreamExt, stream};
use rekindle::client::Condition;

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

/// Single deletes under way in one of them.
const DELETES: usize = 128;
/// Of so many batches one is deleted before it is written anew, each object by itself.
const DELETED: u64 = 16;

/// Puts every object again, in random order of batches, some of them after they were deleted. Returns how many writes
/// were not done because the cluster had no room or no time for them.
pub async fn turn_over(caller: &Caller, seed: u64, progress: impl Fn(u64)) -> u64 {
    let batch = (CALL_BYTES / caller.objects.object_bytes().max(1)).clamp(1, 4096) as usize;
    let mut firsts: Vec<Index> = caller.objects.indexes().step_by(batch).collect();
    let mut rng = SplitMix(seed);
    for at in (1..firsts.len()).rev() {
        firsts.swap(at, rng.below(at as u64 + 1) as usize);
    }
    let end = caller.objects.indexes().end;
    let batches = firsts.into_iter().map(|first| {
        let (is_deleted, progress) = (rng.below(DELETED) == 0, &progress);
        async move {
            let batch = first..first.saturating_add(batch as Index).min(end);
            if is_deleted {
                let deletes = batch.clone().map(|index| caller.delete(index, Condition::Always));
                stream::iter(deletes).buffer_unordered(DELETES).collect::<()>().await;
            }
            u64::from(put(caller, batch, progress).await.is_err())
        }
    });
    stream::iter(batches).buffer_unordered(CALLS).fold(0, async |sum, failed| sum + failed).await
}

async fn put(caller: &Caller, batch: std::ops::Range<Index>, progress: &impl Fn(u64)) -> Result<(), String> {
    let indexes: Vec<Index> = batch.collect();
    let outcome = caller.multi_put(&indexes).await;
    progress(caller.objects.bytes_of(indexes.len() as u64));
    outcome.map_err(|(index, error)| format!("object {index} could not be loaded: {error}"))
}
