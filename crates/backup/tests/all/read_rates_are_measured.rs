//! A backup tells how fast it reads, so that recoveries read the faster ones first: as its loads show it.

use super::file_rig::FileRig;
use rekindle_backup::store::conformance::{Image, MASTER, replica, write};
use rekindle_backup::{BackupStore, Durability, Fill, LoadRequest};
use std::time::Duration;

/// A segment of one block that nothing compresses.
fn full() -> Image {
    let mut word = 1_u64;
    let mut byte = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (word >> 56) as u8
    };
    let value: Vec<u8> = (0..65_536).map(|_| byte()).collect();
    let head = || Image::side(MASTER, 5);
    let images = (65_000..65_536).map(|length| head().object(1, "key", &value[..length], 1));
    images.into_iter().find(|image| image.bytes().len() == 65_536).expect("one of these fills it")
}

#[test]
fn read_rates_are_measured() {
    let mut rig = FileRig::new(Durability::Persistent);
    let life = rig.start();
    rig.write(&life, write(&full(), 1, Some(Fill::Growing), true)).unwrap();
    rig.world.run_until_idle();
    let rate = |rig: &FileRig| rig.world.block_on(life.store.stats()).read_rate;
    assert_eq!(rate(&rig), 0, "it has read nothing");
    let load = |rig: &FileRig, latency| {
        rig.node.disk().set_latency(latency);
        for _ in 0..30 {
            let id = replica(MASTER, 5, 1);
            rig.list(&life.store, MASTER);
            rig.world.block_on(life.store.load(id, LoadRequest::Whole)).unwrap();
        }
        rate(rig)
    };
    let slow = load(&rig, Duration::from_millis(100));
    // 64 KiB in up to 100 ms, 50 on average.
    assert!((655_360..13_107_200).contains(&slow), "{slow}");
    let fast = load(&rig, Duration::from_millis(1));
    assert!(fast > 20 * slow, "{fast} after {slow}: it follows what it sees");
    life.stop();
}
