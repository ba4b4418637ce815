//! Group commit: what comes while a sync runs is written together by the next one, in one serial order; no answer
//! shows what is not durable; and whoever drops a call loses the answer, not the batch.

use crate::crashing_dir::{CrashPoint, CrashingDir, Faults};
use futures_util::FutureExt;
use futures_util::future::{join, join_all, poll_fn};
use rekindle_coordinator::meta::{
    AppendError, Batch, EntityId, FileMetaLog, FileMetaLogConfig, MetaLog, Record,
};
use rekindle_env::memory::World;
use rekindle_types::Lsn;
use std::sync::atomic::Ordering;
use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

fn id(n: u64) -> EntityId {
    EntityId { kind: 1, first: n, second: 0 }
}

fn put(n: u64, expected: Option<u64>) -> Batch {
    let records = vec![Record { entity: id(n), state: Some(vec![1].into()) }];
    Batch { expected: expected.map(|lsn| (id(n), Lsn(lsn))).into_iter().collect(), records }
}

fn log_on(world: &World, faults: &Arc<Faults>) -> FileMetaLog {
    FileMetaLog::new(&CrashingDir::within(world.node("c").env(), faults), FileMetaLogConfig::new(1))
}

/// Polls once, then leaves the rest to others.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.poll_unpin(cx) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn appends_that_wait_share_a_sync() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    let log = log_on(&world, &faults);
    world.block_on(async {
        let term = log.open().await.unwrap().term;
        world.node("c").disk().set_latency(Duration::from_millis(1));
        let before = faults.syncs.load(Ordering::Relaxed);
        let appended = join_all((1..=100).map(|n| log.append(term, put(n, Some(0))))).await;
        assert_eq!(appended, (1..=100).map(|n| Ok(Lsn(n))).collect::<Vec<_>>(), "in the order of the calls");
        let syncs = faults.syncs.load(Ordering::Relaxed) - before;
        assert_eq!(syncs, 2, "one begins with the first, the others wait for the next");
    });
}

#[test]
fn an_answer_does_not_wait_for_the_mark_behind_it() {
    let play = |crash: Option<CrashPoint>| {
        let (world, faults) = (World::new(1), Arc::new(Faults { crash, ..Faults::default() }));
        let log = log_on(&world, &faults);
        world.block_on(async {
            let term = log.open().await.unwrap().term;
            assert_eq!(log.append(term, put(1, None)).await, Ok(Lsn(1)));
            if crash.is_none() {
                log.settled().await;
            }
        });
        faults
    };
    let calls = play(None).calls.load(Ordering::Relaxed);
    let mark = play(Some(CrashPoint { call: calls - 1, is_done: false }));
    assert!(mark.has_crashed.load(Ordering::Relaxed), "it is handed to the disk together with the answer");
}

#[test]
fn groups_are_bounded() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    let log = log_on(&world, &faults);
    world.block_on(async {
        let term = log.open().await.unwrap().term;
        let before = faults.syncs.load(Ordering::Relaxed);
        let large = |n| Batch {
            records: vec![Record { entity: id(n), state: Some(vec![7; 3 << 20].into()) }],
            ..Batch::default()
        };
        let appended = join_all((1..=4).map(|n| log.append(term, large(n)))).await;
        assert!(appended.iter().all(Result::is_ok));
        assert_eq!(
            faults.syncs.load(Ordering::Relaxed) - before,
            4,
            "two of them are too much for one group"
        );
        let limit = FileMetaLog::BATCH_BYTES_MAX;
        let state = Some(vec![7; limit].into());
        let batch = Batch { records: vec![Record { entity: id(1), state }], ..Batch::default() };
        let refused = log.append(term, batch).await;
        assert!(matches!(refused, Err(AppendError::TooLarge { bytes, .. }) if bytes > limit), "{refused:?}");
    });
}

#[test]
fn no_answer_shows_what_is_not_durable() {
    let (world, whole) = (World::new(1), Arc::new(Faults::default()));
    let opening = world.block_on(async {
        log_on(&world, &whole).open().await.unwrap();
        whole.calls.load(Ordering::Relaxed)
    });
    // The bytes are written, the sync never returns.
    for in_one_group in [true, false] {
        let world = World::new(1);
        let crash = Some(CrashPoint { call: opening + 1, is_done: true });
        let faults = Arc::new(Faults { crash, ..Faults::default() });
        let log = log_on(&world, &faults);
        world.block_on(async {
            let term = log.open().await.unwrap().term;
            let (mut first, mut other) =
                (pin!(log.append(term, put(1, Some(0)))), pin!(log.append(term, put(1, Some(0)))));
            assert_eq!(once(first.as_mut()).await, None);
            if in_one_group {
                assert_eq!(once(other.as_mut()).await, None);
            }
            let clock = world.node("c").env().clock;
            for _ in 0..50 {
                clock.sleep(Duration::from_millis(1)).await;
                assert_eq!(
                    once(join(first.as_mut(), other.as_mut())).await,
                    None,
                    "it has seen what is not there"
                );
            }
            assert!(faults.has_crashed.load(Ordering::Relaxed));
        });
    }
}

#[test]
fn a_refusal_in_a_group_comes_with_the_group() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    let log = log_on(&world, &faults);
    world.block_on(async {
        let term = log.open().await.unwrap().term;
        let first = log.append(term, put(9, None));
        let group = [Some(0), Some(0), Some(2)].map(|expected| log.append(term, put(1, expected)));
        let (_, group) = join(first, join_all(group)).await;
        let conflict = AppendError::Conflict { entity: id(1), expected: Lsn(0), found: Lsn(2) };
        assert_eq!(group, [Ok(Lsn(2)), Err(conflict), Ok(Lsn(3))], "each sees those before it");
    });
}

#[test]
fn a_dropped_call_is_carried_out() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    let log = log_on(&world, &faults);
    world.block_on(async {
        let term = log.open().await.unwrap().term;
        assert_eq!(once(log.append(term, put(1, None))).await, None);
        assert_eq!(once(log.append(term, put(2, None))).await, None);
        assert_eq!(log.append(term, put(3, None)).await, Ok(Lsn(3)));
        assert_eq!(once(log.open()).await, None);
        let opened = log.open().await.unwrap();
        assert_eq!(
            (opened.term.0, opened.entities.len()),
            (term.0 + 2, 3),
            "the reign that nobody took is one too"
        );
    });
}

#[test]
fn a_log_that_is_dropped_in_the_middle_gives_its_lock_back() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    world.block_on(async {
        let log = log_on(&world, &faults);
        let term = log.open().await.unwrap().term;
        assert_eq!(once(log.append(term, put(1, None))).await, None);
        drop(log);
        let opened = log_on(&world, &faults).open().await.unwrap();
        assert!(opened.term > term);
    });
}

#[test]
fn nothing_is_appended_before_the_log_is_open() {
    let (world, faults) = (World::new(1), Arc::new(Faults::default()));
    let log = log_on(&world, &faults);
    let early = world.block_on(log.append(rekindle_types::Term(0), put(1, None)));
    assert!(matches!(early, Err(AppendError::Failed(_))), "{early:?}");
}
