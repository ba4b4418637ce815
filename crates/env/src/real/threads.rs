//! Threads of a pool.

use std::{
    io,
    thread::{self, JoinHandle},
};

/// Threads that are joined when this is dropped; who drops it has told them to end before.
#[derive(Default)]
pub(super) struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// Starts one more, with a name.
    pub(super) fn start(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.0.push(thread::Builder::new().name(name).spawn(body)?);
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // What runs on a thread may hold the last handle of its pool; the thread can't wait for itself.
            if thread.thread().id() != thread::current().id() {
                thread.join().expect("a panic would have ended the process");
            }
        }
    }
}
