//! A frame's write that lands in the place of another spoils two replicas, and neither is taken for the other (J3).

use super::file_rig::FileRig;
use rekindle_backup::store::conformance::{Image, MASTER, replica, write};
use rekindle_backup::{BackupError, BackupStore, Durability, Fill, LoadRequest};
use rekindle_env::memory::{Crash, Misdirect};

/// Images of equal length and form: nothing but checksums tells them apart.
fn image(segment: u64) -> Image {
    Image::head(MASTER, segment, &[]).object(1, "a", "one", 1)
}

#[test]
fn neither_what_was_overwritten_nor_what_went_astray_is_shown() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    for segment in [5, 6] {
        rig.write(&life, write(&image(segment), 1, Some(Fill::Growing), true)).unwrap();
    }
    let (file, to) = life.store.place_of(replica(MASTER, 5, 1), 0).unwrap();
    rig.node.disk().misdirect(Misdirect { file: file.to_owned(), after: 0, to });
    rig.write(&life, write(&image(7), 1, Some(Fill::Growing), true)).unwrap();
    assert_eq!(rig.node.disk().misdirected(), 1);
    rig.crash(life, Crash::KeepUnsynced);
    let store = rig.open().unwrap();
    let load = |segment| rig.world.block_on(store.load(replica(MASTER, segment, 1), LoadRequest::Whole));
    for segment in [5, 7] {
        let loaded = load(segment);
        assert!(matches!(loaded, Err(BackupError::Damaged { .. })), "{segment}: {loaded:?}");
    }
    assert_eq!(load(6).unwrap().bytes, image(6).bytes(), "the others are as they were");
}
