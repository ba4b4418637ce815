//! Tells the coordinator about masters that do not answer.

use futures_util::future::select;
use parking_lot::Mutex;
use rekindle_env::{Env, Task, Time};
use rekindle_types::{CoordinatorApi, Request, ServerId};
use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

/// A server is reported so often at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// A hint that is not heard by then comes too late.
const TIMEOUT: Duration = INTERVAL;
/// Most servers remembered; the memory is only there to keep quiet.
const SUSPECTS_MAX: usize = 1024;

pub(crate) struct Hints {
    coordinator: Arc<dyn CoordinatorApi>,
    env: Env,
    /// When each was reported last, and the task that does it.
    sent: Mutex<BTreeMap<ServerId, (Time, Task)>>,
}

impl Hints {
    pub(crate) fn new(coordinator: Arc<dyn CoordinatorApi>, env: Env) -> Self {
        Self { coordinator, env, sent: Mutex::default() }
    }

    /// Reports `suspect`, unless that was done just now. What comes of it shows in the tablet map (F7). No call waits for it.
    pub(crate) fn send(&self, suspect: ServerId) {
        let now = self.env.clock.now();
        let mut sent = self.sent.lock();
        if sent.get(&suspect).is_some_and(|(at, _)| now.since(*at) < INTERVAL) {
            return;
        }
        let forgotten = if sent.len() >= SUSPECTS_MAX { mem::take(&mut *sent) } else { BTreeMap::new() };
        let (coordinator, clock) = (self.coordinator.clone(), self.env.clock.clone());
        let task = self.env.spawn.spawn(
            "hint",
            Box::pin(async move {
                // A client is no server: it hints as nobody.
                let hint = coordinator.call(Request::Hint { from: ServerId(0), suspect });
                select(hint, clock.sleep(TIMEOUT)).await;
            }),
        );
        let former = sent.insert(suspect, (now, task));
        drop(sent);
        drop((former, forgotten));
    }
}
