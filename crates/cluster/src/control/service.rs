//! A storage server as the coordinator calls it.

use super::Ranges;
use crate::server::{Membership, Pulse};
use async_trait::async_trait;
use rekindle_backup::LocalStore;
use rekindle_coordinator::{ControlError, Order, OrderKind, Report, ServerControl};
use rekindle_types::{LogId, ServerId};
use std::sync::Arc;

/// Finds another server, to probe it.
pub type Neighbours = Box<dyn Fn(ServerId) -> Arc<dyn ServerControl> + Send + Sync>;

/// Takes orders.
pub struct Control {
    /// Terms and the list.
    pub membership: Arc<Membership>,
    /// Whether to answer probes.
    pub pulse: Arc<Pulse>,
    /// Orders about ranges.
    pub ranges: Arc<Ranges>,
    /// This server's backup.
    pub backup: Arc<dyn LocalStore>,
    /// For probes on behalf of the coordinator.
    pub neighbours: Neighbours,
}

#[async_trait]
impl ServerControl for Control {
    async fn call(&self, order: Order) -> Result<Report, ControlError> {
        // F5: servers probe each other without a reign of their own.
        if order.kind != OrderKind::Probe {
            let observed = self.membership.observe_term(order.term);
            observed.map_err(|seen| ControlError::OldTerm { sent: order.term, seen })?;
        }
        match order.kind {
            OrderKind::Probe => self.probe(),
            OrderKind::ProbeFor { suspect } => Ok(self.probe_for(suspect).await),
            OrderKind::List(update) => match self.membership.apply(&update) {
                Ok(()) => Ok(Report::Done),
                Err(here) => refuse(format!("the increment does not fit list {here}")),
            },
            OrderKind::FreeLog(log) => self.free_log(log).await,
            // Declared dead is final.
            _ if self.membership.is_removed() => refuse(format!("{} was removed", self.membership.own())),
            OrderKind::Serve { cause, tablets } => self.ranges.serve(cause, &tablets).await,
            OrderKind::Drop { cause, table, range } => self.ranges.drop_range(cause, table, range).await,
            OrderKind::Replay(order) => self.ranges.replay(order).await,
            OrderKind::Discard { cause, crashed, partition, attempt } => {
                self.ranges.discard(cause, (crashed, partition), attempt).await
            }
        }
    }
}

impl Control {
    /// F7: a server whose tasks are stuck is as good as dead.
    fn probe(&self) -> Result<Report, ControlError> {
        if self.pulse.is_alive() { Ok(Report::Done) } else { refuse("a service task is stuck".into()) }
    }

    async fn probe_for(&self, suspect: ServerId) -> Report {
        let order = Order { term: self.membership.term(), kind: OrderKind::Probe };
        Report::Probed { is_alive: (self.neighbours)(suspect).call(order).await.is_ok() }
    }

    async fn free_log(&self, log: LogId) -> Result<Report, ControlError> {
        if let Err(error) = self.backup.forget(log).await {
            return refuse(error.to_string());
        }
        self.ranges.forget(log);
        Ok(Report::Done)
    }
}

fn refuse(why: String) -> Result<Report, ControlError> {
    Err(ControlError::Refused(why))
}
