//! Reading for a recovery (T2, T6).

use super::*;
use crate::store::{LoadRequest, Loaded, PrimaryReplica, ReadPlan};
use bytes::Bytes;
use rekindle_types::{KeyRange, Partition, PartitionIndex, TableId, key_hash};

/// Keys of table 1 by the half of the hash range that they fall in.
fn keys() -> [Vec<String>; 2] {
    let low = KeyRange::FULL.split_even(2)[0];
    let all = (0..16).map(|k| format!("key-{k}"));
    let (low, high) = all.partition(|k| low.contains(key_hash(TableId(1), k.as_bytes())));
    [low, high]
}

/// Both halves of table 1.
fn halves() -> [Partition; 2] {
    let [low, high] = KeyRange::FULL.split_even(2)[..] else { unreachable!("two halves") };
    [partition_of(1, low, 0), partition_of(1, high, 0)]
}

/// A head with entries of both halves, of another table, and of the log's own.
fn mixed() -> Image {
    let mut image = Image::head(MASTER, 5, &[3]);
    for key in keys().concat() {
        image = image.object(1, &key, "value", 7).object(2, &key, "other table", 8);
    }
    image.tombstone(1, &keys()[0][0], 9, 3).safe_version(77)
}

/// What a half of [`mixed`] has to be, by hand.
fn expected(half: usize) -> Bytes {
    let mut image = Image::side(MASTER, 5).safe_version(1 << 32);
    for key in keys().concat().iter().filter(|k| keys()[half].contains(k)) {
        image = image.object(1, key, "value", 7);
    }
    if half == 0 {
        image = image.tombstone(1, &keys()[0][0], 9, 3);
    }
    image.safe_version(77).entries()
}

fn filtered(index: u32, partition: &Partition) -> LoadRequest {
    LoadRequest::Filtered { index: PartitionIndex(index), partition: partition.clone() }
}

/// A store with a closed replica of [`mixed`], fenced.
async fn loaded(subject: &Arc<dyn Subject>) -> (Arc<dyn BackupStore>, ReplicaId) {
    let store = ready(subject);
    store.write(write(&mixed(), 1, Some(Fill::Growing), true)).await.unwrap();
    list(&store, MASTER).await;
    (store, replica(MASTER, 5, 1))
}

pub(super) async fn whole_replicas_come_as_written(subject: Arc<dyn Subject>) {
    let (store, id) = loaded(&subject).await;
    let loaded = store.load(id, LoadRequest::Whole).await.unwrap();
    assert_eq!(loaded, Loaded { bytes: mixed().bytes(), certificate: mixed().certificate() });
    let missing = replica(MASTER, 6, 1);
    assert_eq!(store.load(missing, LoadRequest::Whole).await, Err(BackupError::NotOpen(missing)));
}

pub(super) async fn open_replicas_are_read_only_when_fenced(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let id = replica(MASTER, 5, 1);
    store.write(write(&mixed(), 1, Some(Fill::Growing), false)).await.unwrap();
    assert!(store.load(id, LoadRequest::Whole).await.is_err());
    assert!(store.start_recovery(MASTER, ReadPlan::default()).await.is_err());
    list(&store, MASTER).await;
    assert_eq!(store.load(id, LoadRequest::Whole).await.unwrap().bytes, mixed().bytes());
    store.start_recovery(MASTER, ReadPlan::default()).await.unwrap();
}

pub(super) async fn filtered_by_partition_and_creation_position(subject: Arc<dyn Subject>) {
    let (store, id) = loaded(&subject).await;
    for (half, partition) in halves().iter().enumerate() {
        let loaded = store.load(id, filtered(half as u32, partition)).await.unwrap();
        assert_eq!(loaded.bytes, expected(half), "half {half}");
        assert_eq!(loaded.certificate, mixed().certificate());
    }
    let own = Image::side(MASTER, 5).safe_version(1 << 32).safe_version(77).entries();
    // Created after this segment: what it has of the range is of an earlier life (T2).
    let later = partition_of(1, KeyRange::FULL, 6);
    assert_eq!(store.load(id, filtered(0, &later)).await.unwrap().bytes, own);
    let at = partition_of(1, KeyRange::FULL, 5);
    assert!(store.load(id, filtered(0, &at)).await.unwrap().bytes.len() > own.len());
    let nothing = partition_of(3, KeyRange::FULL, 0);
    assert_eq!(store.load(id, filtered(0, &nothing)).await.unwrap().bytes, own);
}

fn plan(partitions: &[Partition]) -> ReadPlan {
    let primary = PrimaryReplica { replica: replica(MASTER, 5, 1), certificate: mixed().certificate() };
    ReadPlan { replicas: vec![primary], partitions: partitions.to_vec() }
}

pub(super) async fn read_ahead_gives_what_a_load_gives(subject: Arc<dyn Subject>) {
    let (store, id) = loaded(&subject).await;
    store.start_recovery(MASTER, plan(&halves())).await.unwrap();
    for round in 0..3 {
        // Asked for again, in another order, and with the plan sent again.
        for half in [round % 2, (round + 1) % 2] {
            let loaded = store.load(id, filtered(half as u32, &halves()[half])).await.unwrap();
            assert_eq!(loaded.bytes, expected(half), "round {round}, half {half}");
        }
        store.start_recovery(MASTER, plan(&halves())).await.unwrap();
    }
}

pub(super) async fn another_plan_replaces_the_former(subject: Arc<dyn Subject>) {
    let (store, id) = loaded(&subject).await;
    let [low, high] = halves();
    store.start_recovery(MASTER, plan(&[low.clone(), high.clone()])).await.unwrap();
    assert_eq!(store.load(id, filtered(0, &low)).await.unwrap().bytes, expected(0));
    store.start_recovery(MASTER, plan(&[high.clone(), low.clone()])).await.unwrap();
    // The index is only a hint: the partition decides.
    for index in 0..3 {
        assert_eq!(store.load(id, filtered(index, &low)).await.unwrap().bytes, expected(0));
        assert_eq!(store.load(id, filtered(index, &high)).await.unwrap().bytes, expected(1));
    }
}

pub(super) async fn one_bad_entry_damages_it_for_every_partition(subject: Arc<dyn Subject>) {
    let (store, id) = loaded(&subject).await;
    // The last byte but the safe version's: in the tombstone, of the lower half alone.
    let at = mixed().bytes().len() - Image::side(MASTER, 5).safe_version(77).entries().len() - 1;
    assert!(subject.damage(id, at));
    // Not before the damage: a store on threads may have read the good bytes ahead.
    store.start_recovery(MASTER, plan(&halves())).await.unwrap();
    for (half, partition) in halves().iter().enumerate() {
        let loaded = store.load(id, filtered(half as u32, partition)).await;
        assert!(matches!(loaded, Err(BackupError::Damaged { .. })), "half {half}: {loaded:?}");
    }
    let whole = store.load(id, LoadRequest::Whole).await;
    assert!(matches!(whole, Err(BackupError::Damaged { .. })), "{whole:?}");
}

pub(super) async fn every_spoiled_byte_is_noticed(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[3]).object(1, "key", "value", 1).tombstone(1, "other", 2, 3);
    store.write(write(&image, 1, Some(Fill::Growing), true)).await.unwrap();
    let id = replica(MASTER, 5, 1);
    for at in 0..image.bytes().len() {
        assert!(subject.damage(id, at));
        for want in [LoadRequest::Whole, filtered(0, &halves()[0])] {
            let loaded = store.load(id, want).await;
            assert!(matches!(loaded, Err(BackupError::Damaged { .. })), "byte {at}: {loaded:?}");
        }
        assert!(subject.damage(id, at), "the same bit again: healed");
    }
    assert!(!subject.damage(id, image.bytes().len()));
    assert_eq!(store.load(id, LoadRequest::Whole).await.unwrap().bytes, image.bytes());
}
