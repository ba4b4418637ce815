//! A full disk is no failure: what was answered stays, what it has no room for is refused and hurts nothing else.

use super::{
    faulty_dir::{Call, Fate},
    file_rig::{FileLife, FileRig, appended, head, longer, opened},
};
use futures_util::{FutureExt, future::join};
use rekindle_backup::store::conformance::{Image, MASTER, replica, write};
use rekindle_backup::{
    BackupError, BackupStore, Durability, Fill, LoadRequest, LocalStore, ReplicaFree, ReplicaState,
};
use rekindle_env::{DiskError, memory::Crash};
use rekindle_types::SessionNumber;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Neither journals nor frames have room.
fn all_full(call: Call<'_>) -> Fate {
    match call {
        Call::Append | Call::WriteAt("frames", ..) => Fate::Fail(DiskError::Full),
        _ => Fate::Done,
    }
}

fn frames_full(call: Call<'_>) -> Fate {
    if let Call::WriteAt("frames", ..) = call { Fate::Fail(DiskError::Full) } else { Fate::Done }
}

fn creations(rig: &FileRig, store: &rekindle_backup::FileStore) -> Vec<(u64, ReplicaState, u32)> {
    rig.list(store, MASTER).iter().map(line).collect()
}

fn line(info: &rekindle_backup::ReplicaInfo) -> (u64, ReplicaState, u32) {
    (info.replica.creation.0, info.state, info.certificate.length)
}

fn crashed(rig: &FileRig, life: FileLife) -> Vec<(u64, ReplicaState, u32)> {
    rig.crash(life, Crash::DropUnsynced);
    rig.faults.clear();
    let store = rig.open().unwrap();
    for info in rig.list(&store, MASTER) {
        rig.world.block_on(store.load(info.replica, LoadRequest::Whole)).unwrap();
    }
    creations(rig, &store)
}

#[test]
fn a_close_without_room_is_never_answered_ok() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    rig.faults.set(all_full);
    let close = || appended(&head(), &longer(), 1, true);
    for _ in 0..3 {
        let refused = rig.write(&life, close());
        assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
    }
    // Room for the frame makes it true.
    rig.faults.clear();
    rig.write(&life, close()).unwrap();
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Closed, longer().certificate().length)]);
}

#[test]
fn a_close_whose_journal_is_full_is_kept_by_its_frame() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    rig.faults.set(|call| match call {
        Call::Append => Fate::Fail(DiskError::Full),
        _ => Fate::Done,
    });
    rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap();
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Closed, longer().certificate().length)]);
}

#[test]
fn appends_that_were_answered_outlive_a_close_without_room() {
    for (durability, fill) in [
        (Durability::Buffered, Fill::Growing),
        (Durability::Buffered, Fill::Side),
        (Durability::Persistent, Fill::Side),
    ] {
        let mut rig = FileRig::new(durability);
        let life = rig.start();
        rig.write(&life, write(&head(), 1, Some(fill), false)).unwrap();
        rig.write(&life, appended(&head(), &longer(), 1, false)).unwrap();
        rig.faults.set(frames_full);
        let close = || appended(&head(), &longer(), 1, true);
        for _ in 0..3 {
            let refused = rig.write(&life, close());
            assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
            rig.world.run_until_idle();
        }
        // It is read from memory.
        let closed = vec![(1, ReplicaState::Closed, longer().certificate().length)];
        let held: Vec<_> = life.store.kept().listed.iter().map(line).collect();
        assert_eq!(held, closed);
        rig.faults.clear();
        rig.write(&life, close()).unwrap();
        assert_eq!(crashed(&rig, life), closed, "{durability:?} {fill:?}");
    }
}

/// A store with a head and a closed replica, and what frees that one.
fn head_beside_a_closed(rig: &mut FileRig) -> (FileLife, ReplicaFree) {
    let life = rig.start();
    rig.write(&life, write(&Image::head(MASTER, 6, &[]), 2, Some(Fill::Growing), true)).unwrap();
    rig.write(&life, opened(&head(), 1)).unwrap();
    (life, ReplicaFree { replica: replica(MASTER, 6, 2), session: SessionNumber(1) })
}

#[test]
fn a_close_without_room_is_tried_again_when_something_is_freed() {
    let mut rig = FileRig::new(Durability::Buffered);
    let (life, free) = head_beside_a_closed(&mut rig);
    rig.faults.set(frames_full);
    rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap_err();
    rig.faults.clear();
    rig.world.block_on(life.store.free(free)).unwrap();
    rig.world.run_until_idle();
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Closed, longer().certificate().length)]);
}

#[test]
fn a_mark_without_room_spoils_no_close_behind_it() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.faults.set({
        let mut appends = 0;
        move |call| {
            appends += u64::from(matches!(call, Call::Append));
            if matches!(call, Call::Append) && appends > 1 { Fate::Stall } else { Fate::Done }
        }
    });
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    // The mark waits; the close comes; then there is no room for either.
    let close = || appended(&head(), &longer(), 1, true);
    let first = life.store.write(close());
    let full = async { rig.faults.set(all_full) };
    let (first, ()) = rig.world.block_on(join(first, full));
    assert!(matches!(first, Err(BackupError::Damaged { .. })), "{first:?}");
    let again = rig.write(&life, close());
    assert!(matches!(again, Err(BackupError::Damaged { .. })), "{again:?}");
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Open, head().certificate().length)]);
}

#[test]
fn a_free_of_what_is_not_closed_on_the_disk_is_answered_when_it_is_gone() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    rig.faults.set(all_full);
    rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap_err();
    rig.faults.set(|call| if matches!(call, Call::Remove) { Fate::Stall } else { Fate::Done });
    let free = ReplicaFree { replica: replica(MASTER, 5, 1), session: SessionNumber(1) };
    let mut freed = life.store.free(free);
    rig.world.block_on(async { assert!((&mut freed).now_or_never().is_none()) });
    rig.world.run_until_idle();
    rig.world.block_on(async { assert!((&mut freed).now_or_never().is_none()) });
    rig.faults.clear();
    rig.world.block_on(freed).unwrap();
    assert_eq!(crashed(&rig, life), []);
}

#[test]
fn a_re_creation_without_room_leaves_the_older_copy() {
    for durability in [Durability::Persistent, Durability::Buffered] {
        for is_closed in [true, false] {
            let mut rig = FileRig::new(durability);
            let life = rig.start();
            rig.write(&life, opened(&head(), 1)).unwrap();
            rig.write(&life, appended(&head(), &longer(), 1, is_closed)).unwrap();
            rig.world.run_until_idle();
            rig.faults.set(frames_full);
            let refused = rig.write(&life, write(&longer(), 2, Some(Fill::Atomic), true));
            assert!(matches!(refused, Err(BackupError::NoRoom { .. })), "{refused:?}");
            rig.world.run_until_idle();
            let state = if is_closed { ReplicaState::Closed } else { ReplicaState::Open };
            let older = [(1, state, longer().certificate().length)];
            rig.faults.clear();
            // It goes on as before.
            let more = longer().object(1, "b", "two", 2);
            if !is_closed {
                rig.write(&life, appended(&longer(), &more, 1, false)).unwrap();
                rig.write(&life, appended(&more, &more, 1, true)).unwrap();
            }
            rig.world.run_until_idle();
            let stats = rig.world.block_on(life.store.stats());
            assert_eq!((stats.frames_used, stats.is_poisoned), (1, false));
            let now = if is_closed { older } else { [(1, ReplicaState::Closed, more.certificate().length)] };
            assert_eq!(crashed(&rig, life), now, "{durability:?}");
        }
    }
}

#[test]
fn the_older_copy_stays_until_one_of_several_re_creations_is_there() {
    // Whatever the number of syncs that get through before the power goes.
    for syncs in 0..8 {
        let mut rig = FileRig::new(Durability::Persistent);
        let life = rig.start();
        rig.write(&life, write(&longer(), 1, Some(Fill::Growing), true)).unwrap();
        rig.world.run_until_idle();
        rig.let_through(0);
        // Something of the same segment that is under way.
        let calls = [2, 3, 4].map(|creation| {
            let mut call = life.store.write(write(&longer(), creation, Some(Fill::Atomic), true));
            rig.world.block_on(async { assert!((&mut call).now_or_never().is_none()) });
            rig.world.run_until_idle();
            call
        });
        rig.let_through(syncs);
        let answers = calls.map(FutureExt::now_or_never);
        if let Some(answer) = &answers[1] {
            assert!(matches!(answer, Err(BackupError::StaleCreation { .. })), "{answer:?}");
        }
        let found = crashed(&rig, life);
        assert_eq!(found.len(), 1, "{syncs} syncs");
        assert!(answers[2].is_none() || found[0].0 == 4, "{syncs} syncs: {found:?}");
    }
}

#[test]
fn a_stop_that_finds_no_room_says_so_and_may_be_tried_again() {
    let mut rig = FileRig::new(Durability::Buffered);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.faults.set(frames_full);
    for _ in 0..2 {
        let stopped = rig.world.block_on(life.store.close());
        assert!(matches!(stopped, Err(BackupError::Damaged { .. })), "{stopped:?}");
    }
    rig.faults.clear();
    rig.world.block_on(life.store.close()).unwrap();
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Open, head().certificate().length)]);
}

#[test]
fn a_stop_that_finds_room_in_the_end_says_so() {
    let mut rig = FileRig::new(Durability::Buffered);
    let (life, free) = head_beside_a_closed(&mut rig);
    rig.let_through(0);
    let mut free = life.store.free(free);
    let _ = rig.world.block_on(async { (&mut free).now_or_never() });
    rig.world.run_until_idle();
    rig.faults.set(|call| if matches!(call, Call::SyncDevice) { Fate::Stall } else { frames_full(call) });
    let mut stop = life.store.close();
    rig.world.block_on(async { assert!((&mut stop).now_or_never().is_none()) });
    rig.world.run_until_idle();
    // What is freed makes room for what found none.
    rig.faults.clear();
    rig.world.block_on(stop).unwrap();
    drop(free);
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Open, head().certificate().length)]);
}

#[test]
fn a_stop_keeps_what_a_re_creation_without_room_gives_back() {
    for is_room in [true, false] {
        let mut rig = FileRig::new(Durability::Buffered);
        let life = rig.start();
        rig.write(&life, opened(&head(), 1)).unwrap();
        rig.faults.set(|call| match call {
            Call::WriteAt("frames", _) => Fate::Stall,
            _ => Fate::Done,
        });
        let mut copy = life.store.write(write(&longer(), 2, Some(Fill::Atomic), true));
        let mut stop = life.store.close();
        rig.world.block_on(async {
            assert!((&mut copy).now_or_never().is_none());
            assert!((&mut stop).now_or_never().is_none());
        });
        rig.world.run_until_idle();
        // The open replica was out of the stop's sight.
        let mut fulls = 0;
        rig.faults.set(move |call| {
            fulls += u32::from(matches!(call, Call::WriteAt("frames", _)));
            if fulls > 1 && is_room { Fate::Done } else { frames_full(call) }
        });
        let (copied, stopped) = rig.world.block_on(join(copy, stop));
        assert!(matches!(copied, Err(BackupError::NoRoom { .. })), "{copied:?}");
        assert_eq!(stopped.is_ok(), is_room, "{stopped:?}");
        let expected = vec![(1, ReplicaState::Open, head().certificate().length)];
        assert_eq!(crashed(&rig, life), if is_room { expected } else { vec![] });
    }
}

#[test]
fn half_a_header_never_counts() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    rig.faults.set(|call| match call {
        // The first of both copies is there.
        Call::WriteAt("frames", [b'R', b'K', b'F', b'1', ..]) => Fate::Half,
        // There is room where something was written before.
        Call::WriteAt("frames", [0, 0, 0, 0, ..]) => Fate::Half,
        _ => Fate::Done,
    });
    let refused = rig.write(&life, write(&longer(), 2, Some(Fill::Atomic), true));
    assert!(matches!(refused, Err(BackupError::NoRoom { .. })), "{refused:?}");
    rig.faults.clear();
    // The refused one would hide what is answered from here on.
    let more = longer().object(1, "b", "two", 2);
    rig.write(&life, appended(&head(), &more, 1, false)).unwrap();
    assert_eq!(crashed(&rig, life), [(1, ReplicaState::Open, more.certificate().length)]);
}

#[test]
fn a_journal_that_cannot_be_removed_costs_no_replica() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.faults
        .set(|call| if matches!(call, Call::Remove) { Fate::Fail(DiskError::Full) } else { Fate::Done });
    rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap();
    rig.world.run_until_idle();
    let closed = [(1, ReplicaState::Closed, longer().certificate().length)];
    assert_eq!(creations(&rig, &life.store), closed);
    assert_eq!(crashed(&rig, life), closed);
}

#[test]
fn closed_replicas_do_not_keep_their_buffers_for_ever() {
    let mut rig = FileRig::new(Durability::Persistent);
    rig.config.open_max = 2;
    let life = rig.start();
    rig.faults.set(frames_full);
    for segment in [5, 6] {
        let image = Image::head(MASTER, segment, &[]);
        rig.write(&life, opened(&image, 1)).unwrap();
        rig.write(&life, appended(&image, &image, 1, true)).unwrap();
    }
    rig.world.run_until_idle();
    let third = || opened(&Image::head(MASTER, 7, &[]), 1);
    let count = Arc::new(AtomicU64::new(0));
    rig.faults.set({
        let count = Arc::clone(&count);
        move |call| {
            count.fetch_add(u64::from(matches!(call, Call::WriteAt("frames", _))), Ordering::Relaxed);
            frames_full(call)
        }
    });
    for _ in 0..5 {
        assert!(matches!(rig.write(&life, third()), Err(BackupError::NoRoom { .. })));
        rig.world.run_until_idle();
    }
    assert_eq!(count.load(Ordering::Relaxed), 2, "each once in this second");
    rig.faults.clear();
    rig.world.run_for(Duration::from_secs(1));
    assert!(matches!(rig.write(&life, third()), Err(BackupError::NoRoom { .. })));
    rig.world.run_until_idle();
    rig.write(&life, third()).unwrap();
    life.stop();
}
