use crate::real_world::RealWorld;
use parking_lot::Mutex;
use rekindle_env::{Spawn, Task};
use std::{
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// A test of this module that is to fail, in a process of its own.
const CHILD: &str = "REKINDLE_TEST_PANICS";

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// Whether anybody listens or not.
fn tell(listener: &mpsc::Sender<String>, what: &str) {
    let _ = listener.send(format!("{what} on {}", thread_name()));
}

/// A task that waits for ever, and what learns that it was dropped, and where.
fn waiting(spawn: &dyn Spawn) -> (Task, mpsc::Receiver<String>) {
    struct Dropped(mpsc::Sender<String>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            tell(&self.0, "dropped");
        }
    }
    let (sender, receiver) = mpsc::channel();
    let task = spawn.spawn(
        "waiting",
        Box::pin(async move {
            tell(&sender, "runs");
            let _dropped = Dropped(sender);
            std::future::pending::<()>().await;
        }),
    );
    (task, receiver)
}

#[test]
fn tasks_run_on_the_thread_of_their_runtime_and_stop_with_their_handle() {
    let world = RealWorld::start();
    let env = world.env();
    for (spawn, thread) in [(&env.spawn, "main-net"), (&env.urgent, "urgent-net")] {
        for stop in [Task::stop as fn(Task), drop] {
            let (task, events) = waiting(&**spawn);
            assert_eq!(events.recv().unwrap(), format!("runs on {thread}"));
            stop(task);
            assert_eq!(events.recv().unwrap(), format!("dropped on {thread}"));
        }
    }
}

#[test]
fn any_thread_may_spawn_join_and_stop() {
    let world = RealWorld::start();
    let env = world.env();
    let counted = Arc::<Mutex<u32>>::default();
    thread::scope(|scope| {
        for number in 0..8 {
            let (env, counted, world) = (env.clone(), Arc::clone(&counted), &world);
            scope.spawn(move || {
                let spawn = if number % 2 == 0 { &env.spawn } else { &env.urgent };
                for _ in 0..50 {
                    let counted = Arc::clone(&counted);
                    let clock = Arc::clone(&env.clock);
                    let task = spawn.spawn(
                        "counts",
                        Box::pin(async move {
                            clock.sleep(Duration::from_micros(10)).await;
                            *counted.lock() += 1;
                        }),
                    );
                    world.block_on(task.join());
                    waiting(&**spawn).0.stop();
                }
            });
        }
    });
    assert_eq!(*counted.lock(), 400);
}

#[test]
fn a_task_that_was_stopped_is_gone_when_that_is_waited_for() {
    let world = RealWorld::start();
    for _ in 0..100 {
        let (task, events) = waiting(&*world.env().spawn);
        events.recv().unwrap();
        world.block_on(task.stopped());
        assert_eq!(events.try_recv().unwrap(), "dropped on main-net");
    }
}

#[test]
fn dropping_a_join_stops_the_task() {
    let world = RealWorld::start();
    let (task, events) = waiting(&*world.env().spawn);
    events.recv().unwrap();
    drop(task.join());
    assert_eq!(events.recv().unwrap(), "dropped on main-net");
}

#[test]
fn runtimes_drop_their_tasks_on_their_own_threads_and_joins_end() {
    let world = RealWorld::start();
    let env = world.env();
    let (main, main_events) = waiting(&*env.spawn);
    let (urgent, urgent_events) = waiting(&*env.urgent);
    main_events.recv().unwrap();
    urgent_events.recv().unwrap();
    drop(world);
    assert_eq!(main_events.try_recv().unwrap(), "dropped on main-net");
    assert_eq!(urgent_events.try_recv().unwrap(), "dropped on urgent-net");
    // Neither hangs: who waits for a task of a runtime that has ended learns of the end.
    let other = RealWorld::start();
    other.block_on(main.join());
    other.block_on(urgent.join());
    let (late, late_events) = waiting(&*env.spawn);
    other.block_on(late.join());
    assert!(late_events.recv().is_err(), "it never ran");
}

#[test]
fn runtimes_may_be_dropped_by_their_own_task() {
    let (sender, receiver) = mpsc::channel();
    let world = RealWorld::start();
    let env = world.env();
    let runtimes = world.runtimes.main();
    let task = runtimes.spawn(async move {
        drop(world);
        sender.send(thread_name()).unwrap();
    });
    assert_eq!(receiver.recv().unwrap(), "main-net");
    drop((task, env));
}

#[test]
fn heavy_work_runs_elsewhere_at_a_lower_priority_and_outlives_its_handle() {
    let world = RealWorld::start();
    let env = world.env();
    let (sender, receiver) = mpsc::channel();
    let work = || {
        let sender = sender.clone();
        Box::new(move || {
            let nice = rustix::process::getpriority_process(None).unwrap();
            sender.send((thread_name(), nice)).unwrap();
        })
    };
    drop(env.spawn.heavy("dropped", work()));
    world.block_on(env.urgent.heavy("joined", work()).join());
    let own = rustix::process::getpriority_process(None).unwrap();
    for _ in 0..2 {
        let (name, nice) = receiver.recv().unwrap();
        assert!(name.starts_with("heavy-"), "{name}");
        assert_eq!(nice, (own + 5).min(19));
    }
}

#[test]
fn heavy_work_is_joined_when_it_is_done_and_all_of_it_at_the_end() {
    let world = RealWorld::start();
    let env = world.env();
    let done = Arc::<Mutex<Vec<u32>>>::default();
    let (release, released) = mpsc::channel::<()>();
    let (released, finished) = (Mutex::new(released), Arc::clone(&done));
    let first = env.spawn.heavy(
        "first",
        Box::new(move || {
            released.lock().recv().unwrap();
            finished.lock().push(0);
        }),
    );
    for number in 1..100 {
        let finished = Arc::clone(&done);
        drop(env.spawn.heavy("many", Box::new(move || finished.lock().push(number))));
    }
    let finished = Arc::clone(&done);
    let slow = move || {
        thread::sleep(Duration::from_millis(50));
        finished.lock().push(100);
    };
    drop(env.spawn.heavy("slow", Box::new(slow)));
    assert!(!done.lock().contains(&0));
    release.send(()).unwrap();
    world.block_on(first.join());
    assert!(done.lock().contains(&0));
    drop(env);
    let mut done = done.lock().clone();
    done.sort_unstable();
    assert_eq!(done, (0..=100).collect::<Vec<_>>());
}

#[test]
fn a_panic_in_a_task_or_in_heavy_work_ends_the_process_and_says_whose() {
    for which in ["task", "heavy work"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["real_tasks_stop_and_join::in_a_child_panics", "--exact", "--nocapture"])
            .env(CHILD, which)
            .output()
            .unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.status), Some(6), "{which}: aborted");
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(
            errors.contains("on purpose") && errors.contains(&format!("{which} \"odd\" panicked")),
            "{errors}"
        );
    }
}

#[test]
fn in_a_child_panics() {
    let Ok(which) = std::env::var(CHILD) else { return };
    let world = RealWorld::start();
    let env = world.env();
    let task = match which.as_str() {
        "task" => env.spawn.spawn("odd", Box::pin(async { panic!("on purpose") })),
        _ => env.spawn.heavy("odd", Box::new(|| panic!("on purpose"))),
    };
    world.block_on(task.join());
}
