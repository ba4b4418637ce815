//! Starts a cluster and keeps it until Ctrl-C.

use crate::{
    Failure, args::Shape, background, control::Controls, interrupt::Interrupt, keeper::Keeper, place,
    target::Target,
};
use rekindle::cluster::local::{
    Child, Cluster, ClusterConfig, ClusterDir, Durability, Launcher, both_sockets,
};
use std::{
    env,
    fs::{File, TryLockError},
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

/// All processes are up within this, with everything that they held.
const START_WITHIN: Duration = Duration::from_secs(600);
/// Each process stops cleanly within this, or is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Starts, keeps, stops.
pub fn up(path: &Path, shape: &Shape, interrupt: &Interrupt) -> Result<(), Failure> {
    let mut dir = place::open_or_create(path, shape)?;
    let _only = only_one(dir.path())?;
    dir.certify()?;
    let cluster = Arc::new(start(&dir, interrupt)?);
    let address = cluster.address().ok_or_else(|| "the coordinator has ended".to_owned())?;
    dir.change(|record| record.coordinators = vec![address])?;
    let (controls, wishes) = Controls::listen(dir.path())?;
    print!("{}", welcome(&dir, path, &cluster));

    let mut keeper = Keeper::new(cluster);
    while !interrupt.is_set() {
        match wishes.recv_timeout(LOOK_EVERY) {
            Ok(asked) => keeper.take(asked),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("the control thread has ended".into()),
        }
        keeper.look();
    }
    println!("{:>12}  all processes; their data stays", "stopping");
    // Whoever waits for an answer is let go, then the listener.
    drop(wishes);
    let cluster = keeper.end(STOP_WITHIN);
    drop(controls);
    match cluster.map(|cluster| cluster.stop(STOP_WITHIN)) {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(format!("not stopped cleanly, killed instead: {error}").into()),
        None => return Err("a process was still being started: all were killed".into()),
    }
    println!("{:>12}  `cluster up --cluster {}` goes on with its data", "stopped", path.display());
    Ok(())
}

/// Held as long as this process keeps the cluster.
fn only_one(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("up.lock");
    let file = File::create(&path).map_err(|error| format!("{path:?}: {error}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another `cluster up` runs in {}: use that one, or stop it with Ctrl-C",
            dir.display()
        )
        .into()),
        Err(TryLockError::Error(error)) => Err(format!("{path:?}: {error}").into()),
    }
}

fn start(dir: &ClusterDir, interrupt: &Interrupt) -> Result<Cluster, Failure> {
    let config = ClusterConfig {
        coordinator_at: address_before(dir),
        start_within: START_WITHIN,
        ..dir.record().config(dir.path())
    };
    let launcher = Launcher::of_this_executable()?.apart();
    let what = format!("starting a coordinator and {} storage servers", config.servers);
    // When it ends early, the children end with this process: their standard input closes.
    background::start(what, interrupt, move || Cluster::start(launcher, config))
}

/// Where the coordinator was before, when nobody else is there now: who knows it finds it again.
pub fn address_before(dir: &ClusterDir) -> Option<(SocketAddr, SocketAddr)> {
    let both = dir.record().coordinators.first().and_then(|address| both_sockets(address))?;
    let (calls, heartbeats) = (UdpSocket::bind(both.0), UdpSocket::bind(both.1));
    (calls.is_ok() && heartbeats.is_ok()).then_some(both)
}

/// What runs, and how to reach it.
fn welcome(dir: &ClusterDir, path: &Path, cluster: &Cluster) -> String {
    let settings = &dir.record().settings;
    let durability = match settings.durability {
        Durability::Persistent => "persistent: a write is on R disks before it is answered",
        Durability::Buffered => "buffered: a write is in R memories before it is answered",
    };
    let at = |child: Option<Arc<Child>>| {
        child.map(|child| format!("{} (process {})", child.ready().address, child.id())).unwrap_or_default()
    };
    let mut text = format!("{:>12}  {}  {}\n", "started", Target::Coordinator, at(cluster.coordinator()));
    for number in 0..settings.servers {
        text += &format!("{:>12}  {}     {}\n", "", Target::Storage(number), at(cluster.storage(number)));
    }
    let (own, kv) = (program("cluster"), program("kv"));
    let dir_words = path.display();
    text += &format!(
        "{:>12}  R = {}, {durability}\n{:>12}  {}\n\nIn another terminal:\n  {own} status --cluster {dir_words} --watch\n  \
         {kv} --cluster {dir_words} create users\n  {kv} --cluster {dir_words} put users ada lovelace\n  \
         {own} kill server-0 --cluster {dir_words}\nCtrl-C stops it cleanly and keeps its data.\n\n",
        "",
        settings.replicas,
        "in",
        dir.path().display(),
    );
    text
}

/// An example beside this one, as it was called.
fn program(name: &str) -> String {
    let own = env::args_os().next().map(std::path::PathBuf::from).unwrap_or_default();
    own.with_file_name(name).display().to_string()
}
