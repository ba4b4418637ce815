use crate::real_world::RealWorld;
use rekindle_env::Time;
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

#[test]
fn it_only_grows_and_is_the_boot_clock() {
    let world = RealWorld::start();
    let clock = world.env().clock;
    let boot = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Time(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    };
    for _ in 0..1_000 {
        let (before, now, after) = (boot(), clock.now(), boot());
        assert!(before <= now && now <= after);
    }
}

#[test]
fn a_sleep_never_ends_early_on_any_thread() {
    let world = RealWorld::start();
    let env = world.env();
    let sleep = |nanos| {
        let clock = env.clock.clone();
        async move {
            let deadline = clock.now() + Duration::from_nanos(nanos);
            clock.sleep_until(deadline).await;
            assert!(clock.now() >= deadline);
        }
    };
    for nanos in [0, 1, 1_000, 1_500_000, 3_000_000] {
        world.block_on(sleep(nanos));
        for spawn in [&env.spawn, &env.urgent] {
            world.block_on(spawn.spawn("sleeps", Box::pin(sleep(nanos))).join());
        }
    }
}

#[test]
fn a_past_deadline_resolves_at_once_without_a_runtime() {
    let world = RealWorld::start();
    let clock = world.env().clock;
    let mut past = pin!(clock.sleep_until(Time(1)));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(past.as_mut().poll(&mut context), Poll::Ready(()));
    let mut future = pin!(clock.sleep(Duration::from_secs(3600)));
    assert_eq!(future.as_mut().poll(&mut context), Poll::Pending);
}

#[test]
fn randomness_may_be_drawn_by_all_threads() {
    let world = RealWorld::start();
    let rng = world.env().rng;
    let mut drawn = std::thread::scope(|scope| {
        let threads =
            [(); 4].map(|()| scope.spawn(|| (0..1_000).map(|_| rng.next_u64()).collect::<Vec<_>>()));
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 4_000);
}
