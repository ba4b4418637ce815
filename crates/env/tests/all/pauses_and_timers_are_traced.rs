//! What the trace says of timers and pauses.

use parking_lot::Mutex;
use rekindle_env::{
    Time,
    memory::{Event, World},
};
use std::{sync::Arc, time::Duration};

type Seen = Arc<Mutex<Vec<(Time, String)>>>;

/// Sees all but polls and tasks.
fn watched(world: &World) -> Seen {
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    world.trace(move |at, event| {
        if !matches!(event, Event::Poll { .. } | Event::Spawn { .. } | Event::End { .. }) {
            notes.lock().push((at, format!("{event:?}")));
        }
    });
    seen
}

#[test]
fn each_timer_is_told_when_it_is_due() {
    let world = World::new(1);
    let seen = watched(&world);
    let clock = world.node("a").env().clock;
    world.block_on(async {
        clock.sleep(Duration::from_nanos(5)).await;
        clock.sleep(Duration::from_nanos(7)).await;
    });
    let advance = |at| (Time(at), "Advance".to_owned());
    let timer = |at, number| (Time(at), format!("Timer {{ number: {number} }}"));
    assert_eq!(*seen.lock(), [advance(5), timer(5, 1), advance(12), timer(12, 2)]);
}

#[test]
fn a_pause_is_told_once_and_so_is_its_end() {
    let world = World::new(1);
    let (seen, node) = (watched(&world), world.node("a"));
    node.resume();
    node.pause();
    node.pause();
    node.resume();
    node.kill();
    node.pause();
    let texts: Vec<String> = seen.lock().iter().map(|(_, text)| text.clone()).collect();
    let expected = ["Pause", "Resume", "Kill"].map(|what| format!("{what} {{ node: \"a\" }}"));
    assert_eq!(texts, expected);
}

#[test]
fn whoever_has_a_tracer_adds_events() {
    let world = World::new(1);
    let (seen, before) = (watched(&world), world.trace_hash());
    world.run_until(Time(9));
    let tracer = world.tracer();
    assert_eq!(tracer.now(), Time(9));
    tracer.record(Event::Note("here"));
    assert_eq!(*seen.lock(), [(Time(9), "Note(\"here\")".to_owned())]);
    assert_ne!(world.trace_hash(), before);
}
