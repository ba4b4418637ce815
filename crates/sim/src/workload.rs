//! Clients that write and read, and check every answer against what they were told before.

use crate::oracle::{Breach, Oracle, Seen, Wrote};
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_client::{ClientError, Condition, Conditional, Listed, Object, Table};
use rekindle_env::{Env, Rng, Task};
use rekindle_types::Version;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a workload does.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadConfig {
    /// Clients, each with keys of its own and one call outstanding.
    pub clients: u32,
    /// Keys of each client.
    pub keys: u64,
    /// Most bytes of a value.
    pub value_bytes_max: u64,
    /// Longest pause between two calls.
    pub pause_max: Duration,
}

impl Default for WorkloadConfig {
    fn default() -> Self {
        Self { clients: 4, keys: 100, value_bytes_max: 2_000, pause_max: Duration::from_millis(4) }
    }
}

/// How many calls had which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes acknowledged.
    pub written: u64,
    /// Reads answered.
    pub read: u64,
    /// Deletes acknowledged.
    pub deleted: u64,
    /// Conditions that did not hold.
    pub refused: u64,
    /// Writes of unknown outcome.
    pub unknown: u64,
    /// Calls that were surely not done in time.
    pub timed_out: u64,
}

/// Runs until it is stopped or dropped.
pub struct Workload {
    shared: Arc<Shared>,
    tasks: Vec<Task>,
}

struct Shared {
    config: WorkloadConfig,
    table: Table,
    env: Env,
    books: Mutex<Books>,
    /// Set by `stop`, read by every client between two calls.
    stops: AtomicBool,
}

#[derive(Default)]
struct Books {
    oracle: Oracle,
    counts: Counts,
    breaches: Vec<Breach>,
    writes: u64,
}

impl Workload {
    /// Starts the clients on this node.
    #[must_use]
    pub fn start(config: WorkloadConfig, table: Table, env: Env) -> Self {
        let stops = AtomicBool::new(false);
        let shared = Arc::new(Shared { config, table, env, books: Mutex::default(), stops });
        let spawn = |client| {
            let shared = shared.clone();
            shared.env.spawn.clone().spawn("workload", Box::pin(async move { shared.run(client).await }))
        };
        let tasks = (0..config.clients).map(spawn).collect();
        Self { shared, tasks }
    }

    /// How it went so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.books.lock().counts
    }

    /// Promises broken so far.
    #[must_use]
    pub fn breaches(&self) -> Vec<Breach> {
        self.shared.books.lock().breaches.clone()
    }

    /// Lets every client end the call that it is at.
    pub async fn stop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            task.join().await;
        }
    }

    /// Reads every key, and scans the table: all as promised, each object once. How many objects there are.
    ///
    /// # Errors
    /// The first broken promise.
    pub async fn verify(&self, timeout: Duration) -> Result<u64, Breach> {
        let table = self.shared.table.within(timeout);
        let keys: Vec<Bytes> = self.shared.books.lock().oracle.keys().cloned().collect();
        let mut present = 0;
        for some in keys.chunks(256) {
            for (key, answer) in some.iter().zip(table.multi_get(some).await) {
                let object = answer.map_err(|error| breach(key, error.to_string()))?;
                present += u64::from(object.is_some());
                self.shared.books.lock().oracle.read(key, seen(object))?;
            }
        }
        let scanned = self.scan(&table).await?;
        if scanned != present {
            return Err(breach(&Bytes::new(), format!("scan found {scanned} objects, get {present}")));
        }
        Ok(present)
    }

    async fn scan(&self, table: &Table) -> Result<u64, Breach> {
        let (mut scan, mut found) = (table.scan(), 0);
        loop {
            let page = scan.next_page().await.map_err(|error| breach(&Bytes::new(), error.to_string()))?;
            let Some(objects) = page else { return Ok(found) };
            for Listed { key, value, version } in objects {
                found += 1;
                self.shared.books.lock().oracle.read(&key, Seen::Value(value, version))?;
            }
        }
    }
}

impl Shared {
    async fn run(&self, client: u32) {
        while !self.stops.load(Ordering::Relaxed) {
            let pause = self.config.pause_max.as_nanos() as u64;
            self.env.clock.sleep(Duration::from_nanos(self.rng().below(pause + 1))).await;
            let outcome = self.call(client).await;
            let mut books = self.books.lock();
            books.breaches.extend(outcome.err());
        }
    }

    fn rng(&self) -> &dyn Rng {
        &*self.env.rng
    }

    fn key(&self, client: u32) -> Bytes {
        Bytes::from(format!("c{client}-k{}", self.rng().below(self.config.keys)))
    }

    /// Never the same twice: a number, and bytes that go with it.
    fn value(&self) -> Bytes {
        let number = {
            let mut books = self.books.lock();
            books.writes += 1;
            books.writes
        };
        let padding = self.rng().below(self.config.value_bytes_max + 1) as usize;
        Bytes::from(format!(
            "{number}:{}",
            char::from(b'a' + (number % 26) as u8).to_string().repeat(padding)
        ))
    }

    async fn call(&self, client: u32) -> Result<(), Breach> {
        let key = self.key(client);
        match self.rng().below(100) {
            0..35 => self.put(&key).await,
            35..60 => self.get(&key).await,
            60..70 => self.delete(&key).await,
            70..85 => self.put_if(&key).await,
            85..90 => self.delete_if(&key).await,
            90..95 => self.multi_put(client).await,
            _ => self.multi_get(client).await,
        }
    }

    async fn get(&self, key: &Bytes) -> Result<(), Breach> {
        let answer = self.table.get(key).await;
        self.read(key, answer)
    }

    async fn put(&self, key: &Bytes) -> Result<(), Breach> {
        let value = self.value();
        let answer = self.table.put(key, value.clone()).await;
        self.wrote(key, value, answer)
    }

    async fn delete(&self, key: &Bytes) -> Result<(), Breach> {
        let answer = self.table.delete(key).await;
        let Some(removed) = self.answered(key, Wrote::Delete, answer)? else { return Ok(()) };
        let mut books = self.books.lock();
        books.counts.deleted += 1;
        books.oracle.delete(key, removed)
    }

    /// On the version that is there, mostly; else on absence, presence, or a version that never was.
    fn condition(&self, key: &Bytes) -> Condition {
        let settled = self.books.lock().oracle.settled(key);
        match (self.rng().below(8), settled) {
            (0, _) => Condition::IfPresent,
            (1, _) => Condition::IfVersion(Version(u64::MAX)),
            (_, Seen::Value(_, version)) => Condition::IfVersion(version),
            (_, Seen::Absent) => Condition::IfAbsent,
        }
    }

    async fn put_if(&self, key: &Bytes) -> Result<(), Breach> {
        let (value, condition) = (self.value(), self.condition(key));
        let answer = self.table.put_if(key, value.clone(), condition).await;
        match self.answered(key, Wrote::Put(value.clone()), answer)? {
            Some(Conditional::Done(version)) => self.wrote(key, value, Ok(version)),
            Some(Conditional::Failed { present }) => self.refused(key, present),
            None => Ok(()),
        }
    }

    async fn delete_if(&self, key: &Bytes) -> Result<(), Breach> {
        let condition = self.condition(key);
        let answer = self.table.delete_if(key, condition).await;
        match self.answered(key, Wrote::Delete, answer)? {
            Some(Conditional::Done(removed)) => {
                let mut books = self.books.lock();
                books.counts.deleted += 1;
                books.oracle.delete(key, removed)
            }
            Some(Conditional::Failed { present }) => self.refused(key, present),
            None => Ok(()),
        }
    }

    /// Different keys: one call outstanding per key.
    fn some_keys(&self, client: u32) -> Vec<Bytes> {
        let mut keys: Vec<Bytes> = (0..8).map(|_| self.key(client)).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    async fn multi_put(&self, client: u32) -> Result<(), Breach> {
        let objects: Vec<_> = self.some_keys(client).into_iter().map(|key| (key, self.value())).collect();
        let answers = self.table.multi_put(objects.clone()).await;
        objects
            .into_iter()
            .zip(answers)
            .try_for_each(|((key, value), answer)| self.wrote(&key, value, answer))
    }

    async fn multi_get(&self, client: u32) -> Result<(), Breach> {
        let keys = self.some_keys(client);
        let answers = self.table.multi_get(&keys).await;
        keys.iter().zip(answers).try_for_each(|(key, answer)| self.read(key, answer))
    }

    fn read(&self, key: &Bytes, answer: Result<Option<Object>, ClientError>) -> Result<(), Breach> {
        let mut books = self.books.lock();
        match answer {
            Ok(object) => {
                books.counts.read += 1;
                books.oracle.read(key, seen(object))
            }
            Err(ClientError::TimedOut(_) | ClientError::Unknown(_)) => {
                books.counts.timed_out += 1;
                Ok(())
            }
            Err(error) => Err(breach(key, format!("get: {error}"))),
        }
    }

    fn wrote(&self, key: &Bytes, value: Bytes, answer: Result<Version, ClientError>) -> Result<(), Breach> {
        let Some(version) = self.answered(key, Wrote::Put(value.clone()), answer)? else { return Ok(()) };
        let mut books = self.books.lock();
        books.counts.written += 1;
        books.oracle.put(key, value, version)
    }

    fn refused(&self, key: &Bytes, present: Option<Version>) -> Result<(), Breach> {
        let mut books = self.books.lock();
        books.counts.refused += 1;
        books.oracle.version(key, present)
    }

    /// The answer to a write, if there is one.
    fn answered<T>(
        &self,
        key: &Bytes,
        write: Wrote,
        answer: Result<T, ClientError>,
    ) -> Result<Option<T>, Breach> {
        let mut books = self.books.lock();
        match answer {
            Ok(answer) => return Ok(Some(answer)),
            Err(ClientError::Unknown(_)) => {
                books.counts.unknown += 1;
                books.oracle.unknown(key, write);
            }
            Err(ClientError::TimedOut(_)) => books.counts.timed_out += 1,
            Err(error) => return Err(breach(key, format!("write: {error}"))),
        }
        Ok(None)
    }
}

fn seen(object: Option<Object>) -> Seen {
    object.map_or(Seen::Absent, |object| Seen::Value(object.value, object.version))
}

fn breach(key: &Bytes, what: String) -> Breach {
    Breach { key: key.clone(), what }
}
