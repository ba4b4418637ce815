//! Loads the objects, many at a time.

use super::Caller;
use crate::objects::Index;
use futures_util::{StreamExt, stream};
use rekindle::client::{Condition, Conditional};

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
    let mut numbers = Vec::with_capacity(batch.len());
    {
        let oracle = &mut caller.books.lock().oracle;
        numbers.extend(batch.clone().map(|index| oracle.begin_put(index, Condition::Always)));
    }
    let objects = batch.clone().zip(numbers);
    let objects =
        objects.map(|(index, number)| (caller.objects.key(index), caller.objects.value(index, number)));
    let answers = caller.table.multi_put(objects).await;
    let books = &mut *caller.books.lock();
    let mut outcome = Ok(());
    for (index, answer) in batch.clone().zip(answers) {
        if let Err(error) = &answer {
            outcome = Err(format!("object {index} could not be loaded: {error}"));
        }
        books.take_put(index, answer.map(Conditional::Done));
    }
    progress(caller.objects.bytes_of(batch.len() as u64));
    outcome
}
