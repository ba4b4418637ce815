//! F1. A master is declared dead, but runs on and reaches its backups, which have not seen the list yet. Recovery has
//! asked them for their inventories. Without the rule they take one more append, the master acknowledges it, and
//! the recovery, which goes by the inventories, loses it.

use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, servers, write};
use rekindle_backup::{BackupStore, Fill, MemoryStore, MemoryStoreConfig};
use rekindle_recovery::discover;
use rekindle_types::{ListVersion, Rules, SegmentId, ServerId};

pub fn body(rules: Rules) -> Result<(), String> {
    let backups: Vec<(ServerId, MemoryStore)> = [8, 9]
        .map(|id| {
            let config = MemoryStoreConfig { rules, ..MemoryStoreConfig::new(ServerId(id)) };
            let store = MemoryStore::new(config);
            store.set_servers(&servers(1, &[1, 8, 9], &[]));
            (ServerId(id), store)
        })
        .into();
    let on_all = |image: &Image, open| {
        let call = write(image, 1, open, false);
        backups.iter().all(|(_, b)| b.write(call.clone()).now_or_never().expect("memory never waits").is_ok())
    };
    let before = Image::head(MASTER, 5, &[]).object(1, "key", "before", 1);
    if !on_all(&before, Some(Fill::Growing)) {
        return Err("a live master's open was refused".into());
    }

    let ask = |store: &MemoryStore| {
        store.inventory(MASTER, ListVersion(2)).now_or_never().expect("memory never waits")
    };
    let inventories: Result<Vec<_>, _> =
        backups.iter().map(|(id, store)| ask(store).map(|i| (*id, i))).collect();
    let inventories = inventories.map_err(|e| e.to_string())?;

    let after = before.clone().object(1, "key", "after", 2);
    let is_acknowledged = on_all(&after, None);

    let map = discover(MASTER, &inventories, SegmentId(0)).map_err(|e| e.to_string())?;
    let recovered = map.bytes();
    if is_acknowledged && recovered < u64::from(after.certificate().length) {
        return Err(format!("acknowledged by a dead master, and lost: {recovered} bytes recovered"));
    }
    Ok(())
}
