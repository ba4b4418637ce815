//! P3. A master opens a replica, hears nothing, ends the session and creates the replica anew; entries are
//! acknowledged in it. Then the first open is delivered. Without the rule it replaces the newer replica, and what
//! was acknowledged is gone. Nor may it bring back a head that was freed: recovery would take that for the head.

use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, OWN, replica, servers, write};
use rekindle_backup::{
    BackupError, BackupStore, Fill, MemoryStore, MemoryStoreConfig, ReplicaFree, ReplicaWrite,
};
use rekindle_recovery::discover;
use rekindle_types::{ListVersion, Rules, SegmentId, SessionNumber};

pub fn body(rules: Rules) -> Result<(), String> {
    late_open_meets_a_newer_creation(rules)?;
    late_open_meets_a_freed_head(rules)
}

fn late_open_meets_a_newer_creation(rules: Rules) -> Result<(), String> {
    let store = backup(rules);
    let empty = Image::head(MASTER, 5, &[]);
    let acknowledged = empty.clone().object(1, "key", "acknowledged", 1);
    let late = open(&empty, 1, 1);
    call(&store, open(&empty, 2, 2)).map_err(|e| e.to_string())?;
    call(&store, ReplicaWrite { open: None, ..open(&acknowledged, 2, 2) }).map_err(|e| e.to_string())?;
    let _ = call(&store, late);
    let found = head(&store)?;
    if found != (5, acknowledged.certificate().length) {
        return Err(format!("acknowledged entry lost: head and length {found:?}"));
    }
    Ok(())
}

fn late_open_meets_a_freed_head(rules: Rules) -> Result<(), String> {
    let store = backup(rules);
    let (old, new) = (Image::head(MASTER, 5, &[]), Image::head(MASTER, 6, &[]));
    let late = open(&old, 1, 1);
    call(&store, late.clone()).map_err(|e| e.to_string())?;
    call(&store, open(&new, 2, 1)).map_err(|e| e.to_string())?;
    let free = ReplicaFree { replica: replica(MASTER, 5, 1), session: SessionNumber(2) };
    store.free(free).now_or_never().expect("memory never waits").map_err(|e| e.to_string())?;
    let _ = call(&store, late);
    match head(&store)? {
        (6, _) => Ok(()),
        (other, _) => Err(format!("freed segment {other} is taken for the head")),
    }
}

fn backup(rules: Rules) -> MemoryStore {
    let store = MemoryStore::new(MemoryStoreConfig { rules, ..MemoryStoreConfig::new(OWN) });
    store.set_servers(&servers(1, &[1, 9], &[]));
    store
}

fn open(image: &Image, creation: u64, session: u64) -> ReplicaWrite {
    let session = SessionNumber(session);
    ReplicaWrite { session, ..write(image, creation, Some(Fill::Growing), false) }
}

fn call(store: &MemoryStore, write: ReplicaWrite) -> Result<(), BackupError> {
    store.write(write).now_or_never().expect("memory never waits")
}

/// The head that a recovery would find, and its length.
fn head(store: &MemoryStore) -> Result<(u64, u32), String> {
    let inventory = store.inventory(MASTER, ListVersion(2)).now_or_never().expect("memory never waits");
    let inventories = [(OWN, inventory.map_err(|e| e.to_string())?)];
    let map = discover(MASTER, &inventories, SegmentId(0)).map_err(|e| e.to_string())?;
    let head = map.segments.iter().find(|s| s.segment == map.head).ok_or("no head")?;
    Ok((map.head.0, head.replicas[0].certificate.length))
}
