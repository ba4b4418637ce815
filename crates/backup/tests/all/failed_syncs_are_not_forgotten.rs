//! A sync that failed leaves in the system's memory what is on no disk: a process that starts anew sees it, and every
//! sync of it is answered. What that hides must not go before it is written again.

use super::file_rig::{FileRig, appended, head, longer, opened};
use rekindle_backup::store::conformance::{MASTER, replica, write};
use rekindle_backup::{BackupError, BackupStore, Durability, Fill, LoadRequest, LocalStore};
use rekindle_env::memory::Crash;

/// The process starts anew, and then the power goes; which replica of the segment is there then, and is whole.
fn restarted_and_crashed(rig: &FileRig, creation: u64) {
    drop(rig.open().unwrap());
    rig.node.kill_with(Crash::DropUnsynced);
    let store = rig.open().unwrap();
    assert_eq!(store.held(), [replica(MASTER, 5, creation)]);
    rig.list(&store, MASTER);
    let loaded = rig.world.block_on(store.load(replica(MASTER, 5, creation), LoadRequest::Whole)).unwrap();
    assert_eq!(loaded.certificate, longer().certificate());
}

#[test]
fn a_frame_whose_sync_failed_does_not_take_the_older_copy_with_it() {
    // Blocks, or the header.
    for (failing, expected) in [(0, 1), (1, 2)] {
        let mut rig = FileRig::new(Durability::Persistent);
        let life = rig.start();
        rig.write(&life, write(&longer(), 1, Some(Fill::Growing), true)).unwrap();
        rig.world.run_until_idle();
        rig.node.disk().fail_sync_after(failing);
        let copied = rig.write(&life, write(&longer(), 2, Some(Fill::Atomic), true));
        assert!(matches!(copied, Err(BackupError::Poisoned(_))), "{copied:?}");
        life.stop();
        restarted_and_crashed(&rig, expected);
    }
}

#[test]
fn a_journal_goes_at_the_start_when_its_frame_is_surely_there() {
    // The header's sync fails; or the sync of the names does, without which the journal is there again.
    for failing in [1, 2] {
        let mut rig = FileRig::new(Durability::Persistent);
        let life = rig.start();
        rig.write(&life, opened(&head(), 1)).unwrap();
        rig.world.run_until_idle();
        // The first is that of the close.
        rig.node.disk().fail_sync_after(1 + failing);
        rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap();
        rig.world.run_until_idle();
        assert!(rig.world.block_on(life.store.stats()).is_poisoned);
        life.stop();
        if failing == 2 {
            rig.node.kill_with(Crash::DropUnsynced);
        }
        let is_journaled = || rig.node.disk().list().iter().any(|name| name.starts_with("journal"));
        assert!(is_journaled());
        restarted_and_crashed(&rig, 1);
        assert!(!is_journaled());
    }
}

#[test]
fn a_journal_stays_beside_a_frame_that_is_damaged() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, opened(&head(), 1)).unwrap();
    rig.world.run_until_idle();
    rig.node.disk().fail_sync_after(2);
    rig.write(&life, appended(&head(), &longer(), 1, true)).unwrap();
    rig.world.run_until_idle();
    life.stop();
    // The first block of the first frame, behind both copies of its header.
    rig.node.disk().flip("frames", 2 * 4096 + 70, 1).unwrap();
    drop(rig.open().unwrap());
    assert!(rig.node.disk().list().contains(&"journal-1-0-5-1".to_owned()));
}
