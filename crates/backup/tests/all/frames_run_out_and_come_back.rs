//! An image waits for a frame only as long as one is to come, whatever stands behind it.

use super::{
    faulty_dir::{Call, Fate},
    file_rig::{FileLife, FileRig},
};
use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, replica, write};
use rekindle_backup::{
    BackupError, BackupStore, Durability, Fill, LoadRequest, LocalStore, ReplicaFree, ReplicaWrite,
};
use rekindle_env::memory::Crash;
use rekindle_types::SessionNumber;

/// Frames beside those that replicas are admitted to.
const SPARE: u64 = 4;

fn copy(segment: u64, creation: u64) -> ReplicaWrite {
    write(&Image::head(MASTER, segment, &[]), creation, Some(Fill::Atomic), true)
}

fn free(segment: u64) -> ReplicaFree {
    ReplicaFree { replica: replica(MASTER, segment, 1), session: SessionNumber(1) }
}

/// A store all of whose frames are being freed, which takes until headers are written again.
fn frees_all(rig: &mut FileRig) -> FileLife {
    rig.config.frames = 1;
    let life = rig.start();
    rig.faults.set(|call| match call {
        Call::WriteAt("frames", [0, 0, 0, 0, ..]) => Fate::Stall,
        _ => Fate::Done,
    });
    for segment in 1..=SPARE + 1 {
        rig.write(&life, copy(segment, 1)).unwrap();
        rig.world.block_on(life.store.free(free(segment))).unwrap();
        rig.world.run_until_idle();
    }
    life
}

#[test]
fn re_creations_one_after_another_do_not_take_all_frames_for_ever() {
    let mut rig = FileRig::new(Durability::Persistent);
    (rig.config.frames, rig.config.images_max) = (1, 1);
    let life = rig.start();
    rig.write(&life, copy(5, 1)).unwrap();
    rig.world.run_until_idle();
    // Each comes while the frame of the one before is under way: what those take the place of is dropped behind the
    // newest, and keeps its frame until then.
    rig.let_through(0);
    let mut calls = Vec::new();
    for creation in 2..=SPARE + 2 {
        let mut call = life.store.write(copy(5, creation));
        rig.world.block_on(async { assert!((&mut call).now_or_never().is_none(), "{creation}") });
        rig.world.run_until_idle();
        calls.push(call);
        if creation > 2 {
            // Blocks, then the header.
            rig.let_through(2);
        }
    }
    rig.faults.clear();
    rig.world.run_until_idle();
    let answers: Vec<_> =
        calls.into_iter().map(|call| call.now_or_never().expect("it is answered")).collect();
    assert!(matches!(answers[SPARE as usize], Err(BackupError::NoRoom { .. })), "{answers:?}");
    // The others were there, the last of them is.
    assert!(answers[..SPARE as usize].iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(life.store.held(), [replica(MASTER, 5, SPARE + 1)]);
    // And all goes on.
    rig.write(&life, copy(5, 9)).unwrap();
    rig.crash(life, Crash::DropUnsynced);
    let store = rig.open().unwrap();
    assert_eq!(store.held(), [replica(MASTER, 5, 9)]);
    rig.list(&store, MASTER);
    rig.world.block_on(store.load(replica(MASTER, 5, 9), LoadRequest::Whole)).unwrap();
}

#[test]
fn an_image_waits_for_a_frame_that_is_being_freed() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = frees_all(&mut rig);
    let mut call = life.store.write(copy(9, 1));
    rig.world.block_on(async { assert!((&mut call).now_or_never().is_none()) });
    rig.world.run_until_idle();
    rig.world.block_on(async { assert!((&mut call).now_or_never().is_none()) });
    rig.faults.clear();
    rig.world.block_on(call).unwrap();
    life.stop();
}

#[test]
fn what_is_freed_while_it_waits_for_a_frame_waits_no_longer() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = frees_all(&mut rig);
    let mut call = life.store.write(copy(9, 1));
    rig.world.block_on(async { assert!((&mut call).now_or_never().is_none()) });
    rig.world.run_until_idle();
    let mut freed = life.store.free(free(9));
    rig.world.block_on(async { assert!((&mut freed).now_or_never().is_none()) });
    rig.world.run_until_idle();
    rig.world.block_on(async { (&mut freed).now_or_never().expect("nothing of it was written").unwrap() });
    drop((call, freed));
    life.stop();
}
