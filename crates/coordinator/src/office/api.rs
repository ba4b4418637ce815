//! The calls of servers and clients.

use super::{coordinator::Coordinator, core::Core, engine::PENDING_MAX, enlist::TEXT_MAX};
use super::{scribe::Decision, scribe::NotRecorded};
use crate::change::{self, Newcomer, TABLETS_MAX};
use crate::entity::{OperationId, OperationState};
use crate::{Batch, ClusterState, lease::Proof};
use async_trait::async_trait;
use rekindle_types::{
    CoordinatorApi, ListVersion, LogId, PartitionReplay, PartitionReport, Refusal, RemoteError, Reply,
    Request, SegmentId, ServerId, ServerRoom, TableInfo, TabletVersion,
};

#[async_trait]
impl CoordinatorApi for Coordinator {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let core = &*self.core;
        // F4: one whose reign is over answers nothing, renewals least of all.
        if core.is_stopped() || !core.leads() {
            return Err(RemoteError::NotDone("this coordinator's reign is over".into()));
        }
        core.answer(request).await.or_else(|error| match error {
            NotRecorded::Collided => Ok(retry("the call collided with changes")),
            NotRecorded::TooLarge(reason) => Ok(Reply::Refused(Refusal::Invalid(reason))),
            NotRecorded::Stopped => Err(RemoteError::Unknown("the coordinator's reign ended".into())),
        })
    }
}

fn retry(reason: &str) -> Reply {
    Reply::Refused(Refusal::Retry { after_ms: 50, reason: reason.to_owned() })
}

impl Core {
    async fn answer(&self, request: Request) -> Result<Reply, NotRecorded> {
        match request {
            Request::Enlist { name, address, domain, incarnation, former } => {
                self.enlist(Newcomer { name, address, domain, incarnation }, former).await
            }
            Request::Renew { server, list, room, reports, replaying } => {
                Ok(self.renew(server, list, room, reports, replaying))
            }
            Request::Leave { server } => self.end_with_proof(server, Proof::Left).await,
            Request::ReportExit { server } => self.end_with_proof(server, Proof::Told).await,
            Request::Hint { suspect, .. } => Ok(self.hint(suspect)),
            Request::StoreFloor { log, floor } => self.store_floor(log, floor).await,
            Request::CreateTable { name, tablets } => self.begin_create(name, tablets).await,
            Request::DropTable { name, id } => self.begin_drop(TableInfo { name, id }).await,
            Request::TabletMap { newer_than } => Ok(self.tablet_map(newer_than)),
            Request::ServerList { newer_than } => Ok(self.read(|state| {
                let list = state.servers();
                Reply::ServerList((list.version() > newer_than).then(|| list.clone()))
            })),
            Request::Status => Ok(Reply::Status(Box::new(self.status()))),
        }
    }

    fn renew(
        &self,
        server: ServerId,
        list: ListVersion,
        room: ServerRoom,
        reports: Vec<PartitionReport>,
        replaying: Vec<PartitionReplay>,
    ) -> Reply {
        let now = self.now();
        let mut inner = self.inner.lock();
        // F9: who speaks lives, whatever was told of it: its lease may be served under, also when it is declared dead.
        inner.leases.contradict(server, now);
        if !inner.state.servers().is_up(server) {
            return Reply::Refused(no_member(&inner.state, server));
        }
        // F9: its lease was handed back; the record of its death is on its way.
        if inner.leases.has_ended(server) {
            let reason = format!("{server} is about to be declared dead");
            return Reply::Refused(Refusal::Retry { after_ms: 50, reason });
        }
        // F3: noted before it is answered.
        inner.leases.renew(server, now);
        inner.detector.renewed(server, now);
        inner.condemned.remove(&server);
        let have = inner.lists.entry(server).or_default();
        *have = (*have).max(list);
        let mut has_news = self.told_room(server, room);
        for PartitionReport { crashed, partition, attempt, outcome } in reports {
            // T3: only the present attempt of a partition that is not committed counts.
            let current = inner.state.partition(crashed, partition);
            if current.is_some_and(|p| p.master == server && p.attempt == attempt && !p.is_committed()) {
                let word = (server, attempt, outcome);
                has_news |= inner.reports.get(&(crashed, partition)) != Some(&word);
                inner.reports.insert((crashed, partition), word);
            }
        }
        // No news: nobody waits for it.
        for PartitionReplay { crashed, partition, attempt, bytes } in replaying {
            let current = inner.state.partition(crashed, partition);
            if current.is_some_and(|p| p.master == server && p.attempt == attempt && !p.is_committed()) {
                inner.replayed.insert((crashed, partition), (attempt, bytes));
            }
        }
        let update = inner.state.list_since(list);
        drop(inner);
        if has_news {
            self.notify();
        }
        Reply::Renewed { term: self.term, lease_ms: self.config.times.lease_ms(), update }
    }

    fn hint(&self, suspect: ServerId) -> Reply {
        let now = self.now();
        let mut inner = self.inner.lock();
        if let Some(probe) = inner.detector.hint(suspect, now) {
            inner.probes.push(probe);
            drop(inner);
            self.hinted.notify_one();
        }
        Reply::Done
    }

    async fn store_floor(&self, log: LogId, floor: SegmentId) -> Result<Reply, NotRecorded> {
        self.record(|state| match change::store_floor(state, log, floor) {
            Ok(Some(batch)) => Decision::Record(batch, Reply::Done),
            Ok(None) => Decision::Settled(Reply::Done),
            Err(server) => Decision::Settled(Reply::Refused(no_member(state, server))),
        })
        .await
    }

    async fn begin_create(&self, name: String, tablets: u32) -> Result<Reply, NotRecorded> {
        if name.is_empty() || name.len() > TEXT_MAX || !(1..=TABLETS_MAX).contains(&tablets) {
            let why = format!("a table has a name of 1 to {TEXT_MAX} bytes and 1 to {TABLETS_MAX} tablets");
            return Ok(Reply::Refused(Refusal::Invalid(why)));
        }
        let begun = self
            .record(|state| match pending_create(state, &name, tablets) {
                Some(id) => Decision::Settled(Ok(id)),
                None => admit(state, change::create_table(state, &name, tablets)),
            })
            .await?;
        let id = match begun {
            Ok(id) => id,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        let table = self.read(|state| table_of(state, id));
        self.ended(id).await?;
        Ok(table.map_or_else(|| retry("the table is gone"), Reply::Table))
    }

    async fn begin_drop(&self, table: TableInfo) -> Result<Reply, NotRecorded> {
        let begun = self
            .record(|state| match pending_drop(state, &table) {
                Some(id) => Decision::Settled(Ok(id)),
                None => admit(state, change::drop_table(state, &table.name, table.id)),
            })
            .await?;
        match begun {
            Ok(id) => self.ended(id).await.map(|()| Reply::Done),
            Err(refusal) => Ok(Reply::Refused(refusal)),
        }
    }

    /// Waits until the operation has ended.
    async fn ended(&self, id: OperationId) -> Result<(), NotRecorded> {
        let is_pending = |state: &ClusterState| state.operation(id).is_some_and(|o| o.outcome.is_none());
        self.until(|inner| self.is_stopped() || !is_pending(&inner.state)).await;
        if self.pending(id).is_some() { Err(NotRecorded::Stopped) } else { Ok(()) }
    }

    fn tablet_map(&self, newer_than: TabletVersion) -> Reply {
        self.read(|state| {
            let map = (state.map().version > newer_than).then(|| state.map().clone());
            Reply::TabletMap { map, servers: state.servers().clone() }
        })
    }
}

/// Begins an operation on a table, unless too many are pending.
fn admit(
    state: &ClusterState,
    change: Result<(OperationId, Batch), Refusal>,
) -> Decision<Result<OperationId, Refusal>> {
    let is_recovery = |s: &OperationState| matches!(s, OperationState::Recover { .. });
    match change {
        Err(refusal) => Decision::Settled(Err(refusal)),
        Ok(_) if state.unfinished().filter(|o| !is_recovery(&o.state)).count() >= PENDING_MAX => {
            let reason = format!("{PENDING_MAX} operations are pending");
            Decision::Settled(Err(Refusal::Retry { after_ms: 1_000, reason }))
        }
        Ok((id, batch)) => Decision::Record(batch, Ok(id)),
    }
}

/// The same table being made: a repeated call waits for it.
fn pending_create(state: &ClusterState, name: &str, tablets: u32) -> Option<OperationId> {
    let is_same = |s: &OperationState| {
        matches!(s, OperationState::CreateTable { table, tablets: n } if table.name == name && *n == tablets
            && state.map().table(name) == Some(table.id))
    };
    state.unfinished().find(|o| is_same(&o.state)).map(|o| o.id)
}

/// The same table being dropped: a repeated call waits for it.
fn pending_drop(state: &ClusterState, dropped: &TableInfo) -> Option<OperationId> {
    let is_same =
        |s: &OperationState| matches!(s, OperationState::DropTable { table, .. } if table == dropped);
    state.unfinished().find(|o| is_same(&o.state)).map(|o| o.id)
}

fn table_of(state: &ClusterState, id: OperationId) -> Option<TableInfo> {
    match &state.operation(id)?.state {
        OperationState::CreateTable { table, .. } => Some(table.clone()),
        _ => None,
    }
}

/// F5: declared dead is final, so only who has the record of it says so. A deposed coordinator that has not noticed yet
/// lacks servers that enlisted since.
fn no_member(state: &ClusterState, server: ServerId) -> Refusal {
    if state.servers().is_gone(server) {
        return Refusal::NotInCluster(server);
    }
    Refusal::Retry { after_ms: 50, reason: format!("{server} has not enlisted in this reign or before") }
}
