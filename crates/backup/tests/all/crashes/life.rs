//! Lives of a store: told things, stopped, opened again, looked at.

use super::{
    history::{Segment, Told, image, make},
    watched::{Class, Watch, WatchedDir},
};
use futures_util::future::{Either, join_all, select};
use parking_lot::Mutex;
use rekindle_backup::{
    BackupStore, Durability, FileStore, FileStoreConfig, Fill, LoadRequest, LocalStore, ReplicaState,
    store::conformance::{Image, MASTER, OTHER, write},
};
use rekindle_env::{
    Env, Rng, Task,
    memory::{Crash, Node, World},
};
use rekindle_types::{ListVersion, LogId, ServerEntry, ServerId, ServerList};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process is killed: what it wrote is there, and not durable yet.
    Process,
    /// The power goes.
    Power(Crash),
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    pub seed: u64,
    pub durability: Durability,
    pub rounds: u64,
    /// Most calls at the same time; 1: each call has the disk for itself.
    pub at_once: u64,
    /// With marks the journals fall idle at once, else never while calls are made.
    pub with_marks: bool,
    pub left_out: Option<Class>,
    /// The instant, before or after a sync, and how the first life ends there; and the second one.
    pub stops: [Option<(u64, End)>; 2],
}

/// What was seen in a play.
pub struct Seen {
    /// Instants of the first life and of the second.
    pub instants: [u64; 2],
    pub classes: Vec<Class>,
}

struct Stage {
    world: World,
    node: Node,
    lives: AtomicU64,
}

struct Life {
    env: Env,
    watch: Arc<Watch>,
    store: Arc<FileStore>,
    run: Task,
}

impl Play {
    fn config(&self) -> FileStoreConfig {
        let config = FileStoreConfig::new(7, "backup");
        let mark_after = if self.with_marks { Duration::ZERO } else { config.mark_after };
        FileStoreConfig {
            segment_bytes: 64 << 10,
            frames: 12,
            durability: self.durability,
            mark_after,
            ..config
        }
    }

    /// Plays it; `Err` says what was found that must not be.
    pub fn run(&self) -> Result<Seen, String> {
        let world = World::new(self.seed);
        let node = world.node("backup");
        let stage = Stage { world, node, lives: AtomicU64::new(9) };
        let told = Mutex::new(Told::new());
        let rng = stage.world.rng("history");

        let first = stage.watch(self.stops[0].map(|stop| stop.0), self.left_out);
        let env = self.play_first(&stage, &first, &told, &*rng)?;
        let second = stage.watch(self.stops[1].map(|stop| stop.0), self.left_out);
        let end = self.stops[0].map_or(End::Power(Crash::DropUnsynced), |stop| stop.1);
        let env = stage.end(env, end);
        let env = self.play_second(&stage, env, &second, &told)?;
        let end = self.stops[1].map_or(End::Power(Crash::DropUnsynced), |stop| stop.1);
        let env = stage.end(env, end);
        let last = stage.watch(None, None);
        self.play_second(&stage, env, &last, &told)?;
        let mut classes = first.seen();
        classes.extend(second.seen());
        Ok(Seen { instants: [first.instants(), second.instants()], classes })
    }

    /// A life in which masters call.
    fn play_first(
        &self,
        stage: &Stage,
        watch: &Arc<Watch>,
        told: &Mutex<Told>,
        rng: &dyn Rng,
    ) -> Result<Env, String> {
        let env = stage.node.env();
        let Some(life) = self.open(stage, env.clone(), watch)? else { return Ok(env) };
        for round in 0..self.rounds {
            let calls = told.lock().draw(round, self.at_once, rng);
            let calls = calls.into_iter().map(|(segment, op)| {
                let store = Arc::clone(&life.store);
                let held = told.lock().begin(segment, op);
                async move {
                    make(store, segment, held, op).await;
                    told.lock().end(segment);
                }
            });
            if !stage.until_stopped(watch, join_all(calls)) {
                return Ok(life.leave());
            }
            if self.at_once == 1 {
                stage.world.run_until_idle();
            }
        }
        Ok(life.leave())
    }

    /// A life that looks at what is there, and goes on a little.
    fn play_second(
        &self,
        stage: &Stage,
        env: Env,
        watch: &Arc<Watch>,
        told: &Mutex<Told>,
    ) -> Result<Env, String> {
        let Some(life) = self.open(stage, env.clone(), watch)? else { return Ok(env) };
        let looked = Mutex::new(Ok(()));
        let told = told.lock().clone();
        let all = async {
            let mut result = look(&life.store, &told, self.durability).await;
            let life_number = stage.lives.load(Ordering::Relaxed);
            let more =
                Image::side(LogId::of(ServerId(3)), life_number).object(1, "key", &"7".repeat(9000), 1);
            if let Err(error) = life.store.write(write(&more, 1, Some(Fill::Growing), true)).await {
                result = result.and(Err(format!("takes nothing: {error}")));
            }
            let again = look(&life.store, &told, self.durability).await;
            *looked.lock() = result.and(again);
        };
        stage.until_stopped(watch, all);
        stage.world.run_until_idle();
        let looked = looked.lock().clone();
        looked.map(|()| life.leave())
    }

    /// Opens the store and adopts the next id; none when it was stopped before.
    fn open(&self, stage: &Stage, env: Env, watch: &Arc<Watch>) -> Result<Option<Life>, String> {
        let dir = Arc::new(WatchedDir { dir: Arc::clone(&env.dir), watch: Arc::clone(watch) });
        let inner = env.clone();
        let env = Env { dir, ..env };
        let id = ServerId(stage.lives.fetch_add(1, Ordering::Relaxed));
        let opened = Mutex::new(None);
        stage.until_stopped(watch, async {
            let result = async {
                let store = FileStore::open(&env, self.config()).await.map_err(|e| format!("open: {e}"))?;
                store.adopt(id).await.map_err(|e| format!("adopt: {e}"))?;
                Ok::<_, String>(store)
            };
            *opened.lock() = Some(result.await);
        });
        let Some(store) = opened.into_inner().transpose()? else { return Ok(None) };
        let up = |id| ServerEntry::up(ServerId(id), format!("server-{id}"));
        let list = ServerList::new(ListVersion(id.0), ServerId(id.0 + 1), [up(1), up(2), up(3), up(id.0)]);
        store.set_servers(&list);
        let run = env.spawn.spawn("store", Box::pin(Arc::clone(&store).run(env.clone())));
        Ok(Some(Life { env: inner, watch: Arc::clone(watch), store, run }))
    }
}

impl Life {
    /// The process is gone; its disk is as it was.
    fn leave(self) -> Env {
        let Self { env, watch, store, run } = self;
        drop((watch, store));
        run.stop();
        env
    }
}

impl Stage {
    fn watch(&self, stop_at: Option<u64>, left_out: Option<Class>) -> Arc<Watch> {
        Watch::new(stop_at, left_out)
    }

    /// Runs a future until it is done, or the process is stopped: then `false`.
    fn until_stopped(&self, watch: &Arc<Watch>, future: impl Future) -> bool {
        self.world.block_on(async {
            let (future, stopped) = (pin!(future), pin!(watch.stopped()));
            matches!(select(future, stopped).await, Either::Left(_))
        })
    }

    fn end(&self, env: Env, end: End) -> Env {
        self.world.run_until_idle();
        match end {
            End::Process => env,
            End::Power(crash) => {
                drop(env);
                self.node.kill_with(crash);
                self.world.run_until_idle();
                self.node.restart()
            }
        }
    }
}

/// Compares what a store holds with what it was told.
async fn look(store: &Arc<FileStore>, told: &Told, durability: Durability) -> Result<(), String> {
    let is_persistent = durability == Durability::Persistent;
    let damaged: Vec<_> = store.found_damaged().into_iter().filter(|d| d.file != "frames").collect();
    if !damaged.is_empty() {
        return Err(format!("damaged: {damaged:?}"));
    }
    let segments: Vec<Segment> = told.segments().collect();
    let mut infos = Vec::new();
    for log in [MASTER, OTHER] {
        let listed = store.inventory(log, ListVersion(1)).await;
        infos.extend(listed.map_err(|error| format!("inventory: {error}"))?);
    }
    for segment in segments {
        let found = infos.iter().find(|i| (i.replica.log, i.replica.segment.0) == segment);
        if !told.allows(segment, found, is_persistent) {
            return Err(format!("{segment:?}: found {found:?}, told {}", told.of(segment)));
        }
        let Some(info) = found else { continue };
        // Of the closed ones only the highest shows it.
        let highest = infos
            .iter()
            .filter(|i| i.replica.log == info.replica.log && i.state == info.state)
            .map(|i| i.replica.segment)
            .max();
        let is_due = info.state == ReplicaState::Open || highest == Some(info.replica.segment);
        if is_due && info.digest.as_ref().is_none_or(|digest| !digest.contains(&info.replica.segment)) {
            return Err(format!("{segment:?}: listed without its digest: {info:?}"));
        }
        let loaded = store.load(info.replica, LoadRequest::Whole).await;
        let loaded = loaded.map_err(|error| format!("{segment:?}: listed, and {error}"))?;
        let is_right = (0..64)
            .map(|objects| image(segment, info.replica.creation.0, objects))
            .any(|image| image.certificate() == info.certificate && image.bytes() == loaded.bytes);
        if !is_right {
            return Err(format!("{segment:?}: other bytes than were written"));
        }
    }
    Ok(())
}
