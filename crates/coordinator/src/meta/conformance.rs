//! What every [`MetaLog`] must do. Each check takes a fresh, empty log.

use super::{AppendError, Batch, EntityId, Leadership, MetaLog, Record};
use bytes::Bytes;
use rekindle_types::{Lsn, Term};

/// Runs all checks, each on a log of its own.
///
/// # Panics
/// When one fails.
pub async fn check_all<L: MetaLog, F: AsyncFn() -> L>(fresh: F) {
    sequence_numbers_are_dense(&fresh().await).await;
    a_conflict_records_nothing(&fresh().await).await;
    absence_is_a_version_too(&fresh().await).await;
    the_last_record_of_an_entity_counts(&fresh().await).await;
    everything_live_is_read_back(&fresh().await).await;
    a_new_reign_deposes_the_old(&fresh().await).await;
    only_the_newest_reign_leads(&fresh().await).await;
}

fn id(n: u64) -> EntityId {
    EntityId { kind: 1, first: n, second: 0 }
}

fn put(n: u64, state: &'static [u8]) -> Record {
    Record { entity: id(n), state: Some(Bytes::from_static(state)) }
}

fn batch(expected: &[(u64, u64)], records: Vec<Record>) -> Batch {
    Batch { expected: expected.iter().map(|(n, lsn)| (id(*n), Lsn(*lsn))).collect(), records }
}

async fn sequence_numbers_are_dense(log: &impl MetaLog) {
    let opened = log.open().await.unwrap();
    assert_eq!((opened.last, opened.entities.len()), (Lsn(0), 0));
    for n in 1..=3 {
        let lsn = log.append(opened.term, batch(&[], vec![put(n, b"x")])).await.unwrap();
        assert_eq!(lsn, Lsn(n));
    }
    let stale = log.append(opened.term, batch(&[(1, 3)], vec![])).await;
    assert!(matches!(stale, Err(AppendError::Conflict { .. })), "{stale:?}");
    assert_eq!(log.append(opened.term, batch(&[], vec![])).await, Ok(Lsn(4)), "a refusal takes no number");
}

async fn a_conflict_records_nothing(log: &impl MetaLog) {
    let term = log.open().await.unwrap().term;
    log.append(term, batch(&[], vec![put(1, b"a"), put(2, b"a")])).await.unwrap();
    log.append(term, batch(&[], vec![put(2, b"b")])).await.unwrap();
    let stale = log.append(term, batch(&[(1, 1), (2, 1)], vec![put(1, b"c"), put(3, b"c")])).await;
    let conflict = AppendError::Conflict { entity: id(2), expected: Lsn(1), found: Lsn(2) };
    assert_eq!(stale, Err(conflict));
    let opened = log.open().await.unwrap();
    let states: Vec<&[u8]> = opened.entities.iter().map(|e| &e.state[..]).collect();
    assert_eq!(states, [b"a", b"b"]);
}

async fn absence_is_a_version_too(log: &impl MetaLog) {
    let term = log.open().await.unwrap().term;
    log.append(term, batch(&[(1, 0)], vec![put(1, b"a")])).await.unwrap();
    let again = log.append(term, batch(&[(1, 0)], vec![put(1, b"b")])).await;
    assert!(matches!(again, Err(AppendError::Conflict { .. })), "{again:?}");
    let removal = Record { entity: id(1), state: None };
    log.append(term, batch(&[(1, 1)], vec![removal])).await.unwrap();
    assert_eq!(log.append(term, batch(&[(1, 0)], vec![put(1, b"c")])).await, Ok(Lsn(3)));
}

async fn the_last_record_of_an_entity_counts(log: &impl MetaLog) {
    let term = log.open().await.unwrap().term;
    log.append(term, batch(&[], vec![put(1, b"a"), put(1, b"b")])).await.unwrap();
    assert_eq!(&log.open().await.unwrap().entities[0].state[..], b"b");
}

async fn everything_live_is_read_back(log: &impl MetaLog) {
    let term = log.open().await.unwrap().term;
    log.append(term, batch(&[], vec![put(2, b"two"), put(1, b"one"), put(3, b"")])).await.unwrap();
    log.append(term, batch(&[], vec![put(1, b"new"), Record { entity: id(2), state: None }])).await.unwrap();
    let opened = log.open().await.unwrap();
    let read: Vec<_> = opened.entities.iter().map(|e| (e.entity, e.version, &e.state[..])).collect();
    assert_eq!(read, [(id(1), Lsn(2), &b"new"[..]), (id(3), Lsn(1), &b""[..])]);
    assert_eq!(opened.last, Lsn(2));
}

async fn a_new_reign_deposes_the_old(log: &impl MetaLog) {
    let old = log.open().await.unwrap().term;
    let new = log.open().await.unwrap().term;
    assert!(new > old && old > Term(0));
    let late = log.append(old, batch(&[], vec![put(1, b"late")])).await;
    assert_eq!(late, Err(AppendError::Deposed { term: old, newest: new }));
    assert_eq!(log.append(new, batch(&[], vec![])).await, Ok(Lsn(1)));
}

async fn only_the_newest_reign_leads(log: &impl MetaLog) {
    let old = log.open().await.unwrap().term;
    assert_eq!(log.leadership(old), Leadership::Valid);
    let new = log.open().await.unwrap().term;
    assert_eq!(log.leadership(old), Leadership::Over { newest: new });
    assert_eq!(log.leadership(new), Leadership::Valid);
}
