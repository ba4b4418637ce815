//! Tables that are made and dropped while others use them.

use super::Caller;
use crate::history::{TableAsk, TableTicket, TableTold};
use futures_util::future::join;
use rekindle_client::{ClientError, Table};
use std::{sync::atomic::Ordering, time::Duration};

/// Tables of the past that are still asked for.
const SPARES: usize = 3;

/// Writes that meet the drop of their table, at most.
const LATE_WRITES: u32 = 16;

impl Caller {
    /// Creates tables and drops them, under names that are used once.
    pub(super) async fn make_tables(&self) {
        for number in 0_u64.. {
            self.env.clock.sleep(Duration::from_millis(self.rng().below(4_000))).await;
            if self.shared.stops.load(Ordering::Relaxed) {
                return;
            }
            let name = format!("spare-{number}");
            let ticket = self.begin_table(&name, TableAsk::Create);
            let made = self.client.create_table(&name, 1 + self.rng().below(4) as u32).await;
            let table = self.end_table(ticket, made);
            {
                let mut spares = self.shared.spares.lock();
                spares.truncate(SPARES - 1);
                spares.push_front(name.clone());
            }
            if let Some(table) = &table {
                self.use_new(&name, table).await;
            }
            let ticket = self.begin_table(&name, TableAsk::Drop);
            // It ends when it is answered, whatever the writes beside it wait for.
            let drop = async { self.end_table(ticket, self.client.drop_table(&name).await) };
            let (dropped, ()) = join(drop, self.write_on(&name, table.as_ref())).await;
            self.shared.counts.lock().tables += u64::from(dropped.is_some());
        }
    }

    fn begin_table(&self, name: &str, ask: TableAsk) -> TableTicket {
        self.shared.recorder.begin_table(self.env.clock.now(), self.number, name, ask)
    }

    fn end_table<T>(&self, ticket: TableTicket, answer: Result<T, ClientError>) -> Option<T> {
        let told = match &answer {
            Ok(_) => TableTold::Done,
            Err(ClientError::NoSuchTable(_)) => TableTold::Absent,
            Err(ClientError::Unknown(_)) => TableTold::Unknown,
            Err(ClientError::TimedOut(_) | ClientError::Full) => TableTold::NotDone,
            Err(error) => {
                self.wrong(format!("about a table: {error}"));
                TableTold::Unknown
            }
        };
        self.shared.recorder.end_table(self.env.clock.now(), ticket, told);
        answer.ok()
    }

    /// A new table is empty, and keeps what is written.
    async fn use_new(&self, name: &str, table: &Table) {
        let ticket = self.begin_table(name, TableAsk::Use);
        if let Some(Some(object)) = self.end_table(ticket, table.get("key").await) {
            self.wrong(format!("a new table has {object:?}"));
        }
        let Ok(version) = table.put("key", "value").await else { return };
        let ticket = self.begin_table(name, TableAsk::Use);
        match self.end_table(ticket, table.get("key").await) {
            Some(Some(object)) if object.version == version && object.value == "value" => {}
            Some(other) => self.wrong(format!("a new table has {other:?} after {version}")),
            None => {}
        }
    }

    /// Writes to a table that is being dropped, until that is noticed (T5, T8).
    async fn write_on(&self, name: &str, table: Option<&Table>) {
        let Some(table) = table else { return };
        for _ in 0..LATE_WRITES {
            self.env.clock.sleep(Duration::from_micros(self.rng().below(1_000))).await;
            let ticket = self.begin_table(name, TableAsk::Use);
            if self.end_table(ticket, table.put("late", "value").await).is_none() {
                return;
            }
        }
    }

    /// Reads from a table that another client made, and may have dropped.
    pub(super) async fn use_spare(&self) {
        let spares = self.shared.spares.lock().clone();
        if spares.is_empty() {
            return;
        }
        let name = &spares[self.rng().below(spares.len() as u64) as usize];
        let ticket = self.begin_table(name, TableAsk::Use);
        let table = match self.client.table(name).await {
            // What the client remembers of it says nothing yet.
            Ok(table) => table,
            Err(error) => {
                self.end_table(ticket, Err::<(), _>(error));
                return;
            }
        };
        self.shared.recorder.end_table(self.env.clock.now(), ticket, TableTold::NotDone);
        let ticket = self.begin_table(name, TableAsk::Use);
        self.end_table(ticket, table.get("key").await);
    }
}
