use crate::real_world::RealWorld;
use bytes::Bytes;
use rekindle_env::{Dir, DiskError, Env};
use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

fn append(env: &Env, name: &str, bytes: Vec<u8>) -> Call {
    let (dir, name) = (Arc::clone(&env.dir), name.to_owned());
    Box::pin(async move { dir.append_synced(&name, bytes.into()).await.unwrap() })
}

/// Polls each once, in order: issued, but not waited for.
async fn issue(calls: &mut [Call]) {
    std::future::poll_fn(|context| {
        for call in calls.iter_mut() {
            if call.as_mut().poll(context).is_ready() {
                *call = Box::pin(std::future::ready(())); // The disk was quicker: it may be waited for once more.
            }
        }
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_lock_is_given_back_after_the_calls_that_were_issued_under_it() {
    const BYTES: usize = 1 << 20;
    let world = RealWorld::start();
    // To the system two environments are two processes.
    let (env, other) = (world.env(), world.env());
    world.block_on(async {
        let lock = env.dir.lock("l").await.unwrap();
        let mut calls: Vec<Call> =
            (0..32).map(|file| append(&env, &format!("f{file}"), vec![7; BYTES])).collect();
        issue(&mut calls).await;
        drop(calls);
        drop(lock);
        let taken = loop {
            match other.dir.lock("l").await {
                Err(DiskError::Locked(_)) => tokio::task::yield_now().await,
                taken => break taken.unwrap(),
            }
        };
        let lengths = (0..32).map(|file| std::fs::metadata(world.path().join(format!("f{file}"))));
        assert!(lengths.into_iter().all(|file| file.unwrap().len() == BYTES as u64), "calls ran on");
        drop(taken);
        let mut calls: Vec<Call> =
            (0..9).map(|file| append(&env, &format!("g{file}"), vec![7; BYTES])).collect();
        for _ in 0..3 {
            let lock = env.dir.lock("l").await.expect("who takes it again waits for his own calls");
            issue(&mut calls.split_off(calls.len() - 3)).await;
            drop(lock);
        }
    });
}

#[test]
fn calls_take_effect_as_issued_even_if_their_futures_are_dropped() {
    let world = RealWorld::start();
    let env = world.env();
    world.block_on(async {
        for name in ["f", "g"] {
            let mut calls: Vec<Call> = (0..200).map(|number| append(&env, name, vec![number])).collect();
            issue(&mut calls).await;
            drop(calls);
        }
        let all: Bytes = (0..200).collect::<Vec<u8>>().into();
        assert_eq!(env.dir.read("f").await.unwrap(), all);
        assert_eq!(env.dir.read("g").await.unwrap(), all);
    });
}

#[test]
fn a_rename_comes_between_the_calls_around_it() {
    let world = RealWorld::start();
    let env = world.env();
    world.block_on(async {
        for round in 0..50 {
            let (a, b) = (format!("a{round}"), format!("b{round}"));
            let rename = |from: &str, to: &str| -> Call {
                let (dir, from, to): (Arc<dyn Dir>, _, _) =
                    (Arc::clone(&env.dir), from.to_owned(), to.to_owned());
                Box::pin(async move { dir.rename(&from, &to).await.unwrap() })
            };
            let mut calls = vec![
                append(&env, &a, b"1".to_vec()),
                append(&env, &b, b"2".to_vec()),
                rename(&a, &b),
                append(&env, &b, b"3".to_vec()),
                append(&env, &a, b"4".to_vec()),
                rename(&b, &a),
                append(&env, &b, b"5".to_vec()),
            ];
            issue(&mut calls).await;
            assert_eq!(env.dir.read(&a).await.unwrap(), "13");
            assert_eq!(env.dir.read(&b).await.unwrap(), "5");
        }
    });
}

#[test]
fn more_calls_than_the_queue_has_places_wait_for_one() {
    let world = RealWorld::start();
    let env = world.env();
    world.block_on(async {
        let mut calls: Vec<Call> =
            (0..5_000_u32).map(|number| append(&env, "f", number.to_le_bytes().to_vec())).collect();
        issue(&mut calls).await;
        for call in calls {
            call.await;
        }
        let bytes = env.dir.read("f").await.unwrap();
        let mut records: Vec<u32> =
            bytes.chunks(4).map(|chunk| u32::from_le_bytes(chunk.try_into().unwrap())).collect();
        assert!(records[..1_000].is_sorted(), "those that found a place");
        records.sort_unstable();
        assert_eq!(records, (0..5_000).collect::<Vec<_>>());
    });
}

#[test]
fn what_was_issued_is_done_before_the_last_handle_is_gone() {
    let world = RealWorld::start();
    let env = world.env();
    world.block_on(async {
        let mut calls: Vec<Call> = (0..100).map(|number| append(&env, "f", vec![number])).collect();
        issue(&mut calls).await;
        drop(calls);
        drop(env);
    });
    let on_disk = std::fs::read(world.path().join("f")).unwrap();
    assert_eq!(on_disk, (0..100).collect::<Vec<u8>>());
}
