use rekindle_env::{
    DiskError,
    memory::{Crash, Halt, World},
};

#[test]
fn the_chosen_sync_fails_and_what_it_covered_never_becomes_durable() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        let device = dir.device("d", 2048).await.unwrap();
        dir.append("f", "kept".into()).await.unwrap();
        dir.sync_file("f").await.unwrap();
        dir.sync().await.unwrap();
        node.disk().fail_sync_after(1);
        device.sync().await.unwrap();
        dir.append("f", "lost".into()).await.unwrap();
        assert!(matches!(dir.sync_file("f").await, Err(DiskError::Io(_))));
        dir.sync_file("f").await.unwrap();
        node.disk().fail_sync_after(0);
        device.write_at(0, vec![1; 1024].into()).await.unwrap();
        assert!(device.sync().await.is_err());
        device.write_at(512, vec![2; 512].into()).await.unwrap();
        device.sync().await.unwrap();
        assert_eq!(dir.read("f").await.unwrap(), "keptlost");
    });
    assert_eq!((node.disk().syncs().total(), node.disk().failed_syncs()), (7, 2));
    node.kill();
    let dir = node.restart().dir;
    world.block_on(async {
        assert_eq!(dir.read("f").await.unwrap(), "kept");
        let device = dir.device("d", 2048).await.unwrap();
        assert_eq!(device.read_at(0, 1024).await.unwrap(), [[0; 512], [2; 512]].concat());
    });
}

#[test]
fn a_mended_disk_fails_no_more() {
    let world = World::new(1);
    let node = world.node("a");
    let (dir, disk) = (node.env().dir, node.disk());
    disk.set_capacity(Some(0));
    disk.fail_sync_after(1);
    disk.set_latency(std::time::Duration::from_secs(1));
    disk.halt_at(Halt { after: 2, syncs_only: false, takes_effect: true });
    disk.mend();
    world.block_on(async {
        for _ in 0..3 {
            dir.append("f", "x".into()).await.unwrap();
            dir.sync_file("f").await.unwrap();
        }
    });
    assert_eq!((world.now().0, disk.failed_syncs()), (0, 0));
}

#[test]
fn a_failed_directory_sync_loses_the_names() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        dir.append("f", "x".into()).await.unwrap();
        dir.sync_file("f").await.unwrap();
        node.disk().fail_sync_after(0);
        assert!(dir.sync().await.is_err());
        dir.sync().await.unwrap();
    });
    node.kill();
    assert_eq!(world.block_on(node.restart().dir.list()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_full_disk_refuses_and_keeps_what_it_has() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    node.disk().set_capacity(Some(1_000));
    world.block_on(async {
        dir.append("f", vec![7; 600].into()).await.unwrap();
        assert_eq!(dir.append("f", vec![7; 401].into()).await, Err(DiskError::Full));
        assert_eq!(dir.device("d", 401).await.err(), Some(DiskError::Full));
        dir.append("f", vec![7; 400].into()).await.unwrap();
        assert_eq!(node.disk().used_bytes(), 1_000);
        dir.remove("f").await.unwrap();
        dir.sync().await.unwrap();
        assert_eq!(node.disk().used_bytes(), 0);
        node.disk().set_capacity(None);
        assert_eq!(dir.device("d", 4_096).await.unwrap().len(), 4_096);
    });
}

#[test]
fn ranges_names_and_kinds_are_checked() {
    let world = World::new(1);
    let dir = world.node("a").env().dir;
    world.block_on(async {
        let device = dir.device("d", 100).await.unwrap();
        let outside = DiskError::OutOfRange { offset: 99, length: 2, capacity: 100 };
        assert_eq!(device.write_at(99, "xy".into()).await, Err(outside.clone()));
        assert_eq!(device.read_at(99, 2).await, Err(outside));
        assert!(device.read_at(u64::MAX, 2).await.is_err());
        assert_eq!(dir.device("d", 7).await.unwrap().len(), 100, "it keeps its length");
        assert!(matches!(dir.read("d").await, Err(DiskError::Io(_))));
        assert!(matches!(dir.append("../f", "x".into()).await, Err(DiskError::Io(_))));
        assert_eq!(dir.read("f").await, Err(DiskError::NotFound("f".into())));
        assert_eq!(dir.rename("f", "g").await, Err(DiskError::NotFound("f".into())));
        assert_eq!(dir.remove("f").await, Err(DiskError::NotFound("f".into())));
        assert_eq!(dir.sync_file("f").await, Err(DiskError::NotFound("f".into())));
    });
}

#[test]
fn flipped_bits_stay() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        dir.append("f", "abc".into()).await.unwrap();
        dir.device("d", 512).await.unwrap();
    });
    node.disk().flip("f", 1, 0xff).unwrap();
    node.disk().flip("d", 511, 1).unwrap();
    assert!(node.disk().flip("d", 512, 1).is_err());
    node.kill_with(Crash::KeepUnsynced);
    let dir = node.restart().dir;
    world.block_on(async {
        assert_eq!(&dir.read("f").await.unwrap()[..], [b'a', b'b' ^ 0xff, b'c']);
        assert_eq!(&dir.device("d", 512).await.unwrap().read_at(511, 1).await.unwrap()[..], [1]);
    });
}
