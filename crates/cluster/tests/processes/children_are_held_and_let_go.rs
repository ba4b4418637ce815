//! The launcher and its children, with a script for an executable.

use rekindle_cluster::{
    local::{
        Child, CoordinatorNode, CredentialFiles, LaunchError, Launcher, NodeConfig, NodeReport, NodeRole,
        Size, role,
    },
    wire::ClusterId,
};
use rekindle_types::{ServerId, Term};
use std::{fs, path::Path, time::Duration};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

/// A configuration that nobody acts on but for the name.
fn config(name: &str) -> NodeConfig {
    let none = || "none.pem".into();
    let files = CredentialFiles { authority: none(), certificate: none(), key: none() };
    let role = NodeRole::Coordinator(CoordinatorNode::new(Size::Servers(1)));
    NodeConfig::new(ClusterId(1), name, "none", files, role)
}

fn launcher() -> Launcher {
    Launcher::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processes/child.sh")).ready_within(LONG)
}

fn start(name: &str) -> Child {
    launcher().start(&config(name)).unwrap()
}

fn error(launcher: &Launcher, name: &str) -> LaunchError {
    match launcher.start(&config(name)) {
        Ok(child) => panic!("{} is ready", child.name()),
        Err(error) => error,
    }
}

/// The state letter of a process, `None` when there is none.
fn state(id: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The process group of a process.
fn group(id: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn a_child_apart_gets_no_signals_of_the_terminal() {
    // They go to the group in the foreground.
    let own = group(std::process::id());
    assert_eq!(group(start("good").id()), own);
    let apart = launcher().apart().start(&config("good")).unwrap();
    assert_eq!(group(apart.id()), apart.id());
}

#[test]
fn a_child_says_that_it_is_ready_and_how_it_is_and_stops() {
    let child = start("good");
    assert_eq!((child.name(), child.ready().server), ("good", Some(ServerId(7))));
    for number in 1..=3 {
        // Answers to other questions are passed over.
        let NodeReport::Coordinator(report) = child.status(LONG).unwrap() else { panic!("another role") };
        assert_eq!(report.term, Term(number));
    }
    assert!(child.memory().unwrap().resident_bytes_max > 0);
    assert!(child.is_running());
    child.stop(LONG).unwrap();
    assert!(!child.is_running());
    assert!(child.status(LONG).is_err());
    assert!(child.memory().is_err());
}

#[test]
fn a_start_that_fails_says_why() {
    let error = |name| error(&launcher(), name);
    assert!(
        matches!(error("failing"), LaunchError::Failed { message, code: Some(2), .. } if message == "no such luck")
    );
    assert_eq!(error("dying").to_string(), "dying: has ended: out of luck");
    let impatient = launcher().ready_within(SHORT);
    assert!(matches!(self::error(&impatient, "silent"), LaunchError::NotReady { .. }));
    let nothing = Launcher::new("/nowhere/node");
    assert!(matches!(self::error(&nothing, "good"), LaunchError::NotStarted { .. }));
}

#[test]
fn a_killed_child_is_gone() {
    let child = start("good");
    let before = child.ready().clone();
    let at = child.kill().unwrap();
    assert!(at <= rekindle_cluster::local::boot_time());
    assert_eq!(state(child.id()), None);
    // Its id may be another's by now: nothing is sent there.
    assert!(child.pause().is_err() && child.resume().is_err());
    child.kill().unwrap();
    assert_eq!(*child.ready(), before);
}

#[test]
fn a_paused_child_does_nothing_until_it_is_resumed() {
    let child = start("good");
    child.pause().unwrap();
    assert!(child.status(SHORT).is_err());
    assert_eq!(state(child.id()), Some('T'));
    assert!(child.is_running());
    child.resume().unwrap();
    assert!(child.status(LONG).is_ok());
}

#[test]
fn a_paused_child_can_be_killed() {
    let child = start("good");
    child.pause().unwrap();
    child.kill().unwrap();
    assert_eq!(state(child.id()), None);
}

#[test]
fn a_child_that_ends_by_itself_or_does_not_stop_is_told_apart() {
    let child = start("ending");
    assert_eq!(child.wait(LONG).unwrap().unwrap().code(), Some(role::ENDED.into()));
    assert_eq!(child.ended().as_deref(), Some("declared dead"));
    assert!(child.stop(LONG).is_err());
    let child = start("deaf");
    assert!(child.stop(SHORT).unwrap_err().to_string().contains("has not stopped"));
    assert!(child.is_running());
}

#[test]
fn a_dropped_child_leaves_no_process() {
    let child = start("deaf");
    let id = child.id();
    assert!(state(id).is_some());
    drop(child);
    assert_eq!(state(id), None);
}
