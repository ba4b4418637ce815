//! Clients that share keys; every call and its end is recorded.

mod spare_tables;

use crate::{
    SimCluster,
    history::{Ask, Recorder, Told, ValueId},
};
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_client::{Client, ClientConfig, ClientError, Condition, Conditional, Listed, Object, Table};
use rekindle_env::{Env, Rng, Task};
use rekindle_types::Version;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub struct ClientsConfig {
    /// Clients, each with one call outstanding.
    pub clients: u32,
    /// Keys, shared by all. Some are used all the time, others hardly ever: those stay where they are in the log, and
    /// what was overwritten lies beside them.
    pub keys: u64,
    /// Of these so many get half of the calls.
    pub hot_keys: u64,
    /// Most bytes of a value.
    pub value_bytes_max: u64,
    /// Longest pause between two calls.
    pub pause_max: Duration,
    /// Tablets of their table.
    pub tablets: u32,
}

impl Default for ClientsConfig {
    fn default() -> Self {
        let pause_max = Duration::from_millis(150);
        Self { clients: 6, keys: 256, hot_keys: 6, value_bytes_max: 6_000, pause_max, tablets: 12 }
    }
}

/// How many calls had which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Writes and removals acknowledged.
    pub written: u64,
    /// Reads answered.
    pub read: u64,
    /// Conditions that did not hold.
    pub refused: u64,
    /// Writes of unknown outcome.
    pub unknown: u64,
    /// Calls that were surely not done.
    pub not_done: u64,
    /// Tables created and dropped again.
    pub tables: u64,
    /// Listings of the whole table.
    pub scans: u64,
}

/// The clients' name for their table.
const TABLE: &str = "shared";
/// A call takes no longer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// To make the table.
const ATTEMPTS: u32 = 10;

/// Run until they are stopped.
pub(super) struct Clients {
    shared: Arc<Shared>,
    tasks: Vec<Task>,
}

struct Shared {
    config: ClientsConfig,
    recorder: Arc<Recorder>,
    counts: Mutex<ClientCounts>,
    /// Answers that no history explains: errors that nobody may get, bytes that nobody wrote.
    wrong: Mutex<Vec<String>>,
    /// The version last seen of each key, for conditions that may hold.
    seen: Mutex<BTreeMap<Bytes, Option<Version>>>,
    /// The last tables that were made, dropped meanwhile or not.
    spares: Mutex<VecDeque<String>>,
    /// Set by `stop`, read by every client between two calls.
    stops: AtomicBool,
}

/// One of them.
struct Caller {
    number: u32,
    client: Client,
    table: Table,
    env: Env,
    shared: Arc<Shared>,
}

/// Makes the clients' table. In rough weather the call may be lost, and its answer.
async fn make_table(client: &Client, tablets: u32) -> Result<Table, ClientError> {
    for _ in 0..ATTEMPTS {
        match client.create_table(TABLE, tablets).await {
            Err(ClientError::Unknown(_) | ClientError::TableExists(_)) => {}
            made => return made,
        }
        match client.table(TABLE).await {
            Err(ClientError::NoSuchTable(_)) => {}
            found => return found,
        }
    }
    Err(ClientError::TimedOut(format!("{ATTEMPTS} calls were lost")))
}

impl Clients {
    /// A call ends within its time-out, and what it takes to notice that: clients don't stand still.
    pub(super) const CALL_MAX: Duration = TIMEOUT.saturating_add(Duration::from_millis(100));

    /// Creates the table and starts them, each on a node of its own, and one that creates and drops tables.
    pub(super) async fn start(
        cluster: &SimCluster,
        config: ClientsConfig,
        recorder: &Arc<Recorder>,
    ) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            config,
            recorder: recorder.clone(),
            counts: Mutex::default(),
            wrong: Mutex::default(),
            seen: Mutex::default(),
            spares: Mutex::default(),
            stops: AtomicBool::new(false),
        });
        let mut tasks = Vec::new();
        for number in 0..=config.clients {
            let name = format!("client-{number}");
            let client = cluster.client(&name, ClientConfig { timeout: TIMEOUT, ..ClientConfig::default() });
            let env = cluster.world.node(&name).env();
            let table = match number {
                0 => make_table(&client, config.tablets).await,
                _ => client.table(TABLE).await,
            };
            let table = table.map_err(|error| format!("the table: {error}"))?;
            let caller = Caller { number, client, table, env: env.clone(), shared: shared.clone() };
            let task = match number {
                0 => env.spawn.spawn("tables", Box::pin(async move { caller.make_tables().await })),
                _ => env.spawn.spawn("calls", Box::pin(async move { caller.run().await })),
            };
            tasks.push(task);
        }
        Ok(Self { shared, tasks })
    }

    pub(super) fn counts(&self) -> ClientCounts {
        *self.shared.counts.lock()
    }

    /// The first wrong answer, if there was one.
    pub(super) fn wrong(&self) -> Option<String> {
        self.shared.wrong.lock().first().cloned()
    }

    /// Lets every client end the call that it is at.
    pub(super) async fn stop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            task.join().await;
        }
    }

    /// Reads every key, and scans the table. What each key has in the end.
    pub(super) async fn read_all(
        &self,
        cluster: &SimCluster,
        patience: Duration,
    ) -> Result<BTreeMap<Bytes, Option<(ValueId, Version)>>, String> {
        let client = cluster.client("reader", ClientConfig { timeout: patience, ..ClientConfig::default() });
        let table = client.table(TABLE).await.map_err(|error| format!("the table in the end: {error}"))?;
        let env = cluster.world.node("reader").env();
        let reader = Caller { number: u32::MAX, client, table, env, shared: self.shared.clone() };
        let mut found = BTreeMap::new();
        for key in (0..self.shared.config.keys).map(key_of) {
            found.insert(key.clone(), reader.read_in_the_end(&key).await?);
        }
        let present: BTreeMap<_, _> = found.iter().filter_map(|(key, seen)| Some((key, (*seen)?))).collect();
        let scanned = reader.scan().await.map_err(|error| format!("scan in the end: {error}"))?;
        if scanned.iter().ne(present.iter().map(|(key, seen)| (*key, seen))) {
            return Err(format!("a scan found {scanned:?}, gets {present:?}"));
        }
        Ok(found)
    }
}

fn key_of(number: u64) -> Bytes {
    Bytes::from(format!("key-{number}"))
}

impl Caller {
    async fn run(&self) {
        let pause = self.shared.config.pause_max.as_nanos() as u64;
        while !self.shared.stops.load(Ordering::Relaxed) && self.shared.recorder.has_room() {
            self.env.clock.sleep(Duration::from_nanos(self.rng().below(pause + 1))).await;
            self.call().await;
        }
    }

    fn rng(&self) -> &dyn Rng {
        &*self.env.rng
    }

    fn key(&self) -> Bytes {
        let ClientsConfig { keys, hot_keys, .. } = self.shared.config;
        let keys = if self.rng().below(2) == 0 { hot_keys } else { 1 + self.rng().below(keys) };
        key_of(self.rng().below(keys))
    }

    fn condition(&self, key: &Bytes) -> Condition {
        let seen = self.shared.seen.lock().get(key).copied().flatten();
        match (self.rng().below(8), seen) {
            (0, _) => Condition::IfPresent,
            (1, _) => Condition::IfVersion(Version(u64::MAX)),
            (_, Some(version)) => Condition::IfVersion(version),
            (_, None) => Condition::IfAbsent,
        }
    }

    async fn call(&self) {
        let key = self.key();
        match self.rng().below(100) {
            // A listing is as many reads as there are keys.
            0..1 if self.rng().below(4) == 0 => drop(self.scan().await),
            1..3 => self.use_spare().await,
            0..31 => self.get(&key).await,
            31..60 => self.put(&key, Condition::Always).await,
            60..72 => self.put(&key, self.condition(&key)).await,
            72..80 => self.delete(&key, Condition::Always).await,
            80..84 => self.delete(&key, self.condition(&key)).await,
            84..92 => self.multi_put().await,
            _ => self.multi_get().await,
        }
    }

    fn begin(&self, key: &Bytes, ask: Ask) -> crate::history::Ticket {
        self.shared.recorder.begin(self.env.clock.now(), self.number, key, ask)
    }

    async fn get(&self, key: &Bytes) {
        let ticket = self.begin(key, Ask::Get);
        let answer = self.table.get(key).await;
        self.end(key, ticket, answer.map(|object| self.saw(object)));
    }

    async fn put(&self, key: &Bytes, condition: Condition) {
        let (value, bytes) = self.value();
        let ticket = self.begin(key, Ask::Put { value, condition });
        let told = match condition {
            Condition::Always => self.table.put(key, bytes).await.map(Told::Wrote),
            _ => self.table.put_if(key, bytes, condition).await.map(|done| match done {
                Conditional::Done(version) => Told::Wrote(version),
                Conditional::Failed { present } => Told::Refused(present),
            }),
        };
        self.end(key, ticket, told);
    }

    async fn delete(&self, key: &Bytes, condition: Condition) {
        let ticket = self.begin(key, Ask::Delete { condition });
        let told = match condition {
            Condition::Always => self.table.delete(key).await.map(Told::Removed),
            _ => self.table.delete_if(key, condition).await.map(|done| match done {
                Conditional::Done(removed) => Told::Removed(removed),
                Conditional::Failed { present } => Told::Refused(present),
            }),
        };
        self.end(key, ticket, told);
    }

    fn some_keys(&self) -> Vec<Bytes> {
        let mut keys: Vec<Bytes> = (0..6).map(|_| self.key()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    async fn multi_put(&self) {
        let (mut tickets, mut objects) = (Vec::new(), Vec::new());
        for key in self.some_keys() {
            let (value, bytes) = self.value();
            tickets.push(self.begin(&key, Ask::Put { value, condition: Condition::Always }));
            objects.push((key, bytes));
        }
        let answers = self.table.multi_put(objects.clone()).await;
        for ((ticket, (key, _)), answer) in tickets.into_iter().zip(objects).zip(answers) {
            self.end(&key, ticket, answer.map(Told::Wrote));
        }
    }

    async fn multi_get(&self) {
        let keys = self.some_keys();
        let tickets: Vec<_> = keys.iter().map(|key| self.begin(key, Ask::Get)).collect();
        let answers = self.table.multi_get(&keys).await;
        for ((ticket, key), answer) in tickets.into_iter().zip(keys).zip(answers) {
            self.end(&key, ticket, answer.map(|object| self.saw(object)));
        }
    }

    fn value(&self) -> (ValueId, Bytes) {
        let padding = self.rng().below(self.shared.config.value_bytes_max + 1);
        self.shared.recorder.new_value(padding as usize)
    }

    /// A read's answer. Bytes that nobody wrote are wrong, whatever else is.
    fn saw(&self, object: Option<Object>) -> Told {
        let Some(object) = object else { return Told::Saw(None) };
        match self.shared.recorder.value_id(&object.value) {
            Some(value) => Told::Saw(Some((value, object.version))),
            None => {
                self.wrong(format!("{} bytes that nobody wrote, {}", object.value.len(), object.version));
                Told::NotDone
            }
        }
    }

    fn end(&self, key: &Bytes, ticket: crate::history::Ticket, answer: Result<Told, ClientError>) {
        let told = match answer {
            Ok(told) => told,
            Err(ClientError::Unknown(_)) => Told::Unknown,
            Err(ClientError::TimedOut(_) | ClientError::Full) => Told::NotDone,
            Err(error) => {
                self.wrong(format!("{key:?}: {error}"));
                Told::Unknown
            }
        };
        self.shared.recorder.end(self.env.clock.now(), ticket, told);
        let mut counts = self.shared.counts.lock();
        let (counter, seen) = match told {
            Told::Saw(seen) => (&mut counts.read, Some(seen.map(|(_, version)| version))),
            Told::Wrote(version) => (&mut counts.written, Some(Some(version))),
            Told::Removed(_) => (&mut counts.written, Some(None)),
            Told::Refused(present) => (&mut counts.refused, Some(present)),
            Told::Unknown => (&mut counts.unknown, None),
            Told::NotDone => (&mut counts.not_done, None),
        };
        *counter += 1;
        drop(counts);
        if let Some(seen) = seen {
            self.shared.seen.lock().insert(key.clone(), seen);
        }
    }

    fn wrong(&self, what: String) {
        self.shared.wrong.lock().push(what);
    }

    async fn read_in_the_end(&self, key: &Bytes) -> Result<Option<(ValueId, Version)>, String> {
        let from = self.shared.recorder.moment(self.env.clock.now());
        let object = self.table.get(key).await.map_err(|error| format!("{key:?} in the end: {error}"))?;
        match self.saw(object) {
            Told::Saw(seen) => {
                self.shared.recorder.saw(self.env.clock.now(), self.number, key, from, seen);
                Ok(seen)
            }
            _ => Err(format!("{key:?} in the end: bytes that nobody wrote")),
        }
    }

    /// Lists the table. An object that is listed was there as listed while its page was asked for; a key that is not
    /// listed was absent at some instant of the listing. What the listing shows in the end, if it got there.
    async fn scan(&self) -> Result<BTreeMap<Bytes, (ValueId, Version)>, ClientError> {
        let recorder = &self.shared.recorder;
        let now = || self.env.clock.now();
        let (mut scan, mut found) = (self.table.scan(), BTreeMap::new());
        let began = recorder.moment(now());
        loop {
            let from = recorder.moment(now());
            let page = scan.next_page().await.inspect_err(|error| {
                if !matches!(error, ClientError::TimedOut(_)) {
                    self.wrong(format!("scan: {error}"));
                }
            })?;
            let Some(page) = page else { break };
            for Listed { key, value, version } in page {
                let Some(id) = recorder.value_id(&value) else {
                    self.wrong(format!("scan: {key:?} has bytes that nobody wrote"));
                    continue;
                };
                recorder.saw(now(), self.number, &key, from, Some((id, version)));
                if found.insert(key.clone(), (id, version)).is_some() {
                    self.wrong(format!("scan: {key:?} came twice"));
                }
            }
        }
        let keys = (0..self.shared.config.keys).map(key_of);
        for key in keys.filter(|key| !found.contains_key(key)) {
            recorder.saw(now(), self.number, &key, began, None);
        }
        self.shared.counts.lock().scans += 1;
        Ok(found)
    }
}
