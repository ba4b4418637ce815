//! Renews the lease, every heartbeat (F2, F7).

use super::{Membership, Pulse, Reports, RoomBoard};
use crate::master::Lease;
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use rekindle_env::{Clock, Time};
use rekindle_types::{CoordinatorApi, ListVersion, Refusal, RemoteError, Reply, Request};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The lease keeper: a heartbeat is a renewal, news of the list come back, results of replays go along (T3).
pub struct Heartbeats {
    /// Over a lane that nothing else uses.
    pub coordinator: Arc<dyn CoordinatorApi>,
    /// The server's.
    pub clock: Arc<dyn Clock>,
    /// How often.
    pub every: Duration,
    /// What one renewal is worth at most. One without an answer for so long is given up: it buys nothing.
    pub lease_duration: Duration,
    /// What is renewed.
    pub lease: Arc<Lease>,
    /// Who this is, and what it knows.
    pub membership: Arc<Membership>,
    /// Sent along until the coordinator has said serve or discard.
    pub reports: Arc<dyn Reports>,
    /// Sent along, too.
    pub room: Arc<RoomBoard>,
    /// No renewal while a service task is stuck.
    pub pulse: Arc<Pulse>,
    /// What came of it.
    pub counts: Arc<HeartbeatCounts>,
}

/// Numbers of renewals, for status.
#[derive(Debug, Default)]
pub struct HeartbeatCounts {
    /// Sent. Written by the keeper, read for status: relaxed.
    pub sent: AtomicU64,
    /// Answered.
    pub answered: AtomicU64,
    /// Not sent since a service task was stuck.
    pub withheld: AtomicU64,
}

impl Heartbeats {
    /// Renewals under way at once. One that is lost on the network must not hold up the next.
    const OUTSTANDING_MAX: usize = 8;

    /// Renews until this server is no member any more.
    pub async fn run(self) {
        let mut outstanding = FuturesUnordered::new();
        let mut next = self.clock.now();
        while !self.membership.is_removed() {
            select_biased! {
                (sent, answer) = outstanding.select_next_some() => self.take(sent, answer),
                () = self.clock.sleep_until(next).fuse() => {
                    let now = self.clock.now();
                    // From now, not from `next`: heartbeats missed while the process stood still stay missed.
                    next = now + self.every;
                    if !self.pulse.is_alive() {
                        self.counts.withheld.fetch_add(1, Ordering::Relaxed);
                    } else if outstanding.len() < Self::OUTSTANDING_MAX {
                        self.counts.sent.fetch_add(1, Ordering::Relaxed);
                        outstanding.push(self.renew(now, self.membership.list().version()));
                    }
                }
            }
        }
    }

    async fn renew(&self, sent: Time, list: ListVersion) -> (Time, Result<Reply, RemoteError>) {
        let request = Request::Renew {
            server: self.membership.own(),
            list,
            room: self.room.room(),
            reports: self.reports.pending(),
            replaying: self.reports.under_way(),
        };
        let answer = select_biased! {
            answer = self.coordinator.call(request).fuse() => answer,
            () = self.clock.sleep_until(sent + self.lease_duration).fuse() => {
                Err(RemoteError::Unknown("no answer to a renewal within the lease".into()))
            }
        };
        (sent, answer)
    }

    fn take(&self, sent: Time, answer: Result<Reply, RemoteError>) {
        match answer {
            Ok(Reply::Renewed { term, lease_ms, update }) => {
                // F5: only the reigning coordinator's word counts.
                if self.membership.observe_term(term).is_err() {
                    return;
                }
                self.counts.answered.fetch_add(1, Ordering::Relaxed);
                // Taken in by the main thread: here it would hold up the next renewal.
                if let Some(update) = update {
                    self.membership.hear(update);
                }
                self.lease.renewed(sent, Duration::from_millis(lease_ms.into()));
            }
            Ok(Reply::Refused(Refusal::NotInCluster(server))) if server == self.membership.own() => {
                self.membership.remove();
            }
            // No news: the lease runs on, or out.
            Ok(_) | Err(_) => {}
        }
    }
}
