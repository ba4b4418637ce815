//! Tasks on a runtime's thread.

use super::{heavy::HeavyPool, panics::or_abort};
use crate::{Spawn, Task};
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::runtime::Handle;

/// Starts tasks on one runtime, from any thread; heavy work goes to the pool.
pub(super) struct RealSpawn {
    pub(super) handle: Handle,
    pub(super) heavy: Arc<HeavyPool>,
}

impl Spawn for RealSpawn {
    fn spawn(&self, name: &'static str, mut future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Task {
        let guarded =
            std::future::poll_fn(move |context| or_abort("task", name, || future.as_mut().poll(context)));
        let joined = self.handle.spawn(guarded);
        let abort = joined.abort_handle();
        Task::new(move || abort.abort(), async move {
            // An error means that it was stopped: panics don't get here.
            let _ = joined.await;
        })
    }

    fn heavy(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) -> Task {
        self.heavy.start(name, work)
    }
}
