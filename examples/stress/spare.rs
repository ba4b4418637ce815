//! Tables that are made, used and dropped, again and again under the same name.

use crate::{
    checked::{Books, Breach, Oracle, Watch},
    objects::{EMPTY_EVERY, Objects},
    traffic::{Caller, Target},
};
use parking_lot::Mutex;
use rekindle::{
    client::{Client, ClientError, Table},
    env::Env,
    types::KeyRange,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Keys of each life.
const KEYS: u32 = 48;
/// Between two lives.
const PAUSE: Duration = Duration::from_millis(500);
const NAME: &str = "spare";
/// Numbers of lives, for their values: above those of the other tables.
const FIRST_LIFE: u32 = 1 << 16;

/// What was found out.
#[derive(Default)]
pub struct Spare {
    /// Lives that came to their end: made, used, dropped.
    pub lives: u64,
    /// Lives that could not be made or dropped in time.
    pub given_up: u64,
    /// Broken promises.
    pub breaches: Vec<Breach>,
}

/// Makes, uses and drops a table until it is told to stop.
pub struct Sparer {
    pub client: Client,
    pub env: Env,
    pub watch: Arc<dyn Watch>,
    pub seed: u64,
    pub tablets: u32,
    pub found: Arc<Mutex<Spare>>,
}

impl Sparer {
    /// Runs until `stops` is set.
    pub async fn run(self, stops: Arc<AtomicBool>) {
        let mut life = FIRST_LIFE;
        while !stops.load(Ordering::Relaxed) {
            let is_whole = self.live(life).await;
            {
                let found = &mut *self.found.lock();
                *(if is_whole { &mut found.lives } else { &mut found.given_up }) += 1;
            }
            life += 1;
            self.env.clock.sleep(PAUSE).await;
        }
    }

    /// One life. Whether it came to its end.
    async fn live(&self, life: u32) -> bool {
        let Some(table) = self.make().await else { return false };
        let objects = Objects::new(KEYS, self.seed, life);
        let caller = Caller {
            table,
            objects,
            books: Arc::new(Mutex::new(Books::new(Oracle::with_unnamed(u64::from(KEYS), EMPTY_EVERY)))),
            clock: self.env.clock.clone(),
            watch: self.watch.clone(),
        };
        let all: Vec<u32> = caller.objects.indexes().collect();
        // A new table is empty, whatever its former life left.
        caller.multi_get(&all).await;
        let written = caller.multi_put(&all).await;
        let target = Target::new(caller.clone());
        caller.scan(KeyRange::FULL, &target.indexes(KeyRange::FULL)).await;
        caller.multi_get(&all).await;
        self.found.lock().breaches.extend_from_slice(caller.books.lock().breaches());
        let dropped = self.client.drop_table(NAME).await;
        if dropped.is_err() {
            return false;
        }
        // T8: from here on nobody serves it.
        for index in [0, KEYS / 2] {
            if let Ok(answer) = caller.table.get(format!("key-{index:06}")).await {
                let what =
                    format!("a dropped table answers a read: {}", answer.map_or("absent", |_| "a value"));
                self.breach(index, what);
            }
        }
        written.is_ok()
    }

    /// A new table; one that is left of a former life is dropped first.
    async fn make(&self) -> Option<Table> {
        for _ in 0..3 {
            match self.client.create_table(NAME, self.tablets).await {
                Ok(table) => return Some(table),
                Err(ClientError::TableExists(_) | ClientError::Unknown(_)) => {
                    _ = self.client.drop_table(NAME).await;
                }
                Err(_) => {}
            }
        }
        None
    }

    fn breach(&self, index: u32, what: String) {
        self.found.lock().breaches.push(Breach { index, is_lost: false, what });
    }
}
