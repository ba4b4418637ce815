use parking_lot::Mutex;
use rekindle_env::{DiskError, memory::World};
use std::{future, sync::Arc, time::Duration};

/// Counts itself while it lives.
#[derive(Clone)]
struct Alive(Arc<()>);

impl Alive {
    fn new() -> Self {
        Self(Arc::new(()))
    }

    fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[test]
fn destructors_run_at_once_and_nothing_stays() {
    let world = World::new(1);
    let (node, other) = (world.node("a"), world.node("b"));
    let alive = Alive::new();
    let mut tasks = Vec::new();
    for (node, count) in [(&node, 5), (&other, 2)] {
        for _ in 0..count {
            let (held, env) = (alive.clone(), node.env());
            let task = async move {
                let _held = held;
                env.clock.sleep(Duration::from_secs(1)).await;
                future::pending::<()>().await;
            };
            tasks.push(node.env().spawn.spawn("holder", Box::pin(task)));
        }
    }
    world.run_until_idle();
    assert_eq!(alive.others(), 7);
    node.kill();
    assert_eq!(alive.others(), 2, "only the other node's tasks are left");
    assert_eq!((node.tasks(), other.tasks()), (0, 2));
    world.run_for(Duration::from_secs(2));
    drop(world);
    assert_eq!(alive.others(), 0, "a dropped world leaves no task behind");
}

#[test]
fn a_kill_from_inside_takes_effect_when_the_poll_ends() {
    let world = World::new(1);
    let node = world.node("a");
    let env = node.env();
    let alive = Alive::new();
    let log = Arc::<Mutex<Vec<&'static str>>>::default();
    let held = alive.clone();
    let _bystander = env.spawn.spawn(
        "bystander",
        Box::pin(async move {
            let _held = held;
            future::pending::<()>().await;
        }),
    );
    world.run_until_idle();
    let (killer, inner, seen, held) = (node.clone(), env.clone(), Arc::clone(&log), alive.clone());
    let _task = env.spawn.spawn(
        "killer",
        Box::pin(async move {
            killer.kill();
            assert_eq!(held.others(), 2, "tasks are still there during the poll");
            seen.lock().push("after kill");
            drop(inner.spawn.heavy("ghost", Box::new(|| panic!("a dead process runs nothing"))));
            inner.clock.sleep(Duration::from_millis(1)).await;
            seen.lock().push("never");
        }),
    );
    world.run_for(Duration::from_secs(1));
    assert_eq!(*log.lock(), ["after kill"]);
    assert_eq!(alive.others(), 0);
    assert!(!node.is_up());
}

#[test]
fn the_dead_process_can_neither_spawn_nor_write() {
    let world = World::new(1);
    let node = world.node("a");
    let before = node.env();
    let device = world.block_on(before.dir.device("d", 512)).unwrap();
    world.block_on(before.dir.sync()).unwrap();
    node.kill();
    let ran = Arc::new(Mutex::new(false));
    for env in [before.clone(), {
        drop(node.restart());
        before
    }] {
        let flag = Arc::clone(&ran);
        let task = env.spawn.spawn("ghost", Box::pin(async move { *flag.lock() = true }));
        world.block_on(task.join());
        assert!(matches!(world.block_on(env.dir.append("f", "x".into())), Err(DiskError::Io(_))));
        assert!(matches!(world.block_on(device.write_at(0, "x".into())), Err(DiskError::Io(_))));
    }
    assert!(!*ran.lock());
    assert_eq!(world.block_on(node.env().dir.list()).unwrap(), ["d"]);
}

#[test]
fn a_restarted_node_draws_other_numbers() {
    let world = World::new(1);
    let node = world.node("a");
    let first = node.env().rng.next_u64();
    assert_ne!(node.env().rng.next_u64(), first, "one stream for the whole process");
    node.kill();
    assert_ne!(node.restart().rng.next_u64(), first);
    assert_ne!(world.node("b").env().rng.next_u64(), first);
    assert_eq!(World::new(1).node("a").env().rng.next_u64(), first);
}

#[test]
fn joiners_elsewhere_learn_of_the_end() {
    let world = World::new(1);
    let (node, other) = (world.node("a"), world.node("b"));
    let task = node.env().spawn.spawn("endless", Box::pin(future::pending()));
    let joined = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&joined);
    let _joiner = other.env().spawn.spawn(
        "joiner",
        Box::pin(async move {
            task.join().await;
            *flag.lock() = true;
        }),
    );
    world.run_until_idle();
    assert!(!*joined.lock());
    node.kill();
    world.run_until_idle();
    assert!(*joined.lock());
}

#[test]
fn a_kill_may_come_between_any_two_disk_calls() {
    let mut ends = std::collections::BTreeSet::new();
    for kill_at_ms in 0..12 {
        let world = World::new(1);
        let node = world.node("a");
        node.disk().set_latency(Duration::from_millis(5));
        let dir = node.env().dir;
        let _task = node.env().spawn.spawn(
            "writer",
            Box::pin(async move {
                dir.append("f", "x".into()).await.unwrap();
                dir.sync_file("f").await.unwrap();
                dir.sync().await.unwrap();
            }),
        );
        world.run_for(Duration::from_millis(kill_at_ms));
        let syncs = node.disk().syncs();
        node.kill();
        let names = world.block_on(node.restart().dir.list()).unwrap();
        assert_eq!(names.is_empty(), syncs.dirs == 0);
        ends.insert((syncs.files, syncs.dirs));
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), [(0, 0), (1, 0), (1, 1)]);
}
