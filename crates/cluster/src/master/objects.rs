//! Object calls, answered.

use super::{Backing, Begun, HeldTablet, Lease, NotHeld, Tablets, Waiting, begin};
use async_trait::async_trait;
use futures_util::{FutureExt, select_biased};
use rekindle_backup::TooFewBackups;
use rekindle_client::{Master, ObjectCall, ObjectError, ObjectReply, ObjectRequest, ObjectResult};
use rekindle_env::{Clock, Time};
use rekindle_log::{Log, LogError, store::Store};
use rekindle_types::RemoteError;
use std::{sync::Arc, time::Duration};

/// The master as its clients call it.
pub struct ObjectService {
    /// The server's.
    pub clock: Arc<dyn Clock>,
    /// What it answers from.
    pub store: Arc<Store>,
    /// Where the store's entries become durable.
    pub log: Arc<Log>,
    /// What it owns.
    pub tablets: Arc<Tablets>,
    /// When it may serve.
    pub lease: Arc<Lease>,
    /// Whether writes can become durable.
    pub backing: Arc<Backing>,
    /// How many requests may wait.
    pub waiting: Waiting,
    /// Longest wait, whatever time a caller has left.
    pub wait_max: Duration,
    /// What callers are told to wait when they come too early.
    pub retry_after: Duration,
}

#[async_trait]
impl Master for ObjectService {
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError> {
        // F2: this runs after the request was taken off the wire, so the lease covers all that it sees.
        let now = self.clock.now();
        let calls = request.calls.len();
        if calls > ObjectRequest::CALLS_MAX {
            return Err(RemoteError::NotDone(format!("{calls} calls in one request")));
        }
        if let Err(refusal) = self.admit(now) {
            return Ok(ObjectReply { results: vec![Err(refusal); calls] });
        }
        let Some(_place) = self.waiting.enter() else {
            let busy = busy("too many requests wait", false);
            return Ok(ObjectReply { results: vec![Err(busy); calls] });
        };
        let begun = self.begin(&request.calls).await;
        let time_left = Duration::from_millis(request.time_left_ms.into()).min(self.wait_max);
        let outcome = self.wait(&begun, now + time_left).await;
        Ok(ObjectReply { results: begun.into_iter().map(|begun| self.finish(begun, &outcome)).collect() })
    }
}

/// A thread that lost its core has it back after so long.
const PREEMPTED: Duration = Duration::from_millis(2);

/// How the wait for durability ended.
enum Waited {
    Durable,
    TimedOut,
    /// The log can't become durable any more.
    Lost(LogError),
}

impl ObjectService {
    fn admit(&self, now: Time) -> Result<(), ObjectError> {
        if self.lease.is_revoked() {
            return Err(ObjectError::WrongMaster);
        }
        if !self.lease.is_valid(now) {
            return Err(self.retry());
        }
        Ok(())
    }

    /// All memory parts come before the one wait, each under its tablet's hold (T5).
    async fn begin(&self, calls: &[ObjectCall]) -> Vec<Begun> {
        let tablet = |call: &ObjectCall| (call.table, begin::hash(call.table, &call.op), call.tablet);
        let tablets = calls.iter().map(tablet);
        // L1: with too few backups writes wait with their clients: surely not done, and not in memory either.
        let begin_all = |held: &[Result<HeldTablet, NotHeld>]| {
            begin::begin_all(&self.store, calls, held, self.backing.too_few(), self.retry_after)
        };
        if self.tablets.holds() {
            return self.tablets.with_all(tablets, begin_all);
        }
        // T5, switched off: between the check and the work its thread stands still.
        let held = self.tablets.with_all(tablets, <[_]>::to_vec);
        self.clock.sleep(PREEMPTED).await;
        begin_all(&held)
    }

    /// V3: waits until all that the answers depend on is durable. Nothing is held meanwhile but a place among
    /// the waiting requests.
    async fn wait(&self, begun: &[Begun], deadline: Time) -> Waited {
        let Some(after) = begun.iter().filter_map(|begun| begun.after).max() else { return Waited::Durable };
        select_biased! {
            synced = self.log.sync(after).fuse() => match synced {
                Ok(()) => Waited::Durable,
                Err(error) => Waited::Lost(error),
            },
            () = self.clock.sleep_until(deadline).fuse() => Waited::TimedOut,
        }
    }

    fn finish(&self, begun: Begun, waited: &Waited) -> Result<ObjectResult, ObjectError> {
        let is_durable = begun.after.is_none_or(|after| after <= self.log.durable());
        match waited {
            Waited::Durable => begun.result,
            _ if is_durable => begun.result,
            Waited::TimedOut => Err(match self.backing.too_few() {
                Some(TooFewBackups { have, need }) => {
                    busy(&ObjectError::TooFewBackups { have, need }.to_string(), begun.has_written)
                }
                None => busy("not durable in time", begun.has_written),
            }),
            Waited::Lost(error) => Err(busy(&error.to_string(), begun.has_written)),
        }
    }

    fn retry(&self) -> ObjectError {
        begin::retry(self.retry_after)
    }
}

fn busy(reason: &str, is_unknown: bool) -> ObjectError {
    ObjectError::Busy { reason: reason.to_owned(), is_unknown }
}
