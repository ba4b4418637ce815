//! A process that can't start says in one sentence what to do, on standard error and to its parent, and ends with
//! code 2.

use crate::cluster::{LONG, NODE};
use rekindle_cluster::{
    local::{
        Authority, Child, Cluster, ClusterConfig, CoordinatorNode, CredentialFiles, LaunchError, Launcher,
        NodeConfig, NodeRole, Size, StorageNode, role,
    },
    wire::{ClusterId, Role},
};
use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

fn run(args: &[&str]) -> Output {
    Command::new(NODE).args(args).stdin(Stdio::null()).output().unwrap()
}

/// The last words of a process that read no configuration.
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

/// Certificates, and room for data directories.
pub struct Place {
    dir: TempDir,
    authority: Authority,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create(dir.path()).unwrap();
        Self { dir, authority }
    }

    fn node(&self, name: &str, identity: Role, role: NodeRole) -> NodeConfig {
        let dir = self.dir.path();
        let certificate = dir.join(format!("{name}.pem"));
        if !certificate.exists() {
            self.authority.issue(name, identity).unwrap().save(dir, name).unwrap();
        }
        let key = dir.join(format!("{name}.key.pem"));
        let credentials = CredentialFiles { authority: dir.join("ca.pem"), certificate, key };
        NodeConfig::new(ClusterId(1), name, dir.join("data"), credentials, role)
    }

    pub fn coordinator(&self, name: &str) -> NodeConfig {
        let node = CoordinatorNode::new(Size::Replicas(0));
        self.node(name, Role::Coordinator, NodeRole::Coordinator(node))
    }

    pub fn storage(&self, name: &str, coordinator: &str) -> NodeConfig {
        let node = StorageNode {
            segment_bytes: 128 << 10,
            memory_bytes: 4 << 20,
            ..StorageNode::new([coordinator.to_owned()])
        };
        self.node(name, Role::Server, NodeRole::Storage(node))
    }
}

fn launcher() -> Launcher {
    Launcher::new(NODE).ready_within(LONG)
}

fn start(config: &NodeConfig) -> Child {
    launcher().start(config).unwrap()
}

/// What a process says that does not start.
fn failure(config: &NodeConfig) -> String {
    match launcher().start(config) {
        Ok(_) => panic!("it started: {config:?}"),
        Err(LaunchError::Failed { message, code, .. }) => {
            assert_eq!(code, Some(role::FAILED.into()), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
            message
        }
        Err(error) => panic!("{error}"),
    }
}

fn assert_says(message: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(message.contains(word), "{word:?} is not in: {message}"));
}

#[test]
fn where_another_process_listens() {
    let place = Place::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let says = ["another process listens", &address.to_string(), "choose another port"];
    let config = NodeConfig { listen: address, ..place.coordinator("c") };
    assert_says(&failure(&config), &says);
    let config = NodeConfig { heartbeat_listen: address, ..place.storage("s", "127.0.0.1:1/1") };
    assert_says(&failure(&config), &says);
}

#[test]
fn without_certificates() {
    let place = Place::new();
    let mut config = place.coordinator("c");
    fs::remove_file(&config.credentials.key).unwrap();
    assert_says(&failure(&config), &["c.key.pem", "give the path"]);
    config.credentials.key = config.credentials.certificate.clone();
    assert_says(&failure(&config), &["c.pem", "private key"]);
}

#[test]
fn in_a_directory_that_can_not_be_written() {
    let place = Place::new();
    // Root may write anywhere: a file in the way, and a file system that takes no directories.
    let in_the_way = place.dir.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    for config in [place.coordinator("c"), place.storage("s", "127.0.0.1:1/1")] {
        let below_a_file = NodeConfig { dir: in_the_way.join("data"), ..config.clone() };
        assert_says(&failure(&below_a_file), &["file/data", "give"]);
        let a_file = NodeConfig { dir: in_the_way.clone(), ..config.clone() };
        assert_says(&failure(&a_file), &["is no directory"]);
        let not_there = NodeConfig { dir: Path::new("/proc/rekindle").to_owned(), ..config };
        assert_says(&failure(&not_there), &["/proc/rekindle"]);
    }
}

#[test]
fn a_coordinator_in_the_directory_of_another() {
    let place = Place::new();
    let config = place.coordinator("c");
    let child = start(&config);
    assert_says(&failure(&place.coordinator("c2")), &["locked", "Stop it first"]);
    child.kill().unwrap();
    let other = NodeConfig { cluster: ClusterId(2), ..config.clone() };
    assert_says(&failure(&other), &[&format!("{:032x}", 1), &format!("{:032x}", 2), "directory"]);
    assert!(start(&config).ready().term > child.ready().term, "its own cluster goes on");
}

#[test]
fn a_storage_server_in_the_directory_of_another() {
    let place = Place::new();
    let coordinator = NodeConfig { dir: place.dir.path().join("c"), ..place.coordinator("c") };
    let coordinator = start(&coordinator);
    let address = coordinator.ready().address.as_str();
    let config = place.storage("s1", address);
    let child = start(&config);
    let former = child.ready().server;
    assert_says(&failure(&config), &["in use by another process", "stop that one"]);
    child.kill().unwrap();
    let other = NodeConfig { cluster: ClusterId(2), ..config.clone() };
    assert_says(&failure(&other), &["cluster"]);
    assert_says(&failure(&place.storage("s2", address)), &["s1", "s2"]);
    assert_ne!(start(&config).ready().server, former, "its own server goes on, under another id");
}

#[test]
fn fewer_servers_than_replicas_need() {
    let config = ClusterConfig { servers: 3, replicas: 3, ..ClusterConfig::default() };
    let error = Cluster::start(launcher(), config).err().unwrap();
    assert_says(&error.to_string(), &["3 storage servers are too few for R = 3", "4 servers"]);
}
