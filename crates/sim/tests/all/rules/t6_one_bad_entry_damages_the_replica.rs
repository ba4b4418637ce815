//! T6. One entry of a segment's primary is damaged, its other replica is whole. Without the rule the backup hands out
//! what it can still read, the recovery master takes that for the segment, and an acknowledged object is gone.

use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, partition_of, replica, servers, write};
use rekindle_backup::{BackupStore, Backups, Fill, MemoryStore, MemoryStoreConfig};
use rekindle_env::memory::World;
use rekindle_log::segment::{Parsed, entries};
use rekindle_recovery::{
    ApplyError, ReplayConfig, ReplayTask, ReplicaSource, SegmentReplicas, discover,
};
use rekindle_types::{KeyRange, ListVersion, PartitionIndex, Rules, SegmentId, ServerId};
use std::{collections::BTreeMap, sync::Arc};

const KEYS: [&str; 3] = ["first", "second", "third"];

struct Two(BTreeMap<ServerId, Arc<MemoryStore>>);

impl Backups for Two {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        self.0[&server].clone()
    }
}

pub fn body(rules: Rules) -> Result<(), String> {
    let image = KEYS.iter().fold(Image::head(MASTER, 5, &[]), |image, key| image.object(1, key, "value", 1));
    let backups = Two([8, 9].map(|id| (ServerId(id), holding(&image, id, rules))).into());
    // A byte of the second object's value.
    let at = image.bytes().windows(6).position(|w| w == b"second").expect("it is there") + 8;
    assert!(backups.0[&ServerId(8)].damage(replica(MASTER, 5, 1), at), "there is such a byte");

    let world = World::new(1);
    let env = world.node("recovery master").env();
    let task = ReplayTask {
        index: PartitionIndex(0),
        partition: partition_of(1, KeyRange::FULL, 0),
        segments: vec![sources(&backups)?],
        config: ReplayConfig::default(),
    };
    let mut recovered = Vec::new();
    let mut apply = |bytes: &[u8]| {
        for entry in entries(bytes) {
            let entry = entry.and_then(|e| e.verify().map(|()| e));
            let parsed = entry.and_then(|e| e.parse()).map_err(|e| ApplyError::Damaged(e.to_string()))?;
            if let Parsed::Object(object) = parsed {
                recovered.push(String::from_utf8_lossy(object.key).into_owned());
            }
        }
        Ok(())
    };
    let pull = task.pull(&backups, &env, |_, bytes| std::future::ready(apply(&bytes)));
    world.block_on(pull).map_err(|e| e.to_string())?;
    if recovered != KEYS {
        return Err(format!("of {KEYS:?} only {recovered:?} came back"));
    }
    Ok(())
}

fn holding(image: &Image, id: u64, rules: Rules) -> Arc<MemoryStore> {
    let store = MemoryStore::new(MemoryStoreConfig { rules, ..MemoryStoreConfig::new(ServerId(id)) });
    store.set_servers(&servers(1, &[1, 8, 9], &[]));
    let call = write(image, 1, Some(Fill::Growing), false);
    store.write(call).now_or_never().expect("memory never waits").expect("an open backup");
    Arc::new(store)
}

/// The head's replicas, the damaged one first.
fn sources(backups: &Two) -> Result<SegmentReplicas, String> {
    let ask = |store: &MemoryStore| {
        store.inventory(MASTER, ListVersion(2)).now_or_never().expect("memory never waits")
    };
    let inventories: Vec<_> =
        backups.0.iter().map(|(id, store)| (*id, ask(store).unwrap_or_default())).collect();
    let map = discover(MASTER, &inventories, SegmentId(0)).map_err(|e| e.to_string())?;
    let source = |r: &rekindle_recovery::FoundReplica| ReplicaSource {
        server: r.server,
        replica: r.replica,
        length: r.certificate.length,
        checksum: r.certificate.checksum,
    };
    Ok(SegmentReplicas { segment: map.head, replicas: map.segments[0].replicas.iter().map(source).collect() })
}
