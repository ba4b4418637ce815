//! A process whose standard input closes has lost its parent, and ends at once: whatever kills a parent leaves no
//! orphans.

use crate::starts_that_can_not_work_say_why::Place;
use rekindle_cluster::local::{NodeConfig, role};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Started by hand.
fn start(config: &NodeConfig, output: Stdio) -> Child {
    Command::new(crate::cluster::NODE)
        .args([role::ARGUMENT, &serde_json::to_string(config).unwrap()])
        .stdin(Stdio::piped())
        .stdout(output)
        .spawn()
        .unwrap()
}

/// Its exit code; killed when it does not end.
fn exit_code(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + crate::cluster::LONG;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap().code()
}

#[test]
fn with_a_parent_that_is_gone() {
    let place = Place::new();
    let mut child = start(&place.coordinator("c"), Stdio::piped());
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while !first.contains("ready") {
        first.clear();
        assert!(output.read_line(&mut first).unwrap() > 0, "it has ended");
    }
    assert_eq!(child.try_wait().unwrap(), None);
    drop(child.stdin.take());
    assert_eq!(exit_code(&mut child), Some(role::PARENT_GONE.into()));
}

#[test]
fn while_it_still_waits_for_a_coordinator() {
    let place = Place::new();
    let mut child = start(&place.storage("s", "127.0.0.1:1/1"), Stdio::null());
    drop(child.stdin.take());
    assert_eq!(exit_code(&mut child), Some(role::PARENT_GONE.into()));
}
