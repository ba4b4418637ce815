//! Whoever waits for polls of some nodes is woken by these, and by no others.

use rekindle_env::memory::{Node, World, yield_now};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

fn steps(node: &Node, count: &Arc<AtomicU64>, each: Duration) {
    let (env, count) = (node.env(), count.clone());
    let clock = env.clock.clone();
    let task = env.spawn.spawn(
        "steps",
        Box::pin(async move {
            loop {
                clock.sleep(each).await;
                for _ in 0..5 {
                    count.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
                count.store(0, Ordering::Relaxed);
            }
        }),
    );
    std::mem::forget(task);
}

#[test]
fn steps_that_take_no_time_are_seen() {
    let world = World::new(1);
    let (one, other) = (world.node("a"), world.node("b"));
    let [seen, elsewhere] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    steps(&one, &seen, Duration::from_millis(7));
    steps(&other, &elsewhere, Duration::from_millis(2));
    world.block_on(async {
        while seen.load(Ordering::Relaxed) == 0 {
            Node::polled(&[one.clone(), other.clone()]).await;
        }
    });
    assert_eq!(world.now().0, 7_000_000);
    assert!(seen.load(Ordering::Relaxed) < 5, "in the midst of its steps");
}

#[test]
fn polls_of_other_nodes_wake_nobody() {
    let world = World::new(1);
    let (one, other) = (world.node("a"), world.node("b"));
    steps(&other, &Arc::default(), Duration::from_millis(2));
    world.block_on(async {
        let mut waits = pin!(Node::polled(std::slice::from_ref(&one)));
        let mut over = world.node("c").env().clock.sleep(Duration::from_millis(50));
        let mut looks = 0;
        poll_fn(|context| {
            looks += 1;
            assert!(waits.as_mut().poll(context).is_pending());
            over.as_mut().poll(context)
        })
        .await;
        assert_eq!(looks, 2, "it was woken by the clock alone");
    });
}
