//! Writes that land elsewhere, and processes that end at a chosen disk call.

use bytes::Bytes;
use rekindle_env::memory::{Halt, Misdirect, World};
use std::time::Duration;

fn block(byte: u8) -> Bytes {
    vec![byte; 512].into()
}

#[test]
fn a_misdirected_write_overwrites_another_block_and_leaves_its_own() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        let (device, other) = (dir.device("d", 2048).await.unwrap(), dir.device("e", 2048).await.unwrap());
        dir.sync().await.unwrap();
        node.disk().misdirect(Misdirect { file: "d".into(), after: 1, to: 1500 });
        device.write_at(0, block(1)).await.unwrap();
        other.write_at(512, block(2)).await.unwrap();
        assert_eq!(node.disk().misdirected(), 0);
        device.write_at(512, block(3)).await.unwrap();
        assert_eq!(node.disk().misdirected(), 1);
        device.write_at(1536, block(4)).await.unwrap();
        device.sync().await.unwrap();
        let all = device.read_at(0, 2048).await.unwrap();
        assert_eq!(all, [[1; 512], [0; 512], [3; 512], [4; 512]].concat());
        assert_eq!(other.read_at(512, 512).await.unwrap(), block(2));
    });
    node.kill();
    let dir = node.restart().dir;
    let device = world.block_on(dir.device("d", 2048)).unwrap();
    assert_eq!(world.block_on(device.read_at(1024, 512)).unwrap(), block(3), "it is durable where it landed");
}

#[test]
fn what_does_not_fit_where_it_lands_is_moved_to_the_end() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        let device = dir.device("d", 2048).await.unwrap();
        node.disk().misdirect(Misdirect { file: "d".into(), after: 0, to: u64::MAX });
        device.write_at(0, vec![5; 1024].into()).await.unwrap();
        assert_eq!(device.read_at(0, 2048).await.unwrap(), [[0; 1024], [5; 1024]].concat());
    });
}

#[test]
fn what_was_spoilt_is_counted_and_can_be_looked_at() {
    let world = World::new(1);
    let node = world.node("a");
    let (dir, disk) = (node.env().dir, node.disk());
    world.block_on(async {
        let device = dir.device("d", 1024).await.unwrap();
        dir.append("f", Bytes::from_static(b"abc")).await.unwrap();
        device.write_at(0, block(1)).await.unwrap();
        assert_eq!((disk.spoilt("d"), disk.spoilt("f")), (0, 0));
        disk.misdirect(Misdirect { file: "d".into(), after: 0, to: 512 });
        device.write_at(0, block(2)).await.unwrap();
    });
    disk.flip("f", 1, 4).unwrap();
    disk.flip("f", 3, 4).unwrap_err();
    assert_eq!((disk.spoilt("d"), disk.spoilt("f")), (1, 1));
    assert_eq!(disk.peek("d", 511, 2).unwrap(), [1, 2][..]);
    assert_eq!(disk.peek("f", 0, 3).unwrap(), b"afc"[..]);
    assert_eq!((disk.peek("f", 1, 3), disk.peek("d", 1000, 25), disk.peek("g", 0, 0)), (None, None, None));
}

/// Appends, syncs and notes that, three times; halts as told. What was noted, and what the disk has afterwards.
fn run(halt: Halt) -> (u64, Bytes) {
    let world = World::new(1);
    let node = world.node("a");
    let env = node.env();
    let noted = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    node.disk().halt_at(halt);
    let (dir, count) = (env.dir.clone(), noted.clone());
    let _task = env.spawn.spawn(
        "writer",
        Box::pin(async move {
            dir.append("f", Bytes::new()).await.unwrap();
            dir.sync().await.unwrap();
            for _ in 0..3 {
                dir.append("f", "x".into()).await.unwrap();
                dir.sync_file("f").await.unwrap();
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }),
    );
    world.run_for(Duration::from_secs(1));
    node.disk().halt_at(halt);
    node.disk().halt_at(None);
    assert!(node.disk().has_halted(), "it stands still, whatever is armed");
    node.kill();
    assert!(!node.disk().has_halted());
    let bytes = world.block_on(node.restart().dir.read("f")).unwrap();
    (noted.load(std::sync::atomic::Ordering::Relaxed), bytes)
}

#[test]
fn a_halt_comes_before_or_behind_the_chosen_sync() {
    let at = |after, takes_effect| run(Halt { after, syncs_only: true, takes_effect });
    assert_eq!(at(2, false), (1, "x".into()));
    assert_eq!(at(2, true), (1, "xx".into()), "done, and nobody has learned of it");
    assert_eq!(at(1, true), (0, "x".into()));
}

#[test]
fn a_halt_may_come_at_any_call() {
    let at = |after, takes_effect| run(Halt { after, syncs_only: false, takes_effect });
    assert_eq!(at(4, false), (1, "x".into()));
    assert_eq!(at(4, true), (1, "x".into()), "appended, not synced");
    assert_eq!(at(5, true), (1, "xx".into()));
}
