//! The memory parts of object calls.

use super::{HeldTablet, NotHeld};
use rekindle_backup::TooFewBackups;
use rekindle_client::{ObjectCall, ObjectError, ObjectOp, ObjectResult};
use rekindle_log::{
    LogError,
    store::{Answer, Object, ScanPage, Store, StoreError, Write, WriteOutcome},
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

/// Bytes of values in an answer after which further reads are put off: with one more value, or page of a scan,
/// and all results, an answer stays below the largest frame.
const REPLY_BYTES_MAX: usize = 4 << 20;

/// Does the memory parts of the calls of one request, in order, on the tablets that the caller holds. Gets that
/// follow each other, and puts, go to the store together: it overlaps their cache misses. With `too_few` backups
/// nothing is written.
///
/// V3: gets show what is durable, so that they wait for no write of others; next to writes of the same request, which
/// is answered as a whole once those are durable, they show what these have done.
#[must_use]
pub fn begin_all(
    store: &Store,
    calls: &[ObjectCall],
    held: &[Result<HeldTablet, NotHeld>],
    too_few: Option<TooFewBackups>,
    retry_after: Duration,
) -> Vec<Begun> {
    let has_writes =
        calls.iter().any(|call| matches!(call.op, ObjectOp::Put { .. } | ObjectOp::Delete { .. }));
    let begun = Vec::with_capacity(calls.len());
    let mut all = Beginning { store, retry_after, has_writes, begun, read_bytes: 0 };
    let mut rest = calls.iter().zip(held).peekable();
    let (mut gets, mut puts) = (Vec::new(), Vec::new());
    while let Some((call, held)) = rest.next() {
        match (&call.op, held) {
            (ObjectOp::Put { .. } | ObjectOp::Delete { .. }, Ok(_)) if too_few.is_some() => {
                let TooFewBackups { have, need } = too_few.expect("just seen");
                all.begun.push(Begun::refused(ObjectError::TooFewBackups { have, need }));
            }
            (ObjectOp::Get { key }, Ok(_)) => gets.push((call.table, &key[..])),
            (ObjectOp::Put { key, value, condition }, Ok(_)) => {
                puts.push(Write { table: call.table, key, value, condition: *condition });
            }
            (op, Ok(tablet)) => all.one(*tablet, op),
            (_, Err(refusal)) => all.begun.push(Begun::refused(match refusal {
                NotHeld::WrongMaster => ObjectError::WrongMaster,
                NotHeld::Retry => retry(retry_after),
            })),
        }
        let next = rest.peek().filter(|(_, held)| held.is_ok()).map(|(call, _)| &call.op);
        if !gets.is_empty() && !matches!(next, Some(ObjectOp::Get { .. })) {
            all.gets(&gets);
            gets.clear();
        }
        if !puts.is_empty() && !matches!(next, Some(ObjectOp::Put { .. })) {
            all.puts(&puts);
            puts.clear();
        }
    }
    all.begun
}

struct Beginning<'a> {
    store: &'a Store,
    retry_after: Duration,
    has_writes: bool,
    begun: Vec<Begun>,
    /// Bytes of values in the answer so far.
    read_bytes: usize,
}

impl Beginning<'_> {
    fn gets(&mut self, keys: &[(TableId, &[u8])]) {
        let answers =
            if self.has_writes { self.store.multi_get(keys) } else { self.store.multi_get_durable(keys) };
        for answer in answers {
            let begun = answer.map(found);
            self.read(begun);
        }
    }

    fn puts(&mut self, writes: &[Write<'_>]) {
        for answer in self.store.multi_put(writes) {
            let begun = answer.map(written);
            self.push(begun);
        }
    }

    fn one(&mut self, tablet: HeldTablet, op: &ObjectOp) {
        let table = tablet.table;
        match op {
            ObjectOp::Get { key } => {
                let begun = self.store.get(table, key).map(found);
                self.read(begun);
            }
            ObjectOp::Put { key, value, condition } => {
                let begun = self.store.put(table, key, value, *condition).map(written);
                self.push(begun);
            }
            ObjectOp::Delete { key, condition } => {
                let begun = self.store.delete(table, key, *condition).map(written);
                self.push(begun);
            }
            ObjectOp::Scan { from, to, bytes_max } => {
                let Some(range) = KeyRange::new(*from, *to) else {
                    let why = format!("a scan from {from} to {to}");
                    return self.begun.push(Begun::refused(ObjectError::Invalid(why)));
                };
                if self.read_bytes > REPLY_BYTES_MAX {
                    return self.begun.push(Begun::refused(retry(Duration::ZERO)));
                }
                let range = range.intersection(tablet.range).expect("the tablet was found by `from`");
                let page = self.store.scan(table, range, (*bytes_max).min(SCAN_BYTES_MAX) as usize);
                self.read(Ok(scanned(page)));
            }
        }
    }

    /// A read that would make the answer too large is put off.
    fn read(&mut self, begun: Result<Begun, StoreError>) {
        if self.read_bytes > REPLY_BYTES_MAX {
            return self.begun.push(Begun::refused(retry(Duration::ZERO)));
        }
        self.push(begun);
        self.read_bytes += self.begun.last().map_or(0, Begun::bytes);
    }

    fn push(&mut self, begun: Result<Begun, StoreError>) {
        let retry_after = self.retry_after;
        self.begun.push(begun.unwrap_or_else(|error| Begun::refused(refusal(&error, retry_after))));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rekindle_client::Condition;
    use rekindle_log::{Log, LogConfig, Volatile, store::StoreConfig};
    use rekindle_types::{LogId, ServerId, TabletVersion, Version};
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    const TABLE: TableId = TableId(1);
    const HELD: Result<HeldTablet, NotHeld> =
        Ok(HeldTablet { table: TABLE, range: KeyRange::FULL, version: TabletVersion(1) });

    fn store() -> Arc<Store> {
        let log = Log::new(LogConfig::new(LogId::of(ServerId(1))), Arc::new(Volatile)).unwrap();
        Store::new(log, StoreConfig::default())
    }

    fn get(key: &'static str) -> ObjectOp {
        ObjectOp::Get { key: key.into() }
    }

    fn put(key: &'static str, value: impl Into<Bytes>, condition: Condition) -> ObjectOp {
        ObjectOp::Put { key: key.into(), value: value.into(), condition }
    }

    fn begun(store: &Store, calls: Vec<(ObjectOp, Result<HeldTablet, NotHeld>)>) -> Vec<Begun> {
        let (ops, held): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
        let call = |op| ObjectCall { table: TABLE, tablet: TabletVersion(1), op };
        let calls: Vec<_> = ops.into_iter().map(call).collect();
        begin_all(store, &calls, &held, None, Duration::from_millis(20))
    }

    #[test]
    fn calls_of_a_request_are_done_in_order_and_answered_in_place() {
        let calls = vec![
            (get("a"), HELD),
            (put("a", "1", Condition::Always), HELD),
            (put("b", "1", Condition::Always), HELD),
            (put("a", "2", Condition::IfAbsent), HELD),
            (put("c", "1", Condition::Always), Err(NotHeld::WrongMaster)),
            (get("a"), HELD),
            (get("c"), Err(NotHeld::Retry)),
            (get("c"), HELD),
            (ObjectOp::Delete { key: "a".into(), condition: Condition::Always }, HELD),
            (get("a"), HELD),
            (put("", "no key", Condition::Always), HELD),
            (get("b"), HELD),
        ];
        let (version, count) = (|n| Version(n), calls.len());
        let results: Vec<_> = begun(&store(), calls).into_iter().map(|begun| begun.result).collect();
        assert_eq!(results.len(), count);
        assert!(matches!(&results[10], Err(ObjectError::Invalid(why)) if why.contains("key")), "{results:?}");
        let found =
            |value: &'static str, n| Ok(ObjectResult::Found { value: value.into(), version: version(n) });
        let (first, second) = match (&results[1], &results[2]) {
            (Ok(ObjectResult::Written(first)), Ok(ObjectResult::Written(second))) => (first.0, second.0),
            other => panic!("{other:?}"),
        };
        assert_eq!(results[0], Ok(ObjectResult::Absent));
        assert_eq!(results[3], Ok(ObjectResult::ConditionFailed(Some(version(first)))));
        assert_eq!(results[4], Err(ObjectError::WrongMaster));
        assert_eq!(results[5], found("1", first));
        assert_eq!(results[6], Err(ObjectError::Retry { after_ms: 20 }));
        assert_eq!(results[7], Ok(ObjectResult::Absent));
        assert_eq!(results[8], Ok(ObjectResult::Deleted(version(first))));
        assert_eq!(results[9], Ok(ObjectResult::Absent));
        assert_eq!(results[11], found("1", second));
    }

    #[test]
    fn reads_that_make_an_answer_too_large_are_put_off() {
        let store = store();
        let value = Bytes::from(vec![7; 1 << 20]);
        let puts = begun(&store, vec![(put("a", value, Condition::Always), HELD)]);
        assert!(puts[0].result.is_ok());
        let mut run = Box::pin(store.log().clone().run());
        assert!(
            run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(),
            "what was put is durable"
        );
        let gets = begun(&store, (0..10).map(|_| (get("a"), HELD)).collect());
        let answered = gets.iter().filter(|begun| begun.result.is_ok()).count();
        assert_eq!(answered, REPLY_BYTES_MAX / (1 << 20) + 1);
        assert_eq!(gets[9].result, Err(ObjectError::Retry { after_ms: 0 }));
    }
}
