//! Reads every object back.

use super::{Caller, Index, Seen, Values};
use futures_util::{StreamExt, stream};

/// Bytes of keys and values in one call.
const CALL_BYTES: u64 = 1 << 20;
/// Calls under way.
const CALLS: usize = 8;

/// What was found as promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects as promised: there with the right value and version, or rightly absent.
    pub objects: u64,
    /// Of them, those that were surely deleted.
    pub deletes: u64,
}

/// Reads all; what is not as promised goes to the books, and is not counted. `progress` is told how many objects
/// more were read.
pub async fn verify<V: Values>(caller: &Caller<V>, progress: impl Fn(u64)) -> Verified {
    let batch = (CALL_BYTES / caller.objects.object_bytes().max(1)).clamp(1, 4096) as usize;
    let all = 0..caller.objects.count() as Index;
    let batches = all.clone().step_by(batch).map(|first| {
        let end = first.saturating_add(batch as Index).min(all.end);
        read(caller, first..end, &progress)
    });
    let add = |sum: Verified, part: Verified| Verified {
        objects: sum.objects + part.objects,
        deletes: sum.deletes + part.deletes,
    };
    stream::iter(batches).buffer_unordered(CALLS).fold(Verified::default(), async |a, b| add(a, b)).await
}

async fn read<V: Values>(
    caller: &Caller<V>,
    batch: std::ops::Range<Index>,
    progress: &impl Fn(u64),
) -> Verified {
    let mut readings = Vec::with_capacity(batch.len());
    {
        let oracle = &mut caller.books.lock().oracle;
        readings.extend(batch.clone().map(|index| oracle.begin_read(index)));
    }
    let answers = caller.table.multi_get(batch.clone().map(|index| caller.objects.key(index))).await;
    progress(batch.len() as u64);
    let mut verified = Verified::default();
    for ((index, reading), answer) in batch.zip(readings).zip(answers) {
        // Absent by an acknowledged delete, not by one that may have happened.
        let is_deleted = {
            let oracle = &caller.books.lock().oracle;
            oracle.settled(index) == Seen::Absent && !oracle.is_unsure(index)
        };
        if caller.take_read(reading, index, answer) {
            verified.objects += 1;
            verified.deletes += u64::from(is_deleted);
        }
    }
    verified
}
