//! A process that can't start says in one sentence what to do, on standard error and to its parent, and ends with code 2.

use rekindle_cluster::local::role;
use std::process::{Command, Output};

/// The executable under test.
const NODE: &str = env!("CARGO_BIN_EXE_rekindle-node");

fn run(args: &[&str]) -> Output {
    Command::new(NODE).args(args).output().unwrap()
}

/// Its last words.
fn refused(args: &[&str]) -> String {
    let output = run(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(role::FAILED.into()), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    if args.first() == Some(&role::ARGUMENT) {
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["failed"]["message"], said.trim());
    }
    said
}

#[test]
fn without_a_configuration() {
    assert!(refused(&[]).contains(role::ARGUMENT));
    assert!(refused(&[role::ARGUMENT]).contains("the path"));
}

#[test]
fn with_a_configuration_that_is_none() {
    assert!(refused(&[role::ARGUMENT, "/nowhere/s1.json"]).contains("/nowhere/s1.json"));
    assert!(refused(&[role::ARGUMENT, "{\"cluster\":1}"]).contains("configuration"));
}
