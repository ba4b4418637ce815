//! COO-4: the coordinator may be killed at any record, before, inside and after it: the next one ends in the same state.

use crate::crashing_dir::{CrashingDir, Cut, Faults};
use async_trait::async_trait;
use futures_util::future::{Either, poll_fn, select};
use parking_lot::Mutex;
use rekindle_coordinator::meta::{
    AppendError, Batch, FileMetaLog, FileMetaLogConfig, Leadership, MemoryMetaLog, MetaLog, MetaOpenError,
    Opened, Recorded,
};
use rekindle_coordinator::scripted::{Script, Stage};
use rekindle_coordinator::{ClusterSize, ClusterState, CoordinatorConfig};
use rekindle_env::memory::{Crash, Node, World};
use rekindle_types::{Lsn, Refusal, Reply, Request, Rules, ServerRoom, TabletState, Term};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{sync::Arc, task::Poll};

/// What the history comes to, whatever the ids: names of the members, and each table with its tablets and
/// whether their owners are members.
type End = (Vec<String>, Vec<(String, usize, bool)>);

fn end_of(state: &ClusterState) -> End {
    let members = state.servers().iter().map(|s| s.name.clone()).collect();
    let table = |t: rekindle_types::TableInfo| {
        let tablets: Vec<_> = state.map().tablets_of(t.id).collect();
        let widths = tablets.iter().map(|t| u128::from(t.range.last().0 - t.range.first().0) + 1);
        assert_eq!(widths.sum::<u128>(), 1 << 64, "the tablets of {} cover all", t.name);
        let is_well =
            |t: &&rekindle_types::Tablet| t.state == TabletState::Normal && state.servers().is_up(t.owner);
        (t.name, tablets.len(), tablets.iter().all(is_well))
    };
    (members, state.map().tables().map(table).collect())
}

/// Enlist, create, kill, recover, enlist again, drop: in a world of its own.
fn play<M: MetaLog + Clone + 'static>(stage: &Stage<M>) -> End {
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        for table in ["kept", "dropped"] {
            let reply = stage.create(table, 5).await;
            // After a crash the repeated call may find the table there.
            let exists = Reply::Refused(Refusal::TableExists(table.into()));
            assert!(matches!(reply, Reply::Table(_)) || reply == exists, "{reply:?}");
        }
        stage.settled().await;
        stage.script.kill(ids[1]);
        stage.settled().await;
        let again = stage.script.enlist("server-1", Some(ids[1])).await;
        let floor = Request::StoreFloor {
            log: rekindle_types::LogId::of(again),
            floor: rekindle_types::SegmentId(1),
        };
        assert_eq!(stage.script.call(floor).await, Reply::Done);
        let reply = stage.drop_table("dropped").await;
        let missing = Reply::Refused(Refusal::NoSuchTable("dropped".into()));
        assert!(reply == Reply::Done || reply == missing, "{reply:?}");
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.unfinished().count(), 0);
        assert_eq!(state.partitions().count(), 0);
        assert!(stage.script.holders(ids[1]).is_empty(), "replicas of the dead server are left");
        let reread = ClusterState::rebuild(&stage.meta.open().await.unwrap()).unwrap();
        assert_eq!(end_of(&reread), end_of(&state));
        end_of(&state)
    })
}

/// A recovery whose plan is cut again: one of its parts has all the bytes.
fn play_cut(stage: &Stage) -> End {
    let segment = Script::PLENTY.segment_bytes;
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(3, 2).await;
        for name in ["full", "empty"] {
            let reply = stage.create(name, 3).await;
            let exists = Reply::Refused(Refusal::TableExists(name.into()));
            assert!(matches!(reply, Reply::Table(_)) || reply == exists, "{reply:?}");
        }
        stage.settled().await;
        let table = |name: &str| stage.script.coordinator().unwrap().state().map().table(name).unwrap();
        let full = table("full");
        stage.script.fill_table(full, 3 * 36 * u64::from(segment));
        stage.script.fill_table(table("empty"), 0);
        let room = ServerRoom { memory_free_bytes: (36 + 22) * u64::from(segment), ..Script::PLENTY };
        ids.iter().for_each(|id| stage.script.set_room(*id, room));
        stage.script.give_log_of(ids[0], &ids[1..], 36 * segment);
        stage.script.wait_for(std::time::Duration::from_millis(200), |_| false).await;
        stage.script.kill(ids[0]);
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!((state.unfinished().count(), state.partitions().count()), (0, 0));
        let full = state.map().tablets_of(full).count();
        assert!(full > 3, "it was not cut: {full} tablets");
        let reread = ClusterState::rebuild(&stage.meta.open().await.unwrap()).unwrap();
        assert_eq!(end_of(&reread), end_of(&state));
        end_of(&state)
    })
}

fn config() -> CoordinatorConfig {
    CoordinatorConfig::new(ClusterSize::Replicas(2))
}

/// Over a meta log in memory, with at most one crash.
fn play_in_memory(crash: Option<(u64, Recorded)>, play: fn(&Stage) -> End) -> (End, u64) {
    let meta = MemoryMetaLog::new(Rules::default());
    if let Some((at, recorded)) = crash {
        meta.crash_after(at, recorded);
    }
    let stage = Stage::on(meta, config());
    let end = play(&stage);
    assert_eq!(stage.meta.has_crashed(), crash.is_some(), "the crash {crash:?} must happen");
    assert_eq!(stage.script.reigns(), reigns(crash.map(|(at, _)| at)));
    (end, stage.meta.last().0)
}

/// A crash at the very first record ends the attempt to take office.
fn reigns(crash: Option<u64>) -> u32 {
    1 + u32::from(crash.is_some_and(|at| at > 0))
}

/// A meta log in files, each reign a process of its own on the same disk: when the disk stops at a record the process
/// is dead, and the next one finds what was kept.
#[derive(Clone)]
struct Processes {
    node: Node,
    faults: Arc<Faults>,
    log: Arc<Mutex<Option<Arc<FileMetaLog>>>>,
    restarts: Arc<AtomicU32>,
}

#[async_trait]
impl MetaLog for Processes {
    async fn open(&self) -> Result<Opened, MetaOpenError> {
        *self.log.lock() = None;
        let env = if self.faults.has_crashed.swap(false, Ordering::Relaxed) {
            self.restarts.fetch_add(1, Ordering::Relaxed);
            // What was written stays as it is: half a record is half a record.
            self.node.kill_with(Crash::KeepUnsynced);
            self.node.restart()
        } else {
            self.node.env()
        };
        let config = FileMetaLogConfig { garbage_bytes_min: 1 << 10, ..FileMetaLogConfig::new(7) };
        let log = Arc::new(FileMetaLog::new(&CrashingDir::within(env, &self.faults), config));
        *self.log.lock() = Some(Arc::clone(&log));
        log.open().await
    }

    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError> {
        let log = self.log.lock().clone().expect("it was opened");
        let append = log.append(term, batch);
        let dead = poll_fn(|_| match self.faults.has_crashed.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        match select(append, dead).await {
            Either::Left((appended, _)) => appended,
            Either::Right(_) => Err(AppendError::Failed("the process is dead".into())),
        }
    }

    fn leadership(&self, term: Term) -> Leadership {
        self.log.lock().as_ref().map_or(Leadership::Over { newest: term }, |log| log.leadership(term))
    }
}

/// Over a meta log in files, with at most one crash; and how many times something was recorded.
fn play_on_disk(cut: Option<(u64, Cut)>) -> (End, u64) {
    let world = World::new(1);
    let faults = Arc::new(Faults { cut, ..Faults::default() });
    let (node, restarts) = (world.node("disk"), Arc::default());
    let meta = Processes { node, faults, log: Arc::default(), restarts };
    let stage = Stage::of(world, meta, config());
    let end = play(&stage);
    assert_eq!(stage.meta.restarts.load(Ordering::Relaxed), u32::from(cut.is_some()), "{cut:?} must happen");
    assert_eq!(stage.script.reigns(), reigns(cut.map(|(at, _)| at)));
    (end, stage.meta.faults.records.load(Ordering::Relaxed))
}

fn assert_same(end: &End, calm: &End, crash: &dyn std::fmt::Debug) {
    let tables = |end: &End| end.1.iter().map(|(name, _, well)| (name.clone(), *well)).collect::<Vec<_>>();
    assert_eq!(end.0, calm.0, "members after a crash at {crash:?}");
    assert_eq!(tables(end), tables(calm), "tables after a crash at {crash:?}");
}

/// The history, and again with a crash at each of its records.
fn crash_at_every_record(play: fn(&Stage) -> End) -> End {
    let (calm, records) = play_in_memory(None, play);
    assert!(records > 20, "{records} records");
    for crash in (0..records).flat_map(|at| [Recorded::Yes, Recorded::No].map(|recorded| (at, recorded))) {
        assert_same(&play_in_memory(Some(crash), play).0, &calm, &crash);
    }
    calm
}

#[test]
fn restart_at_every_record_ends_in_the_same_state() {
    let calm = crash_at_every_record(play);
    assert_eq!(calm.0.len(), 4);
    assert_eq!(calm.1, [("kept".to_owned(), calm.1[0].1, true)]);
}

#[test]
fn restart_at_every_record_of_a_recovery_that_is_cut_again_ends_in_the_same_state() {
    let calm = crash_at_every_record(play_cut);
    assert_eq!(calm.0.len(), 2);
    assert!(calm.1.len() == 2 && calm.1.iter().all(|(_, _, is_well)| *is_well), "{:?}", calm.1);
}

#[test]
fn restart_before_inside_and_after_every_record_on_disk_ends_in_the_same_state() {
    let (calm, records) = play_on_disk(None);
    assert_same(&calm, &play_in_memory(None, play).0, &"no record");
    assert!(records > 20, "{records} records");
    for at in 0..records {
        for cut in [Cut::Before, Cut::Inside, Cut::After] {
            assert_same(&play_on_disk(Some((at, cut))).0, &calm, &(at, cut));
        }
    }
    println!("{} crashes before, inside and after {records} records", 3 * records);
}
