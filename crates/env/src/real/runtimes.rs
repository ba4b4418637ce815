//! The network threads of a process.

use std::{
    io,
    thread::{self, JoinHandle},
};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Two runtimes, each on a thread of its own: `main` for all calls, `urgent` for heartbeats (F7).
///
/// Dropping it stops `main`, then `urgent`: their tasks are dropped on their own threads, and the threads joined.
pub struct Runtimes {
    main: Runtime,
    urgent: Runtime,
}

struct Runtime {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtimes {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread, or what a runtime needs to wait for events.
    pub fn start() -> io::Result<Self> {
        Ok(Self { main: Runtime::start("main-net")?, urgent: Runtime::start("urgent-net")? })
    }

    /// The runtime of all calls but heartbeats.
    #[must_use]
    pub fn main(&self) -> Handle {
        self.main.handle.clone()
    }

    /// The runtime of heartbeats.
    #[must_use]
    pub fn urgent(&self) -> Handle {
        self.urgent.handle.clone()
    }
}

impl Runtime {
    fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            // An error says that the sender is gone: that too is the end.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop.take();
        let Some(thread) = self.thread.take() else { return };
        // Dropped by one of its own tasks, it ends when that has returned.
        if thread.thread().id() != thread::current().id() {
            thread.join().expect("tasks end the process when they panic");
        }
    }
}
