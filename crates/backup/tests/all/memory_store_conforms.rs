//! The memory store does what every store must do, and what only a store without a disk can be asked.

use futures_util::FutureExt;
use rekindle_backup::{
    BackupError, BackupStore, Fill, LoadRequest, MemoryStore, MemoryStoreConfig,
    store::conformance::{FRAMES, Image, MASTER, OWN, Subject, cases, replica, servers, write},
};
use rekindle_types::{ListVersion, ReplicaId, ServerList};
use std::sync::Arc;

struct Memory(Arc<MemoryStore>);

impl Subject for Memory {
    fn store(&self) -> Arc<dyn BackupStore> {
        Arc::clone(&self.0) as Arc<dyn BackupStore>
    }

    fn set_servers(&self, list: &ServerList) {
        self.0.set_servers(list);
    }

    fn damage(&self, replica: ReplicaId, at: usize) -> bool {
        self.0.damage(replica, at)
    }
}

fn store(read_ahead_bytes: usize) -> Arc<MemoryStore> {
    let config = MemoryStoreConfig { frames: FRAMES, read_ahead_bytes, ..MemoryStoreConfig::new(OWN) };
    Arc::new(MemoryStore::new(config))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

#[test]
fn memory_store_conforms() {
    // With room to read ahead, with too little for one segment, and with none.
    for read_ahead_bytes in [64 << 20, 500, 0] {
        for (name, case) in cases() {
            println!("{name}, {read_ahead_bytes} bytes ahead");
            now(case(Arc::new(Memory(store(read_ahead_bytes)))));
        }
    }
}

#[test]
fn capacity_is_reserved_by_the_open() {
    let bytes_max = u64::from(Image::side(MASTER, 1).capacity()) * 3 - 1;
    let store = MemoryStore::new(MemoryStoreConfig { bytes_max, ..MemoryStoreConfig::new(OWN) });
    store.set_servers(&servers(1, &[1, 9], &[]));
    let open =
        |segment| now(store.write(write(&Image::side(MASTER, segment), 1, Some(Fill::Growing), false)));
    open(1).unwrap();
    open(2).unwrap();
    assert_eq!(open(3), Err(BackupError::NoRoom { frames: 2 }));
}

#[test]
fn poisoned_stores_vouch_for_nothing() {
    let store = store(0);
    store.set_servers(&servers(1, &[1, 9], &[]));
    let call = write(&Image::side(MASTER, 1), 1, Some(Fill::Growing), true);
    now(store.write(call.clone())).unwrap();
    store.poison("test");
    let poisoned = BackupError::Poisoned("test".into());
    assert_eq!(now(store.write(call.clone())), Err(poisoned.clone()));
    assert_eq!(now(store.inventory(MASTER, ListVersion(1))), Err(poisoned.clone()));
    assert_eq!(now(store.load(call.replica, LoadRequest::Whole)), Err(poisoned));
    assert!(now(store.stats()).is_poisoned);
}

#[test]
fn forget_frees_the_log_of_a_dead_master_only() {
    let store = store(0);
    store.set_servers(&servers(1, &[1, 9], &[]));
    now(store.write(write(&Image::side(MASTER, 1), 1, Some(Fill::Growing), true))).unwrap();
    assert!(matches!(store.forget(MASTER), Err(BackupError::NotReady(_))));
    store.set_servers(&servers(2, &[9], &[1]));
    assert_eq!(now(store.stats()).frames_used, 1);
    store.forget(MASTER).unwrap();
    store.forget(MASTER).unwrap();
    assert_eq!(now(store.stats()).frames_used, 0);
    assert_eq!(
        now(store.load(replica(MASTER, 1, 1), LoadRequest::Whole)),
        Err(BackupError::NotOpen(replica(MASTER, 1, 1)))
    );
}
