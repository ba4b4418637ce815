use parking_lot::Mutex;
use rekindle_env::{Time, memory::World};
use std::{sync::Arc, time::Duration};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines_and_on_time() {
    let world = World::new(1);
    let env = world.node("a").env();
    let fired = Arc::<Mutex<Vec<(u64, Time)>>>::default();
    let tasks: Vec<_> = [30, 10, 20, 10]
        .into_iter()
        .map(|delay| {
            let (clock, fired) = (Arc::clone(&env.clock), Arc::clone(&fired));
            let sleeper = async move {
                clock.sleep(ms(delay)).await;
                fired.lock().push((delay, clock.now()));
            };
            env.spawn.spawn("sleeper", Box::pin(sleeper))
        })
        .collect();
    world.run_for(ms(100));
    drop(tasks);
    let expected = [10, 10, 20, 30].map(|delay| (delay, Time::default() + ms(delay)));
    assert_eq!(*fired.lock(), expected);
    assert_eq!(world.now(), Time::default() + ms(100));
}

#[test]
fn run_until_stops_before_later_timers() {
    let world = World::new(1);
    let env = world.node("a").env();
    let done = Arc::new(Mutex::new(false));
    let (clock, flag) = (Arc::clone(&env.clock), Arc::clone(&done));
    let _task = env.spawn.spawn(
        "sleeper",
        Box::pin(async move {
            clock.sleep(ms(10)).await;
            *flag.lock() = true;
        }),
    );
    world.run_until_idle();
    assert_eq!(world.now(), Time::default());
    world.run_for(ms(9));
    assert!(!*done.lock());
    world.run_for(ms(1));
    assert!(*done.lock());
}

#[test]
fn a_dropped_sleep_does_not_move_the_clock() {
    let world = World::new(1);
    let clock = world.node("a").env().clock;
    world.block_on(async {
        let mut long = clock.sleep(ms(1_000_000));
        let pending =
            std::future::poll_fn(|context| std::task::Poll::Ready(long.as_mut().poll(context).is_pending()));
        assert!(pending.await);
        drop(long);
        clock.sleep(ms(5)).await;
    });
    assert_eq!(world.now(), Time::default() + ms(5));
    assert!(world.try_block_on(std::future::pending::<()>()).is_err());
    assert_eq!(world.now(), Time::default() + ms(5));
}

#[test]
fn a_past_deadline_resolves_at_once() {
    let world = World::new(1);
    let clock = world.node("a").env().clock;
    world.run_for(ms(5));
    world.block_on(clock.sleep_until(Time(3)));
    assert_eq!(world.now(), Time::default() + ms(5));
}

#[test]
fn a_paused_node_stands_still_while_the_clock_goes_on() {
    let world = World::new(1);
    let node = world.node("a");
    let env = node.env();
    let woke_at = Arc::<Mutex<Option<Time>>>::default();
    let (clock, slot) = (Arc::clone(&env.clock), Arc::clone(&woke_at));
    let _task = env.spawn.spawn(
        "sleeper",
        Box::pin(async move {
            clock.sleep(ms(10)).await;
            *slot.lock() = Some(clock.now());
        }),
    );
    world.run_until_idle();
    node.pause();
    world.run_for(ms(50));
    assert_eq!(*woke_at.lock(), None);
    node.resume();
    world.run_until_idle();
    assert_eq!(*woke_at.lock(), Some(Time::default() + ms(50)));
}

#[test]
fn clocks_of_nodes_may_differ_and_drift() {
    let world = World::new(1);
    let (fast, slow) = (world.node("fast"), world.node("slow"));
    world.run_for(ms(7));
    fast.skew_clock(ms(1_000), 10_000);
    slow.skew_clock(ms(0), -10_000);
    let (fast_clock, slow_clock) = (fast.env().clock, slow.env().clock);
    assert_eq!(fast_clock.now(), Time::default() + ms(1_007));
    world.block_on(slow_clock.sleep(ms(99)));
    assert_eq!(world.now(), Time::default() + ms(107));
    assert_eq!(fast_clock.now().since(Time::default() + ms(1_007)), ms(101));
    world.block_on(fast_clock.sleep(ms(101)));
    assert_eq!(world.now(), Time::default() + ms(207));
}

#[test]
fn a_timer_of_a_clock_that_is_slowed_down_waits_longer() {
    let world = World::new(1);
    let node = world.node("a");
    let clock = node.env().clock;
    world.block_on(async {
        let mut sleep = clock.sleep(ms(100));
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(sleep.as_mut().poll(context)));
        assert!(polled.await.is_pending());
        node.skew_clock(ms(0), -500_000);
        sleep.await;
    });
    assert_eq!(world.now(), Time::default() + ms(200));
    assert_eq!(clock.now(), Time::default() + ms(100));
}
