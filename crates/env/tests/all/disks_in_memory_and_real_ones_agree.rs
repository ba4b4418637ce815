//! One suite for every [`Dir`]: the world in memory and a real directory must not differ for those who use them.

use bytes::Bytes;
use rekindle_env::{
    Dir, DiskError,
    memory::World,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{future::Future, pin::Pin, sync::Arc};

type Claim = fn(Arc<dyn Dir>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

fn holds_everywhere(claim: Claim) {
    let world = World::new(1);
    world.block_on(claim(world.node("a").env().dir));
    for disk_threads in [1, 4] {
        let directory = tempfile::tempdir().unwrap();
        let runtimes = Runtimes::start().unwrap();
        let config = RealConfig { disk_threads, ..RealConfig::default() };
        let env = RealEnv::open(directory.path(), runtimes.main(), runtimes.urgent(), config).unwrap();
        runtimes.main().block_on(claim(env.dir));
    }
}

macro_rules! claims {
    ($($name:ident($dir:ident) $body:block)*) => {
        $(
            #[test]
            fn $name() {
                holds_everywhere(|$dir| Box::pin(async move { $body }));
            }
        )*
    };
}

fn not_found<T>(name: &str) -> Result<T, DiskError> {
    Err(DiskError::NotFound(name.into()))
}

fn is_io<T>(result: Result<T, DiskError>) -> bool {
    matches!(result, Err(DiskError::Io(_)))
}

const ODD_NAMES: [&str; 8] = ["", ".", "..", "../f", "a/b", "a\\b", "a\0b", ".hidden"];

claims! {
    names_are_plain(dir) {
        let long = "x".repeat(201);
        for name in ODD_NAMES.into_iter().chain([long.as_str()]) {
            assert!(is_io(dir.append(name, "x".into()).await), "{name:?}");
            assert!(is_io(dir.append_synced(name, "x".into()).await), "{name:?}");
            assert!(is_io(dir.device(name, 10).await), "{name:?}");
            assert!(is_io(dir.lock(name).await), "{name:?}");
            assert!(is_io(dir.rename("f", name).await), "{name:?}");
            assert_eq!(dir.rename(name, "f").await, not_found(name));
            assert_eq!(dir.read(name).await, not_found(name));
            assert_eq!(dir.sync_file(name).await, not_found(name));
            assert_eq!(dir.remove(name).await, not_found(name));
        }
        dir.append(&long[1..], "x".into()).await.unwrap();
        assert_eq!(dir.list().await.unwrap(), [&long[1..]]);
    }

    appended_bytes_are_read_in_order(dir) {
        assert!(dir.list().await.unwrap().is_empty());
        dir.append("f", "ab".into()).await.unwrap();
        dir.append("f", Bytes::new()).await.unwrap();
        dir.append_synced("f", "cd".into()).await.unwrap();
        dir.append("e", Bytes::new()).await.unwrap();
        dir.sync_file("f").await.unwrap();
        dir.sync().await.unwrap();
        assert_eq!(dir.read("f").await.unwrap(), "abcd");
        assert_eq!(dir.read("e").await.unwrap(), "");
        assert_eq!(dir.list().await.unwrap(), ["e", "f"]);
    }

    missing_files_are_not_found(dir) {
        assert_eq!(dir.read("f").await, not_found("f"));
        assert_eq!(dir.sync_file("f").await, not_found("f"));
        assert_eq!(dir.remove("f").await, not_found("f"));
        assert_eq!(dir.rename("f", "g").await, not_found("f"));
        assert!(dir.list().await.unwrap().is_empty(), "nothing of that makes a file");
    }

    a_renamed_file_replaces_and_goes_on(dir) {
        dir.append("new", "n".into()).await.unwrap();
        dir.append("old", "o".into()).await.unwrap();
        dir.rename("new", "old").await.unwrap();
        assert_eq!(dir.list().await.unwrap(), ["old"]);
        dir.append("old", "2".into()).await.unwrap();
        dir.append("new", "fresh".into()).await.unwrap();
        assert_eq!(dir.read("old").await.unwrap(), "n2");
        assert_eq!(dir.read("new").await.unwrap(), "fresh");
        dir.rename("old", "old").await.unwrap();
        assert_eq!(dir.read("old").await.unwrap(), "n2");
    }

    a_removed_file_starts_anew(dir) {
        dir.append("f", "before".into()).await.unwrap();
        dir.remove("f").await.unwrap();
        assert_eq!(dir.read("f").await, not_found("f"));
        dir.append("f", "after".into()).await.unwrap();
        assert_eq!(dir.read("f").await.unwrap(), "after");
    }

    many_files_are_more_than_stay_open(dir) {
        for round in 0..2 {
            for number in 0..300 {
                dir.append(&format!("f{number}"), format!("{round} {number};").into()).await.unwrap();
            }
        }
        assert_eq!(dir.list().await.unwrap().len(), 300);
        for number in 0..300 {
            let name = format!("f{number}");
            if number % 50 == 0 {
                dir.sync_file(&name).await.unwrap();
            }
            assert_eq!(dir.read(&name).await.unwrap(), format!("0 {number};1 {number};"));
        }
    }

    a_device_keeps_its_length_and_bytes(dir) {
        let device = dir.device("d", 1000).await.unwrap();
        assert_eq!((device.len(), device.is_empty()), (1000, false));
        assert_eq!(device.read_at(0, 1000).await.unwrap(), vec![0; 1000]);
        device.write_at(998, "xy".into()).await.unwrap();
        device.write_synced(10, "ab".into()).await.unwrap();
        device.sync().await.unwrap();
        let again = dir.device("d", 7).await.unwrap();
        assert_eq!(again.len(), 1000);
        assert_eq!(again.read_at(998, 2).await.unwrap(), "xy");
        assert_eq!(again.read_at(9, 4).await.unwrap(), "\0ab\0");
        assert_eq!(again.read_at(1000, 0).await.unwrap(), "");
        assert_eq!(dir.list().await.unwrap(), ["d"]);
        assert!(dir.device("empty", 0).await.unwrap().is_empty());
    }

    a_device_refuses_what_lies_outside(dir) {
        let device = dir.device("d", 100).await.unwrap();
        for (offset, length) in [(99, 2), (100, 1), (101, 0), (u64::MAX, 2)] {
            let outside = DiskError::OutOfRange { offset, length: length as u64, capacity: 100 };
            assert_eq!(device.write_at(offset, vec![1; length].into()).await, Err(outside.clone()));
            assert_eq!(device.write_synced(offset, vec![1; length].into()).await, Err(outside.clone()));
            assert_eq!(device.read_at(offset, length).await, Err(outside));
        }
        assert_eq!(device.read_at(0, 100).await.unwrap(), vec![0; 100]);
    }

    a_device_is_no_file(dir) {
        let _device = dir.device("d", 100).await.unwrap();
        assert!(is_io(dir.read("d").await));
        assert!(is_io(dir.append("d", "x".into()).await));
        assert!(is_io(dir.sync_file("d").await));
        dir.rename("d", "e").await.unwrap();
        assert!(is_io(dir.append("e", "x".into()).await));
        dir.remove("e").await.unwrap();
        dir.append("e", "x".into()).await.unwrap();
    }

    a_removed_device_serves_who_has_it_open(dir) {
        let device = dir.device("d", 10).await.unwrap();
        dir.remove("d").await.unwrap();
        device.write_at(0, "x".into()).await.unwrap();
        assert_eq!(device.read_at(0, 1).await.unwrap(), "x");
        assert_eq!(dir.device("d", 20).await.unwrap().len(), 20);
    }

    a_lock_is_held_until_it_is_dropped(dir) {
        let lock = dir.lock("l").await.unwrap();
        assert_eq!(dir.lock("l").await.err(), Some(DiskError::Locked(".lock-l".into())));
        let _other = dir.lock("m").await.unwrap();
        drop(lock);
        let _again = dir.lock("l").await.unwrap();
        dir.append("l", "a file of that name is something else".into()).await.unwrap();
        assert_eq!(dir.list().await.unwrap(), ["l"]);
    }
}
