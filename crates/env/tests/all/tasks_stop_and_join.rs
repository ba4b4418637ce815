use parking_lot::Mutex;
use rekindle_env::memory::{World, block_on, yield_now};
use std::{sync::Arc, time::Duration};

fn count_forever(world: &World, counter: &Arc<Mutex<u64>>) -> rekindle_env::Task {
    let env = world.node("a").env();
    let (clock, counter) = (Arc::clone(&env.clock), Arc::clone(counter));
    env.spawn.spawn(
        "counter",
        Box::pin(async move {
            loop {
                *counter.lock() += 1;
                clock.sleep(Duration::from_millis(1)).await;
            }
        }),
    )
}

#[test]
fn a_dropped_handle_stops_its_task() {
    for stop in [rekindle_env::Task::stop as fn(_), drop] {
        let world = World::new(1);
        let counter = Arc::<Mutex<u64>>::default();
        let task = count_forever(&world, &counter);
        world.run_for(Duration::from_millis(10));
        let counted = *counter.lock();
        assert!(counted >= 10);
        stop(task);
        world.run_for(Duration::from_millis(10));
        assert_eq!(*counter.lock(), counted);
        assert_eq!(world.node("a").tasks(), 0);
        assert_eq!(Arc::strong_count(&counter), 1);
    }
}

#[test]
fn a_stopped_task_can_be_waited_for() {
    let world = World::new(1);
    let counter = Arc::<Mutex<u64>>::default();
    let task = count_forever(&world, &counter);
    world.run_for(Duration::from_millis(10));
    world.block_on(task.stopped());
    assert_eq!(Arc::strong_count(&counter), 1);
}

#[test]
fn a_task_stopped_before_its_first_poll_never_runs() {
    let world = World::new(1);
    let counter = Arc::<Mutex<u64>>::default();
    count_forever(&world, &counter).stop();
    world.run_for(Duration::from_millis(10));
    assert_eq!(*counter.lock(), 0);
}

#[test]
fn join_waits_for_the_end_and_dropping_it_stops_the_task() {
    let world = World::new(1);
    let env = world.node("a").env();
    let clock = Arc::clone(&env.clock);
    let task = env.spawn.spawn("sleeper", Box::pin(async move { clock.sleep(Duration::from_secs(3)).await }));
    world.block_on(task.join());
    assert_eq!(world.now().0, 3_000_000_000);

    let counter = Arc::<Mutex<u64>>::default();
    drop(count_forever(&world, &counter).join());
    world.run_for(Duration::from_millis(10));
    assert_eq!(*counter.lock(), 0);
}

#[test]
fn a_task_may_drop_its_own_handle() {
    let world = World::new(1);
    let env = world.node("a").env();
    let own = Arc::<Mutex<Option<rekindle_env::Task>>>::default();
    let reached = Arc::<Mutex<Vec<u8>>>::default();
    let (handle, steps) = (Arc::clone(&own), Arc::clone(&reached));
    let task = env.spawn.spawn(
        "suicide",
        Box::pin(async move {
            drop(handle.lock().take());
            steps.lock().push(1);
            yield_now().await;
            steps.lock().push(2);
        }),
    );
    *own.lock() = Some(task);
    world.run_until_idle();
    assert_eq!(*reached.lock(), [1]);
    assert_eq!(world.node("a").tasks(), 0);
}

#[test]
fn heavy_work_runs_later_and_outlives_its_handle() {
    let world = World::new(1);
    let env = world.node("a").env();
    let done = Arc::new(Mutex::new(0));
    let work = |done: &Arc<Mutex<i32>>| {
        let done = Arc::clone(done);
        Box::new(move || *done.lock() += 1)
    };
    let joined = env.spawn.heavy("work", work(&done));
    drop(env.spawn.heavy("work", work(&done)));
    assert_eq!(*done.lock(), 0, "not within the call");
    world.block_on(joined.join());
    world.run_until_idle();
    assert_eq!(*done.lock(), 2);
}

#[test]
fn futures_can_be_run_without_a_world() {
    let answer = block_on(async {
        yield_now().await;
        42
    });
    assert_eq!(answer, 42);
}
