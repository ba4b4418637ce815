//! Bits turn over, disks fill up and fail: what a store can't vouch for it does not give, and says so.

use super::{
    faulty_dir::{Call, Fate},
    file_rig::{FileLife, FileRig, appended, head, opened},
};
use rekindle_backup::store::conformance::{Image, MASTER, OTHER, replica, write};
use rekindle_backup::store::file::RecordHeader;
use rekindle_backup::{
    BackupError, BackupStore, Durability, Fill, LoadRequest, LocalStore, OpenError, ReplicaFree,
};
use rekindle_env::{DiskError, memory::Crash};
use rekindle_types::{ServerId, SessionNumber};

const JOURNAL: &str = "journal-1-0-5-1";

/// A head that was opened and appended to, each with the mark of an idle journal behind it; what it is then.
fn open_and_append(rig: &mut FileRig) -> (FileLife, Image) {
    let life = rig.start();
    let longer = head().object(1, "a", "one", 1);
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.fall_idle();
    rig.write(&life, appended(&head(), &longer, 1, false)).unwrap();
    rig.fall_idle();
    (life, longer)
}

#[test]
fn every_flipped_byte_of_a_journal_is_noticed() {
    let mut rig = FileRig::new(Durability::Persistent);
    let (life, longer) = open_and_append(&mut rig);
    rig.crash(life, Crash::KeepUnsynced);
    let length = rig.world.block_on(rig.env().dir.read(JOURNAL)).unwrap().len() as u64;
    let mark = length - RecordHeader::LEN as u64;
    for at in 0..length {
        rig.node.disk().flip(JOURNAL, at, 0x10).unwrap();
        let store = rig.open().unwrap();
        let found = rig.list(&store, MASTER);
        if at >= mark {
            // The mark says nothing about itself.
            assert_eq!(found[0].certificate, longer.certificate(), "byte {at}");
        } else {
            assert_eq!(found, [], "byte {at}");
            assert_eq!(store.found_damaged().len(), 1, "byte {at}");
            let loaded = rig.world.block_on(store.load(replica(MASTER, 5, 1), LoadRequest::Whole));
            assert!(matches!(loaded, Err(BackupError::Damaged { .. })), "byte {at}: {loaded:?}");
        }
        drop(store);
        rig.node.disk().flip(JOURNAL, at, 0x10).unwrap();
    }
    assert_eq!(rig.list(&rig.open().unwrap(), MASTER).len(), 1);
}

#[test]
fn every_cut_of_a_journal_leaves_whole_records() {
    let mut rig = FileRig::new(Durability::Persistent);
    let (life, longer) = open_and_append(&mut rig);
    let whole = rig.world.block_on(rig.env().dir.read(JOURNAL)).unwrap();
    rig.crash(life, Crash::DropUnsynced);
    // Open, mark, append, mark.
    let first = RecordHeader::LEN + head().bytes().len();
    let second = whole.len() - RecordHeader::LEN;
    for length in 0..whole.len() {
        let rig = FileRig::new(Durability::Persistent);
        let dir = rig.env().dir;
        rig.world.block_on(dir.append(JOURNAL, whole.slice(..length))).unwrap();
        // Superblocks come first, or it would be a directory of unknown origin.
        let refused = rig.open();
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{length}");
        rig.world.block_on(dir.remove(JOURNAL)).unwrap();
        drop(rig.open().unwrap());
        rig.world.block_on(dir.append(JOURNAL, whole.slice(..length))).unwrap();
        let store = rig.open().unwrap();
        let found: Vec<_> = rig.list(&store, MASTER).iter().map(|info| info.certificate).collect();
        let expected = match length {
            _ if length < first => vec![],
            _ if length < second => vec![head().certificate()],
            _ => vec![longer.certificate()],
        };
        assert_eq!((found, store.found_damaged()), (expected, vec![]), "cut at {length}");
    }
}

#[test]
fn every_flipped_byte_of_superblocks_and_frame_headers_is_noticed() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, write(&head(), 1, Some(Fill::Growing), true)).unwrap();
    let (file, blocks) = life.store.place_of(replica(MASTER, 5, 1), 0).unwrap();
    rig.crash(life, Crash::DropUnsynced);
    let whole = |rig: &FileRig, what: &str, at: u64| {
        let store = rig.open().unwrap();
        assert_eq!(store.former(), Some(ServerId(9)), "{what}, byte {at}");
        assert_eq!(rig.list(&store, MASTER).len(), 1, "{what}, byte {at}");
    };
    // One copy damaged: the other one is there. Every field, then some of what is zero.
    for at in (0..140).chain((140..8192).step_by(97)).chain(4092..4236).chain(8188..8192) {
        for (file, at) in [("superblocks", at), (file, blocks - 8192 + at)] {
            rig.node.disk().flip(file, at, 1).unwrap();
            whole(&rig, file, at);
            rig.node.disk().flip(file, at, 1).unwrap();
        }
    }
    for at in 0..4096 {
        if at > 140 && at % 97 > 0 && at < 4092 {
            continue;
        }
        // Both copies of the header: it is no replica, and told.
        for copy in [0, 4096] {
            rig.node.disk().flip(file, blocks - 8192 + copy + at, 1).unwrap();
        }
        let store = rig.open().unwrap();
        assert_eq!((rig.list(&store, MASTER), store.found_damaged().len()), (vec![], 1), "byte {at}");
        drop(store);
        for copy in [0, 4096] {
            rig.node.disk().flip(file, blocks - 8192 + copy + at, 1).unwrap();
        }
        // Both superblocks: whose directory it is is not known.
        for copy in [0, 4096] {
            rig.node.disk().flip("superblocks", copy + at, 1).unwrap();
        }
        assert!(matches!(rig.open(), Err(OpenError::Damaged { .. })), "byte {at}");
        for copy in [0, 4096] {
            rig.node.disk().flip("superblocks", copy + at, 1).unwrap();
        }
    }
    whole(&rig, "nothing", 0);
}

#[test]
fn a_failed_sync_poisons_and_is_not_tried_again() {
    // Any sync of an open, an append, a close, and a free.
    for failing in 0..8 {
        let mut rig = FileRig::new(Durability::Persistent);
        let life = rig.start();
        let longer = head().object(1, "a", "one", 1);
        rig.node.disk().fail_sync_after(failing);
        let calls = [
            opened(&head(), 1),
            appended(&head(), &longer, 1, true),
            write(&Image::side(MASTER, 6), 2, Some(Fill::Atomic), true),
        ];
        let answers = calls.map(|call| rig.write(&life, call));
        rig.world.run_until_idle();
        let stats = rig.world.block_on(life.store.stats());
        assert!(stats.is_poisoned, "sync {failing}");
        let freed = ReplicaFree { replica: replica(MASTER, 5, 1), session: SessionNumber(1) };
        let refused = rig.world.block_on(life.store.free(freed));
        assert!(matches!(refused, Err(BackupError::Poisoned(_))), "sync {failing}: {refused:?}");
        let syncs = rig.node.disk().syncs();
        rig.world.run_until_idle();
        assert_eq!(rig.node.disk().syncs(), syncs, "nothing is tried again");
        rig.crash(life, Crash::DropUnsynced);
        let store = rig.open().unwrap();
        let found = rig.list(&store, MASTER);
        let closed = found.iter().filter(|info| info.certificate == longer.certificate()).count();
        let side = found.iter().filter(|info| info.replica.segment.0 == 6).count();
        assert!(answers[0].is_err() || !found.is_empty(), "sync {failing}: {found:?}");
        assert!(answers[1].is_err() || closed == 1, "sync {failing}: {found:?}");
        assert!(answers[2].is_err() || side == 1, "sync {failing}: {found:?}");
    }
}

#[test]
fn an_open_that_comes_to_a_poisoned_store_was_surely_not_done() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, write(&Image::side(MASTER, 4), 1, Some(Fill::Growing), true)).unwrap();
    rig.world.run_until_idle();
    // One that waits for room.
    let waiting = Image::head(MASTER, 3, &[]);
    rig.write(&life, opened(&waiting, 1)).unwrap();
    rig.faults.set(|call| match call {
        Call::WriteAt("frames", _) => Fate::Fail(DiskError::Full),
        _ => Fate::Done,
    });
    rig.write(&life, appended(&waiting, &waiting, 1, true)).unwrap();
    rig.world.run_until_idle();
    rig.faults.set(|call| match call {
        Call::WriteAt(..) => panic!("a poisoned store writes"),
        _ => Fate::Done,
    });
    rig.node.disk().fail_sync_after(0);
    let under_way = || opened(&head(), 2);
    let poisoned = |answer| matches!(answer, Err(BackupError::Poisoned(_)));
    assert!(poisoned(rig.write(&life, under_way())), "its record may come back");
    rig.world.run_until_idle();
    // What it has, or may have, is not denied.
    assert!(poisoned(rig.write(&life, under_way())));
    assert!(poisoned(rig.write(&life, write(&Image::side(MASTER, 4), 1, Some(Fill::Growing), true))));
    assert!(poisoned(rig.write(&life, appended(&head(), &head().object(1, "a", "one", 1), 2, false))));
    let others = [
        opened(&Image::head(MASTER, 6, &[]), 3),
        opened(&head(), 3),
        write(&Image::side(MASTER, 4), 3, Some(Fill::Atomic), true),
    ];
    for other in others {
        let refused = rig.write(&life, other.clone());
        assert_eq!(refused, Err(BackupError::NoRoom { frames: 3 }));
        rig.world.run_until_idle();
        assert!(!life.store.held().contains(&other.replica));
    }
    rig.crash(life, Crash::KeepUnsynced);
    let found: Vec<_> = rig.list(&rig.open().unwrap(), MASTER).iter().map(|i| i.replica).collect();
    assert_eq!(found, [replica(MASTER, 3, 1), replica(MASTER, 4, 1), replica(MASTER, 5, 2)]);
}

#[test]
fn a_full_disk_costs_the_replica_that_it_meets() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    let other = Image::head(MASTER, 6, &[]);
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.write(&life, opened(&other, 2)).unwrap();
    rig.world.run_until_idle();
    let disk = rig.node.disk();
    disk.set_capacity(Some(disk.used_bytes() + 400));
    let long = head().object(1, "a", &"long".repeat(200), 1);
    let failed = rig.write(&life, appended(&head(), &long, 1, false));
    assert!(matches!(failed, Err(BackupError::Damaged { .. })), "{failed:?}");
    let new = rig.write(&life, opened(&Image::side(MASTER, 7).object(1, "a", &"long".repeat(200), 1), 3));
    assert!(matches!(new, Err(BackupError::NoRoom { .. })), "{new:?}");
    // What fits goes on.
    rig.write(&life, appended(&other, &other.clone().object(1, "a", "one", 1), 2, false)).unwrap();
    rig.world.run_until_idle();
    let stats = rig.world.block_on(life.store.stats());
    assert_eq!((stats.is_poisoned, stats.frames_used), (false, 2));
    rig.crash(life, Crash::KeepUnsynced);
    let store = rig.open().unwrap();
    let lengths: Vec<_> = rig.list(&store, MASTER).iter().map(|info| info.certificate.length).collect();
    assert_eq!(lengths[0], head().certificate().length, "what was answered is there");
    assert_eq!(lengths.len(), 2);
}

#[test]
fn open_buffers_are_bounded() {
    let mut rig = FileRig::new(Durability::Persistent);
    rig.config.open_max = 2;
    let life = rig.start();
    let side = |segment| Image::side(MASTER, segment);
    rig.write(&life, opened(&side(1), 1)).unwrap();
    rig.write(&life, opened(&side(2), 2)).unwrap();
    assert_eq!(rig.write(&life, opened(&side(3), 3)), Err(BackupError::NoRoom { frames: 2 }));
    rig.write(&life, write(&side(1), 1, None, true)).unwrap();
    rig.world.run_until_idle();
    rig.write(&life, opened(&side(3), 3)).unwrap();
    life.stop();
}

/// Sectors from here on can't be read.
fn unreadable(file: &'static str, from: u64, to: u64) -> impl FnMut(Call<'_>) -> Fate + Send + 'static {
    move |call| match call {
        Call::ReadAt(name, at, len) if name == file && at < to && from < at + len as u64 => {
            Fate::Fail(DiskError::Io("unreadable sector".into()))
        }
        _ => Fate::Done,
    }
}

#[test]
fn an_unreadable_sector_costs_what_is_in_it() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, write(&head(), 1, Some(Fill::Growing), true)).unwrap();
    rig.write(&life, opened(&Image::side(MASTER, 6), 2)).unwrap();
    rig.write(&life, opened(&Image::head(MASTER, 7, &[]), 3)).unwrap();
    rig.world.run_until_idle();
    let (file, blocks) = life.store.place_of(replica(MASTER, 5, 1), 0).unwrap();
    rig.crash(life, Crash::DropUnsynced);
    // One copy of two costs nothing.
    for (file, at) in
        [("superblocks", 0), ("superblocks", 4096), (file, blocks - 8192), (file, blocks - 4096)]
    {
        rig.faults.set(unreadable(file, at, at + 512));
        let store = rig.open().unwrap();
        assert_eq!(store.former(), Some(ServerId(9)), "{file} {at}");
        assert_eq!((rig.list(&store, MASTER).len(), store.found_damaged()), (3, vec![]), "{file} {at}");
    }
    rig.faults.set(unreadable("superblocks", 0, 8192));
    assert!(matches!(rig.open(), Err(OpenError::Damaged { .. })));
    // A journal.
    rig.faults.set(|call| match call {
        Call::Read => Fate::Fail(DiskError::Io("unreadable sector".into())),
        _ => Fate::Done,
    });
    let store = rig.open().unwrap();
    assert_eq!((rig.list(&store, MASTER).len(), store.found_damaged().len()), (1, 2));
    let loaded = rig.world.block_on(store.load(replica(MASTER, 7, 3), LoadRequest::Whole));
    assert!(matches!(loaded, Err(BackupError::Damaged { .. })), "{loaded:?}");
    drop(store);
    // Both copies of a header: the frame is not written again.
    rig.faults.set(unreadable(file, blocks - 8192, blocks));
    let life = rig.start();
    assert_eq!((rig.list(&life.store, MASTER).len(), life.store.found_damaged().len()), (2, 1));
    for segment in 20..25 {
        let call = write(&Image::head(OTHER, segment, &[]), 1, Some(Fill::Growing), true);
        rig.write(&life, call).unwrap();
        let place = life.store.place_of(replica(OTHER, segment, 1), 0);
        assert_ne!(place, Some((file, blocks)));
    }
    let full = rig.write(&life, write(&Image::head(OTHER, 30, &[]), 1, Some(Fill::Growing), true));
    assert_eq!(full, Err(BackupError::NoRoom { frames: 7 }), "one frame less");
    life.stop();
}

#[test]
fn frames_that_are_missing_are_not_made_anew() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, write(&head(), 1, Some(Fill::Growing), true)).unwrap();
    rig.crash(life, Crash::DropUnsynced);
    rig.world.block_on(rig.env().dir.remove("frames")).unwrap();
    for _ in 0..2 {
        let refused = rig.open().err().unwrap();
        assert!(matches!(&refused, OpenError::Damaged { file, .. } if file == "frames"), "{refused:?}");
    }
}
