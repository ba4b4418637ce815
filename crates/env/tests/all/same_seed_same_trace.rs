use parking_lot::Mutex;
use rekindle_env::memory::{Crash, Order, World, WorldConfig, yield_now};
use std::{process::Command, sync::Arc, time::Duration};

/// Some nodes that sleep, draw, write, die and come back. The hash of the trace, and the order of steps.
fn play(config: WorldConfig) -> (u64, Vec<u64>) {
    let world = World::with(config);
    let steps = Arc::<Mutex<Vec<u64>>>::default();
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        let node = world.node(name);
        let env = node.env();
        for task in 0..4 {
            let (env, steps) = (env.clone(), Arc::clone(&steps));
            let body = async move {
                for step in 0..5 {
                    let file = format!("f{task}");
                    env.dir.append(&file, vec![task as u8; 100].into()).await.unwrap();
                    yield_now().await;
                    env.dir.sync_file(&file).await.unwrap();
                    steps.lock().push(task * 10 + step);
                    env.clock.sleep(Duration::from_millis(env.rng.below(5))).await;
                }
            };
            tasks.push(node.env().spawn.spawn("writer", Box::pin(body)));
        }
    }
    world.run_for(Duration::from_millis(7));
    world.node("b").kill_with(Crash::Subset);
    world.note("b is dead");
    let listed = world.block_on(world.node("b").restart().dir.list()).unwrap();
    world.note(&listed.join(","));
    world.run_for(Duration::from_millis(100));
    drop(tasks);
    let steps = steps.lock().clone();
    (world.trace_hash(), steps)
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for order in [Order::Fifo, Order::Random] {
        for seed in 0..5 {
            let config = WorldConfig { order, ..WorldConfig::new(seed) };
            assert_eq!(play(config), play(config));
        }
    }
}

#[test]
fn other_seeds_give_other_orders() {
    let run = |seed| play(WorldConfig { order: Order::Random, ..WorldConfig::new(seed) });
    let (first, second) = (run(1), run(2));
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

const CHILD: &str = "REKINDLE_TEST_PRINTS_ITS_TRACE_HASH";

/// Runs itself in a second process, where addresses and default hashers differ.
#[test]
fn the_trace_is_the_same_in_another_process() {
    let config = WorldConfig { order: Order::Random, ..WorldConfig::new(7) };
    let hash = format!("trace hash {:#018x}", play(config).0);
    if std::env::var_os(CHILD).is_some() {
        println!("{hash}");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "same_seed_same_trace::the_trace_is_the_same_in_another_process", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success() && printed.contains(&hash), "here: {hash}, there: {printed}");
}

#[test]
fn notes_and_single_events_change_the_hash() {
    let hash = |texts: &[&str]| {
        let world = World::new(1);
        texts.iter().for_each(|text| world.note(text));
        world.trace_hash()
    };
    assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    assert_ne!(hash(&["a", "b"]), hash(&["ab"]));
    assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
}
