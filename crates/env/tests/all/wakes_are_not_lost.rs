use parking_lot::Mutex;
use rekindle_env::memory::{Event, World};
use std::{
    future::{self, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

fn polls_traced(world: &World) -> Arc<AtomicU64> {
    let polls = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&polls);
    world.trace(move |_, event| {
        if matches!(event, Event::Poll { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    polls
}

#[test]
fn a_wake_during_the_poll_polls_again() {
    let world = World::new(1);
    let mut left = 5;
    world.block_on(poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    assert_eq!(left, 0);
}

#[test]
fn many_wakes_of_a_waiting_task_make_one_poll() {
    let world = World::new(1);
    let polls = polls_traced(&world);
    let kept = Arc::<Mutex<Option<Waker>>>::default();
    let slot = Arc::clone(&kept);
    let waiting = poll_fn(move |context| {
        *slot.lock() = Some(context.waker().clone());
        Poll::<()>::Pending
    });
    let _task = world.node("a").env().spawn.spawn("waiting", Box::pin(waiting));
    world.run_until_idle();
    assert_eq!(polls.load(Ordering::Relaxed), 1);
    let waker = kept.lock().clone().unwrap();
    (0..10).for_each(|_| waker.wake_by_ref());
    world.run_until_idle();
    assert_eq!(polls.load(Ordering::Relaxed), 2);
}

#[test]
fn wakers_of_ended_and_killed_tasks_do_nothing() {
    let world = World::new(1);
    let node = world.node("a");
    let kept = Arc::<Mutex<Vec<Waker>>>::default();
    let keep = |forever: bool| {
        let slot = Arc::clone(&kept);
        let body = async move {
            poll_fn(|context| {
                slot.lock().push(context.waker().clone());
                Poll::Ready(())
            })
            .await;
            if forever {
                future::pending::<()>().await;
            }
        };
        node.env().spawn.spawn("kept", Box::pin(body))
    };
    let tasks = [keep(false), keep(true)];
    world.run_until_idle();
    node.kill();
    let polls = polls_traced(&world);
    let wakers = std::mem::take(&mut *kept.lock());
    assert_eq!(wakers.len(), 2);
    wakers.into_iter().for_each(Waker::wake);
    world.run_until_idle();
    assert_eq!(polls.load(Ordering::Relaxed), 0);
    drop(tasks);
}

#[test]
fn a_wake_while_paused_counts_after_the_pause() {
    let world = World::new(1);
    let node = world.node("a");
    let task = node.env().spawn.spawn("quick", Box::pin(async {}));
    node.pause();
    world.run_until_idle();
    assert_eq!(node.tasks(), 1);
    node.resume();
    world.block_on(task.join());
    assert_eq!(node.tasks(), 0);
}
