use rekindle_env::{
    Time,
    memory::{Why, World, WorldConfig, yield_now},
};
use std::{future, time::Duration};

#[test]
fn a_deadlock_lists_the_tasks_by_name() {
    let world = World::new(1);
    let _task = world.node("a").env().spawn.spawn("waits for Godot", Box::pin(future::pending()));
    let stuck = world.try_block_on(future::pending::<()>()).unwrap_err();
    assert_eq!(stuck.why, Why::Deadlock);
    assert_eq!(stuck.tasks, ["a/waits for Godot#1"]);
    assert!(stuck.to_string().contains("waits for Godot"));
}

#[test]
fn spinning_tasks_are_a_livelock() {
    let world = World::with(WorldConfig { polls_max: 1_000, ..WorldConfig::new(1) });
    let spin = async {
        loop {
            yield_now().await;
        }
    };
    let _task = world.node("a").env().spawn.spawn("spinner", Box::pin(spin));
    let stuck = world.try_block_on(future::pending::<()>()).unwrap_err();
    assert_eq!(stuck.why, Why::Livelock(1_000));
}

#[test]
fn endless_timers_end_with_the_time_of_the_world() {
    let time_max = Time::default() + Duration::from_secs(10);
    let world = World::with(WorldConfig { time_max, ..WorldConfig::new(1) });
    let clock = world.node("a").env().clock;
    let ticks = async move {
        loop {
            clock.sleep(Duration::from_secs(1)).await;
        }
    };
    let _task = world.node("a").env().spawn.spawn("ticker", Box::pin(ticks));
    let stuck = world.try_block_on(future::pending::<()>()).unwrap_err();
    assert_eq!((stuck.why, stuck.now), (Why::TimeMax, time_max));
}

#[test]
#[should_panic(expected = "the world is being run already")]
fn a_task_must_not_drive_the_world() {
    let world = World::new(1);
    world.block_on(async { world.run_until_idle() });
}

#[test]
fn a_world_survives_a_panic_in_a_task() {
    let world = World::new(1);
    let node = world.node("a");
    let task = node.env().spawn.spawn("bad", Box::pin(async { panic!("as intended") }));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run_until_idle()));
    assert!(unwound.is_err());
    drop(task);
    world.run_for(Duration::from_secs(1));
    node.kill();
    assert_eq!(node.tasks(), 0);
    assert_eq!(world.now().0, 1_000_000_000);
}
