//! The meta log in files against power failures: whatever the disk had done with what was not synced, the next
//! coordinator finds every batch that was acknowledged, in order, each as a whole, and a term that nobody had.

use crate::crashing_dir::{CrashPoint, CrashingDir, Faults, SyncClass};
use bytes::Bytes;
use futures_util::future::{Either, join_all, poll_fn, select};
use parking_lot::Mutex;
use rekindle_coordinator::meta::{
    AppendError, Batch, EntityId, FileMetaLog, FileMetaLogConfig, Leadership, MetaLog, MetaOpenError, Opened,
    Record,
};
use rekindle_env::{Env, memory::Crash, memory::World};
use rekindle_types::{Lsn, Term};
use std::collections::BTreeMap;
use std::{pin::pin, sync::Arc, sync::atomic::Ordering, task::Poll};

/// Batches of the whole history.
const BATCHES: u64 = 24;

/// Little enough for several turns of the file in the history.
const GARBAGE_BYTES: u64 = 600;

const CLUSTER: u128 = 7;

fn id(n: u64) -> EntityId {
    EntityId { kind: 1, first: n, second: 0 }
}

/// The batch with this sequence number: two entities change together, and now and then one goes.
fn batch(lsn: u64) -> Batch {
    let state = |n: u64| Some(Bytes::from(format!("{lsn:>width$}", width = 20 + 30 * (n as usize % 3))));
    let gone = (lsn % 4 == 3).then(|| Record { entity: id(lsn % 5), state: None });
    let pair = [lsn % 5, 5 + lsn % 3].map(|n| Record { entity: id(n), state: state(n) });
    Batch { expected: vec![], records: pair.into_iter().chain(gone).collect() }
}

/// What there is after this batch.
fn state_after(last: u64) -> BTreeMap<EntityId, (Lsn, Bytes)> {
    let mut state = BTreeMap::new();
    for lsn in 1..=last {
        for Record { entity, state: new } in batch(lsn).records {
            match new {
                Some(new) => state.insert(entity, (Lsn(lsn), new)),
                None => state.remove(&entity),
            };
        }
    }
    state
}

/// What was promised to those who called.
#[derive(Default)]
struct Promised {
    term: Term,
    begun: u64,
    acknowledged: u64,
}

fn log_in(env: Env, faults: &Arc<Faults>) -> FileMetaLog {
    let config = FileMetaLogConfig { garbage_bytes_min: GARBAGE_BYTES, ..FileMetaLogConfig::new(CLUSTER) };
    FileMetaLog::new(&CrashingDir::within(env, faults), config)
}

/// Two reigns, one process each; single appends and groups.
async fn history(env: &Env, faults: &Arc<Faults>, promised: &Mutex<Promised>) -> Result<(), String> {
    for reign in [0..BATCHES / 2, BATCHES / 2..BATCHES] {
        let log = log_in(env.clone(), faults);
        let opened = log.open().await.map_err(|error| error.to_string())?;
        check(&opened, &mut promised.lock())?;
        let mut next = reign.start + 1;
        while next <= reign.end {
            let group = if next % 5 == 0 { 3.min(reign.end - next + 1) } else { 1 };
            promised.lock().begun = next + group - 1;
            let appends = (next..next + group).map(|lsn| {
                let log = &log;
                async move {
                    let appended = log.append(opened.term, batch(lsn)).await;
                    if appended.is_ok() {
                        promised.lock().acknowledged = lsn;
                    }
                    appended
                }
            });
            for (lsn, appended) in (next..).zip(join_all(appends).await) {
                if appended != Ok(Lsn(lsn)) {
                    return Err(format!("batch {lsn}: {appended:?}"));
                }
            }
            next += group;
        }
        log.settled().await;
    }
    Ok(())
}

/// Whether what a reign begins with is what was promised; notes its term.
fn check(opened: &Opened, promised: &mut Promised) -> Result<(), String> {
    let Promised { term, begun, acknowledged } = *promised;
    if opened.term <= term {
        return Err(format!("{} was given before: {term}", opened.term));
    }
    promised.term = opened.term;
    let last = opened.last.0;
    if !(acknowledged..=begun).contains(&last) {
        return Err(format!("{last} batches are there, {acknowledged} were acknowledged, {begun} begun"));
    }
    let found: BTreeMap<_, _> =
        opened.entities.iter().map(|e| (e.entity, (e.version, e.state.clone()))).collect();
    if found == state_after(last) {
        Ok(())
    } else {
        Err(format!("{found:?} is not what {last} batches leave"))
    }
}

/// Plays the history up to the crash; then what the next processes find, and that they can go on.
fn play(faults: Faults, crash: Crash, seed: u64) -> Result<Arc<Faults>, String> {
    let world = World::new(seed);
    let node = world.node("coordinator");
    let (faults, promised) = (Arc::new(faults), Mutex::new(Promised::default()));
    world.block_on(async {
        let env = node.env();
        let stop =
            poll_fn(
                |_| {
                    if faults.has_crashed.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
                },
            );
        match select(pin!(history(&env, &faults, &promised)), stop).await {
            Either::Left((played, _)) => return played,
            Either::Right(((), _)) => {}
        }
        let left_out = faults.left_out;
        for more in 1..=2 {
            node.kill_with(crash);
            let log = log_in(node.restart(), &Arc::new(Faults { left_out, ..Faults::default() }));
            let opened = log.open().await.map_err(|error| error.to_string())?;
            let checked = check(&opened, &mut promised.lock());
            checked.map_err(|error| format!("process {more} after it: {error}"))?;
            let next = opened.last.next();
            let appended = log.append(opened.term, batch(next.0)).await;
            if appended != Ok(next) {
                return Err(format!("process {more} after it can't go on: {appended:?}"));
            }
            let mut promised = promised.lock();
            (promised.begun, promised.acknowledged) = (next.0, next.0);
        }
        Ok(())
    })?;
    Ok(faults)
}

/// Every call of the history, before and after its effect, with every kind of crash.
fn cases(left_out: Option<SyncClass>, seeds: u64) -> impl Iterator<Item = (Faults, Crash, u64)> {
    let whole = play(Faults::default(), Crash::DropUnsynced, 1).expect("nothing crashes");
    let [calls, syncs, files] =
        [&whole.calls, &whole.syncs, &whole.renames].map(|n| n.load(Ordering::Relaxed));
    println!("{calls} crash points, {syncs} of them syncs, each before and after its effect");
    assert!(syncs > 20 && calls > 60, "{syncs} syncs, {calls} calls");
    assert!(files >= 2 + 3, "each reign begins a file, and some go on in another: {files} in all");
    let crashes = [Crash::DropUnsynced, Crash::KeepUnsynced].map(|crash| (crash, 1));
    let drawn = (1..=seeds).flat_map(|seed| [(Crash::Subset, seed), (Crash::Torn, seed)]);
    let crashes: Vec<_> = crashes.into_iter().chain(drawn).collect();
    (0..calls).flat_map(move |call| {
        let crashes = crashes.clone();
        [false, true].into_iter().flat_map(move |is_done| {
            let point = CrashPoint { call, is_done };
            let faults = move || Faults { crash: Some(point), left_out, ..Faults::default() };
            crashes.clone().into_iter().map(move |(crash, seed)| (faults(), crash, seed))
        })
    })
}

#[test]
fn what_was_recorded_survives_a_crash_at_any_call() {
    let mut played = 0;
    for (faults, crash, seed) in cases(None, 2) {
        let point = faults.crash.unwrap();
        let faults =
            play(faults, crash, seed).unwrap_or_else(|error| panic!("{point:?}, {crash:?}: {error}"));
        assert!(faults.has_crashed.load(Ordering::Relaxed), "{point:?} never came");
        played += 1;
    }
    println!("{played} crashes survived");
}

#[test]
fn without_any_one_kind_of_sync_something_is_lost() {
    for class in [SyncClass::File, SyncClass::Unfinished, SyncClass::Names] {
        let lost: Vec<String> = cases(Some(class), 0)
            .filter_map(|(faults, crash, seed)| play(faults, crash, seed).err())
            .collect();
        assert!(!lost.is_empty(), "nobody misses the syncs of {class:?}");
        println!("without {class:?} syncs {} crashes lose something, as in: {}", lost.len(), lost[0]);
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_recorded_until_a_new_process_has_looked() {
    for (failing, crash) in (0..30).flat_map(|n| [Crash::DropUnsynced, Crash::KeepUnsynced].map(|c| (n, c))) {
        let world = World::new(1);
        let node = world.node("coordinator");
        let (faults, promised) = (Arc::default(), Mutex::new(Promised::default()));
        world.block_on(async {
            let log = log_in(node.env(), &faults);
            let term = log.open().await.unwrap().term;
            check(&Opened { term, last: Lsn(0), entities: vec![] }, &mut promised.lock()).unwrap();
            node.disk().fail_sync_after(failing);
            let mut has_failed = false;
            for lsn in 1..=40 {
                let appended = log.append(term, batch(lsn)).await;
                match &appended {
                    Ok(found) => {
                        assert_eq!((*found, has_failed), (Lsn(lsn), false), "it goes on after a failure")
                    }
                    Err(error) => assert!(matches!(error, AppendError::Failed(_)), "{error:?}"),
                }
                let mut promised = promised.lock();
                promised.begun = if has_failed { promised.begun } else { lsn };
                has_failed |= appended.is_err();
                promised.acknowledged += u64::from(!has_failed);
            }
            assert!(has_failed, "sync {failing} never came");
            assert_eq!(log.leadership(term), Leadership::Over { newest: term });
            assert!(matches!(log.open().await, Err(MetaOpenError::Failed(_))), "it opens again");
            let (taken, other) = (log_in(node.env(), &faults).open().await, ".lock-meta.lock".to_owned());
            assert_eq!(taken, Err(MetaOpenError::Locked { file: other }), "it gives the lock back");
            node.kill_with(crash);
            let opened = log_in(node.restart(), &faults).open().await.unwrap();
            check(&opened, &mut promised.lock()).unwrap();
        });
    }
}
