//! Tells the coordinator about masters that do not answer.

use parking_lot::Mutex;
use rekindle_env::{Env, Time};
use rekindle_types::{CoordinatorApi, Request, ServerId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A server is reported so often at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// A hint is worth so much waiting.
const TIMEOUT: Duration = Duration::from_millis(100);
/// Most servers remembered; the memory is only there to keep quiet.
const SUSPECTS_MAX: usize = 1024;

pub(crate) struct Hints {
    coordinator: Arc<dyn CoordinatorApi>,
    env: Env,
    sent: Mutex<BTreeMap<ServerId, Time>>,
}

impl Hints {
    pub(crate) fn new(coordinator: Arc<dyn CoordinatorApi>, env: Env) -> Self {
        Self { coordinator, env, sent: Mutex::default() }
    }

    /// Reports `suspect`, unless that was done just now. What comes of it shows in the tablet map (F7).
    pub(crate) async fn send(&self, suspect: ServerId) {
        if !self.is_due(suspect) {
            return;
        }
        // A client is no server: it hints as nobody.
        let hint = self.coordinator.call(Request::Hint { from: ServerId(0), suspect });
        futures_util::future::select(hint, self.env.clock.sleep(TIMEOUT)).await;
    }

    fn is_due(&self, suspect: ServerId) -> bool {
        let now = self.env.clock.now();
        let mut sent = self.sent.lock();
        if sent.get(&suspect).is_some_and(|at| now.since(*at) < INTERVAL) {
            return false;
        }
        if sent.len() >= SUSPECTS_MAX {
            sent.clear();
        }
        sent.insert(suspect, now);
        true
    }
}
