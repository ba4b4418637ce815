//! One process of a cluster, in the foreground.

use crate::{
    Failure,
    args::{CoordinatorOptions, NodeOptions},
    background,
    interrupt::Interrupt,
    place, up,
};
use rekindle::cluster::local::{Child, ClusterDir, Launcher, NodeConfig, NodeRole, Starting};
use std::{path::Path, time::Duration};

/// A storage server waits so long for its coordinator.
const READY_WITHIN: Duration = Duration::from_secs(600);
const STOP_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A coordinator.
pub fn coordinator(path: &Path, options: &CoordinatorOptions, interrupt: &Interrupt) -> Result<(), Failure> {
    let mut dir = place::open_or_create(path, &options.shape)?;
    dir.certify()?;
    let config = dir.coordinator(options.listen.both().or_else(|| up::address_before(&dir)))?;
    let child = start(&config, interrupt)?;
    let address = child.ready().address.clone();
    dir.change(|record| record.coordinators = vec![address.clone()])?;
    println!("{:>12}  coordinator  {address} (process {})", "started", child.id());
    println!("{:>12}  `cluster node NAME --cluster {}` starts a storage server", "", path.display());
    until_interrupted(&child, interrupt)
}

/// A storage server.
pub fn node(path: &Path, options: &NodeOptions, interrupt: &Interrupt) -> Result<(), Failure> {
    let dir = ClusterDir::open(path)?;
    let mut config = dir.storage(&options.name)?;
    if let Some((listen, heartbeat_listen)) = options.listen.both() {
        (config.listen, config.heartbeat_listen) = (listen, heartbeat_listen);
    }
    if let (Some(memory), NodeRole::Storage(storage)) = (options.memory, &mut config.role) {
        let segment_bytes = u64::from(storage.segment_bytes);
        storage.memory_bytes = memory.0 / segment_bytes * segment_bytes;
    }
    let child = start(&config, interrupt)?;
    let ready = child.ready();
    let id = ready.server.map(|id| id.to_string()).unwrap_or_default();
    println!("{:>12}  {} is {id}  {} (process {})", "started", options.name, ready.address, child.id());
    until_interrupted(&child, interrupt)
}

fn start(config: &NodeConfig, interrupt: &Interrupt) -> Result<Child, Failure> {
    let launcher = Launcher::of_this_executable()?.apart().ready_within(READY_WITHIN);
    let starting: Starting = launcher.launch(config)?;
    // The child ends with this process.
    background::start(format!("starting {}", config.name), interrupt, move || starting.ready())
}

fn until_interrupted(child: &Child, interrupt: &Interrupt) -> Result<(), Failure> {
    while !interrupt.is_set() {
        if child.wait(LOOK_EVERY)?.is_some() {
            let why = child.ended().unwrap_or_else(|| child.complaints());
            return Err(format!("{} has ended: {}", child.name(), why.trim()).into());
        }
    }
    println!("{:>12}  {}", "stopping", child.name());
    child.stop(STOP_WITHIN)?;
    println!("{:>12}  {}; its data stays", "stopped", child.name());
    Ok(())
}
