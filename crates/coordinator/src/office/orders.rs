//! Orders to servers: bounded in time, ended early when the server is declared dead.

use super::{coordinator::Stopped, core::Core};
use crate::{ControlError, Order, OrderKind, Report};
use futures_util::{FutureExt, pin_mut, select_biased};
use rekindle_backup::BackupStore;
use rekindle_types::ServerId;
use std::{future::Future, sync::Arc, time::Duration};

/// What became of an order.
#[derive(Debug)]
pub(super) enum Ordered {
    /// It is carried out.
    Done(Report),
    /// The server carried a later order about the range out.
    Superseded,
    /// The server is no member any more.
    Down,
    /// It has no memory for it.
    NoRoom(String),
    /// It can't carry it out.
    Refused(String),
    /// No answer in time, or the outcome is unknown.
    Unknown,
}

/// Longest pause between two repetitions of an order.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Core {
    /// Orders once.
    pub async fn order(&self, server: ServerId, kind: OrderKind, within: Duration) -> Ordered {
        let entry = self.read(|s| s.servers().entry(server).cloned());
        let Some(entry) = entry else { return Ordered::Down };
        let control = self.servers.control(&entry);
        let call = control.call(Order { term: self.term, kind });
        match self.bounded(server, call, within).await {
            None if !self.is_up(server) => Ordered::Down,
            None | Some(Err(ControlError::Remote(_))) => Ordered::Unknown,
            Some(Ok(report)) => Ordered::Done(report),
            Some(Err(ControlError::Superseded(_))) => Ordered::Superseded,
            Some(Err(ControlError::OldTerm { seen, .. })) => {
                self.stop(Stopped::Deposed(seen));
                Ordered::Unknown
            }
            Some(Err(error @ ControlError::NoRoom { .. })) => Ordered::NoRoom(error.to_string()),
            Some(Err(error)) => Ordered::Refused(error.to_string()),
        }
    }

    /// Orders again and again until there is a result: done, superseded, or the server is no member any more.
    pub async fn insist(&self, server: ServerId, kind: OrderKind) -> Ordered {
        let mut pause = self.config.times.heartbeat;
        loop {
            match self.order(server, kind.clone(), self.config.times.dead_after).await {
                Ordered::NoRoom(_) | Ordered::Refused(_) | Ordered::Unknown => {}
                result => return result,
            }
            self.while_up(server, self.clock.sleep(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The backup of a server.
    pub fn backup(&self, server: ServerId) -> Option<Arc<dyn BackupStore>> {
        let entry = self.read(|s| s.servers().entry(server).cloned())?;
        Some(self.servers.store(&entry))
    }

    /// A call's result; `None` when it takes too long or the server stops being a member.
    pub async fn bounded<T>(
        &self,
        server: ServerId,
        call: impl Future<Output = T>,
        within: Duration,
    ) -> Option<T> {
        let (call, timeout) = (call.fuse(), self.clock.sleep(within).fuse());
        pin_mut!(call, timeout);
        self.while_up(server, async {
            select_biased! {
                result = call => Some(result),
                () = timeout => None,
            }
        })
        .await
        .flatten()
    }

    /// The future's result, while the server is up.
    pub async fn while_up<T>(&self, server: ServerId, future: impl Future<Output = T>) -> Option<T> {
        let down = self.until(|inner| !inner.state.servers().is_up(server)).fuse();
        let future = future.fuse();
        pin_mut!(down, future);
        select_biased! {
            result = future => Some(result),
            () = down => None,
        }
    }
}
