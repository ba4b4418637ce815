//! J2. A journal that falls idle is marked, once; a steady stream of appends pays nothing for that.

use super::{
    faulty_dir::{Call, Fate},
    file_rig::{FileLife, FileRig, appended, opened},
};
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{Durability, LocalStore};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A store whose appends to files are counted.
fn start() -> (FileRig, FileLife, Arc<AtomicU64>) {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    let appends = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&appends);
    rig.faults.set(move |call| {
        count.fetch_add(u64::from(matches!(call, Call::Append)), Ordering::Relaxed);
        Fate::Done
    });
    (rig, life, appends)
}

/// Appends so many objects, with some time between each and the next; gives what is there then.
fn append(rig: &FileRig, life: &FileLife, mut image: Image, objects: u64, pause: Duration) -> Image {
    for at in 0..objects {
        let longer = image.clone().object(1, &format!("key-{at}"), "value", at + 1);
        rig.write(life, appended(&image, &longer, 1, false)).unwrap();
        rig.world.run_for(pause);
        image = longer;
    }
    image
}

#[test]
fn a_steady_stream_pays_for_no_marks() {
    let (rig, life, appends) = start();
    let head = Image::head(MASTER, 5, &[]);
    rig.write(&life, opened(&head, 1)).unwrap();
    append(&rig, &life, head, 200, rig.config.mark_after / 2);
    assert_eq!(appends.load(Ordering::Relaxed), 201, "one call each");
    rig.fall_idle();
    rig.world.run_for(10 * rig.config.mark_after);
    assert_eq!(appends.load(Ordering::Relaxed), 202, "and one mark");
    life.stop();
}

#[test]
fn each_idle_journal_gets_its_own_mark() {
    let (rig, life, appends) = start();
    let quiet = Image::head(MASTER, 6, &[]);
    rig.write(&life, opened(&quiet, 1)).unwrap();
    let closing = Image::side(MASTER, 7);
    rig.write(&life, opened(&closing, 1)).unwrap();
    rig.write(&life, write(&closing, 1, None, true)).unwrap();
    let busy = Image::head(MASTER, 5, &[]);
    rig.write(&life, opened(&busy, 1)).unwrap();
    append(&rig, &life, busy, 20, rig.config.mark_after / 2);
    // Four records of what is quiet and what has closed, twenty of what is busy; one mark.
    assert_eq!(appends.load(Ordering::Relaxed), 4 + 20 + 1);
    life.stop();
}

#[test]
fn a_stop_in_order_marks_at_once() {
    let (rig, life, appends) = start();
    rig.write(&life, opened(&Image::head(MASTER, 5, &[]), 1)).unwrap();
    let before = rig.world.now();
    rig.world.block_on(life.store.close()).unwrap();
    assert_eq!((appends.load(Ordering::Relaxed), rig.world.now()), (2, before));
    life.stop();
}
