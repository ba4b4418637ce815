//! DropTable: the table is gone from the map, now its owners are told (T8).

use super::{core::Core, engine::Step, orders::Ordered, scribe::Decision};
use crate::entity::{Operation, OperationState};
use crate::{Event, OrderKind, change};
use futures_util::{StreamExt, future::select, stream::FuturesUnordered};
use rekindle_types::{KeyRange, Lsn, ServerId, TableId};

impl Core {
    /// T8: done when every owner has confirmed, or its lease has surely run out.
    pub async fn drop_table(&self, operation: &Operation) -> Step {
        let OperationState::DropTable { table, owners } = &operation.state else { return Step::Done };
        let told =
            owners.iter().map(|(owner, range)| self.withdraw(*owner, operation.begun, table.id, *range));
        let mut told: FuturesUnordered<_> = told.collect();
        while told.next().await.is_some() {}
        let recorded = self.record(|state| Decision::Record(change::finish(state, operation), ())).await;
        if let Err(error) = recorded {
            return error.into();
        }
        self.observe(&Event::TableDropped(table.id));
        Step::Done
    }

    async fn withdraw(&self, owner: ServerId, cause: Lsn, table: TableId, range: KeyRange) {
        let dropped = self.insist(owner, OrderKind::Drop { cause, table, range }).await;
        if matches!(dropped, Ordered::Down) {
            self.lease_over(owner).await;
        }
    }

    /// Waits until the lease of a server that is no member any more has surely run out, or a proof of its death ends
    /// the wait (F9).
    pub async fn lease_over(&self, server: ServerId) {
        let mut changes = self.changes();
        loop {
            let over = self.inner.lock().leases.surely_over(server);
            if self.now() >= over {
                return;
            }
            let change = std::pin::pin!(changes.changed());
            select(change, self.clock.sleep_until(over)).await;
        }
    }
}
