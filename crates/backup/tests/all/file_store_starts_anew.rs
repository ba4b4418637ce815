//! A directory outlives its process: what was answered is there under the next id, whose it is is checked, and
//! who was recovered is forgotten.

use super::file_rig::{FileRig, appended, opened};
use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, OTHER, replica, write};
use rekindle_backup::{
    AdoptError, BackupError, BackupStore, Durability, Fill, LoadRequest, LocalStore, OpenError, ReplicaState,
};
use rekindle_env::memory::Crash;
use rekindle_types::{SegmentId, ServerId};

fn head(segment: u64) -> Image {
    Image::head(MASTER, segment, &[])
}

#[test]
fn an_id_that_is_not_above_the_former_one_is_refused() {
    let mut rig = FileRig::new(Durability::Persistent);
    let first = rig.start();
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.crash(first, Crash::DropUnsynced);
    let store = rig.open().unwrap();
    for id in [1, 8, 9] {
        let (given, held) = (ServerId(id), ServerId(9));
        let refused = rig.world.block_on(store.adopt(given)).unwrap_err();
        assert_eq!(refused, AdoptError::IdTooOld { given, held });
        assert!(refused.to_string().contains("older than the data"));
    }
    assert_eq!(store.former(), Some(ServerId(9)), "nothing has changed");
    drop(store);
    let second = rig.start();
    assert_eq!(rig.list(&second.store, MASTER).len(), 1);
}

#[test]
fn the_next_life_stands_under_its_own_id() {
    let mut rig = FileRig::new(Durability::Persistent);
    let first = rig.start();
    assert_eq!(first.store.former(), Some(ServerId(9)));
    let longer = head(5).object(1, "a", "one", 1);
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.write(&first, appended(&head(5), &longer, 1, false)).unwrap();
    let mut uncertified = appended(&longer, &longer.clone().object(1, "b", "two", 2), 1, false);
    uncertified.certificate = None;
    rig.write(&first, uncertified).unwrap();
    rig.write(&first, opened(&head(4), 2)).unwrap();
    rig.write(&first, appended(&head(4), &head(4).object(1, "a", "one", 1), 2, true)).unwrap();
    let mut without = opened(&head(6), 3);
    without.certificate = None;
    rig.write(&first, without).unwrap();
    // Another master's segment of the same number.
    rig.write(&first, write(&Image::head(OTHER, 5, &[]), 7, Some(Fill::Atomic), true)).unwrap();
    rig.crash(first, Crash::DropUnsynced);

    let second = rig.start();
    assert_eq!(second.store.former(), Some(ServerId(10)), "its own: it has taken it");
    assert_eq!(second.store.found_damaged(), []);
    let (mine, other) = (rig.list(&second.store, MASTER), rig.list(&second.store, OTHER));
    let line = |i: &rekindle_backup::ReplicaInfo| (i.replica.segment, i.replica.creation.0, i.state);
    let lines: Vec<_> = mine.iter().map(line).collect();
    assert_eq!(lines, [(SegmentId(4), 2, ReplicaState::Closed), (SegmentId(5), 1, ReplicaState::Open)]);
    assert_eq!(mine[1].certificate, longer.certificate(), "what was certified, not what was sent since");
    assert_eq!(mine[1].digest, Some(vec![SegmentId(5)]));
    assert_eq!(other.iter().map(line).collect::<Vec<_>>(), [(SegmentId(5), 7, ReplicaState::Closed)]);
    let loaded = rig.world.block_on(second.store.load(mine[1].replica, LoadRequest::Whole)).unwrap();
    assert_eq!(loaded.bytes, longer.bytes());
    second.stop();
}

#[test]
fn of_a_side_segment_only_the_close_is_kept() {
    for is_closed in [false, true] {
        let mut rig = FileRig::new(Durability::Persistent);
        let first = rig.start();
        let (empty, syncs) = (Image::side(MASTER, 5), rig.node.disk().syncs().total());
        let (one, two) = (
            empty.clone().object(1, "a", "one", 1),
            empty.clone().object(1, "a", "one", 1).object(1, "b", "two", 2),
        );
        rig.write(&first, write(&empty, 1, Some(Fill::Side), false)).unwrap();
        rig.write(&first, appended(&empty, &one, 1, false)).unwrap();
        assert_eq!(rig.node.disk().syncs().total(), syncs, "nothing is synced before the close");
        rig.write(&first, appended(&one, &two, 1, is_closed)).unwrap();
        rig.crash(first, Crash::DropUnsynced);
        let second = rig.start();
        let listed = rig.list(&second.store, MASTER);
        let whole: Vec<_> = listed.iter().map(|info| (info.state, info.certificate)).collect();
        let kept = is_closed.then(|| (ReplicaState::Closed, two.certificate()));
        assert_eq!(whole, Vec::from_iter(kept));
        second.stop();
    }
}

#[test]
fn a_replica_left_open_takes_nothing_and_moves_to_a_frame() {
    let mut rig = FileRig::new(Durability::Persistent);
    let first = rig.start();
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.crash(first, Crash::DropUnsynced);
    let second = rig.start();
    let more = appended(&head(5), &head(5).object(1, "a", "one", 1), 1, true);
    let refused = rig.write(&second, more);
    assert!(matches!(refused, Err(BackupError::NotOpen(_))), "{refused:?}");
    rig.world.run_until_idle();
    let names = rig.world.block_on(rig.env().dir.list()).unwrap();
    assert!(!names.iter().any(|name| name.starts_with("journal")), "{names:?}");
    // A higher creation takes its place.
    rig.write(&second, opened(&head(5), 2)).unwrap();
    rig.crash(second, Crash::DropUnsynced);
    let third = rig.start();
    let found = rig.list(&third.store, MASTER);
    assert_eq!((found.len(), found[0].replica.creation.0), (1, 2));
    third.stop();
}

#[test]
fn recovered_masters_are_forgotten_after_a_start_too() {
    let mut rig = FileRig::new(Durability::Persistent);
    let first = rig.start();
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.write(&first, write(&head(6), 2, Some(Fill::Growing), true)).unwrap();
    rig.write(&first, write(&Image::head(OTHER, 5, &[]), 1, Some(Fill::Growing), true)).unwrap();
    rig.crash(first, Crash::DropUnsynced);
    let second = rig.start();
    second.store.set_servers(&rig.servers(10, &[2, 3]));
    rig.world.run_until_idle();
    assert_eq!(rig.list(&second.store, MASTER), []);
    rig.crash(second, Crash::DropUnsynced);
    let third = rig.open().unwrap();
    assert_eq!(rig.list(&third, MASTER), []);
    assert_eq!(rig.list(&third, OTHER).len(), 1);
}

#[test]
fn a_clean_stop_keeps_what_was_buffered() {
    let mut rig = FileRig::new(Durability::Buffered);
    let first = rig.start();
    let longer = head(5).object(1, "a", "one", 1);
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.write(&first, appended(&head(5), &longer, 1, false)).unwrap();
    rig.world.block_on(first.store.close()).unwrap();
    let refused = rig.write(&first, opened(&head(6), 2));
    assert!(matches!(refused, Err(BackupError::NotReady(_))), "{refused:?}");
    rig.crash(first, Crash::DropUnsynced);
    let second = rig.start();
    let found = rig.list(&second.store, MASTER);
    assert_eq!(
        (found.len(), found[0].state, found[0].certificate),
        (1, ReplicaState::Open, longer.certificate())
    );
    rig.crash(second, Crash::DropUnsynced);

    // J5: without it, nothing pretends to be there.
    let mut rig = FileRig::new(Durability::Buffered);
    let first = rig.start();
    rig.write(&first, opened(&head(5), 1)).unwrap();
    rig.crash(first, Crash::KeepUnsynced);
    assert_eq!(rig.list(&rig.open().unwrap(), MASTER), []);
}

#[test]
fn the_directory_of_another_is_refused() {
    let mut rig = FileRig::new(Durability::Persistent);
    let first = rig.start();
    let right = rig.config.clone();
    assert!(matches!(rig.open(), Err(OpenError::Locked)), "while the first process has it");
    first.stop();
    let mut refusals = Vec::new();
    let wrong = [
        rekindle_backup::FileStoreConfig { cluster: 8, ..right.clone() },
        rekindle_backup::FileStoreConfig { name: "other".into(), ..right.clone() },
        rekindle_backup::FileStoreConfig { segment_bytes: 128 << 10, ..right.clone() },
        rekindle_backup::FileStoreConfig { frames: 9, ..right.clone() },
        rekindle_backup::FileStoreConfig { open_max: 0, ..right.clone() },
    ];
    for config in wrong {
        rig.config = config;
        refusals.push(rig.open().err().unwrap());
    }
    assert!(matches!(
        &refusals[..],
        [
            OpenError::OtherCluster { found: 7, expected: 8 },
            OpenError::OtherName { .. },
            OpenError::OtherSize { what: "segment_bytes", found: 65_536, .. },
            OpenError::OtherSize { what: "frames", found: 8, expected: 9 },
            OpenError::Config(_),
        ]
    ));
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(["name ", "configure", "choose"].iter().any(|todo| text.contains(todo)), "{text}");
    }
    rig.config = right;
    rig.open().unwrap();
}

#[test]
fn a_device_without_room_for_the_frames_is_refused() {
    let rig = FileRig::new(Durability::Persistent);
    rig.node.disk().set_capacity(Some(100_000));
    assert!(matches!(rig.open(), Err(OpenError::NoSpace { .. })));
    rig.node.disk().set_capacity(None);
    rig.open().unwrap();
}

#[test]
fn a_stop_that_is_given_up_holds_up_no_other() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.let_through(0);
    let mut first = life.store.close();
    for _ in 0..3 {
        rig.world.block_on(async { assert!((&mut first).now_or_never().is_none()) });
        rig.world.run_until_idle();
    }
    drop(first);
    rig.faults.clear();
    rig.world.block_on(life.store.close()).unwrap();
    life.stop();
}

#[test]
fn loads_of_an_open_replica_share_its_bytes() {
    let mut rig = FileRig::new(Durability::Buffered);
    let life = rig.start();
    rig.write(&life, opened(&head(5), 1)).unwrap();
    assert_eq!(rig.list(&life.store, MASTER).len(), 1);
    let load = || rig.world.block_on(life.store.load(replica(MASTER, 5, 1), LoadRequest::Whole)).unwrap();
    let (first, second) = (load(), load());
    assert_eq!((&first.bytes, first.bytes.as_ptr()), (&head(5).bytes(), second.bytes.as_ptr()));
    life.stop();
}
