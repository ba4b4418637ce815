//! Peers of the benches: other stores, started as children of the bench on free ports of 127.0.0.1, with directories that
//! go with them. Only what this bench started is ever killed.

pub mod etcd;
pub mod http2;
pub mod puts;
pub mod redis;

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A server is up after so long, or not at all.
const START_MAX: Duration = Duration::from_secs(20);

/// A child that dies with its handle.
pub struct Server(Child);

impl Server {
    /// `None` when the program is not installed.
    pub fn start(command: &mut Command) -> Option<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.spawn().ok().map(Self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill(); // It may have ended by itself.
        let _ = self.0.wait();
    }
}

/// Ports that were free just now, all different.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port())
}

/// Waits until somebody listens there.
pub fn wait_for(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < START_MAX, "nobody listens at 127.0.0.1:{port}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Calls `is_ready` until it says so.
pub fn wait_until(what: &str, is_ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_ready() {
        assert!(start.elapsed() < START_MAX, "{what} did not get ready");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn make_dir(dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory");
}
