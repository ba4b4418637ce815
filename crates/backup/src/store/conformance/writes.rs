//! Open, append, close.

use super::*;
use rekindle_log::Certificate;

/// Three prefixes of one head.
fn growing() -> [Image; 3] {
    let first = Image::head(MASTER, 5, &[3]);
    let second = first.clone().object(1, "a", "one", 1);
    let third = second.clone().object(1, "b", "two", 2);
    [first, second, third]
}

/// The write that takes a replica from one prefix to the next.
fn append(from: &Image, to: &Image, close: bool) -> ReplicaWrite {
    let offset = from.bytes().len();
    let bytes = to.bytes().slice(offset..);
    ReplicaWrite { offset: offset as u32, bytes, ..write(to, 1, None, close) }
}

pub(super) async fn grows_append_by_append(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, third] = growing();
    store
        .write(ReplicaWrite { primary: true, ..write(&first, 1, Some(Fill::Growing), false) })
        .await
        .unwrap();
    store.write(ReplicaWrite { primary: true, ..append(&first, &second, false) }).await.unwrap();
    store.write(ReplicaWrite { primary: true, ..append(&second, &third, true) }).await.unwrap();
    let infos = list(&store, MASTER).await;
    assert_eq!(infos.len(), 1);
    assert_eq!(infos[0].certificate, third.certificate());
    assert_eq!(infos[0].state, ReplicaState::Closed);
    assert_eq!(infos[0].digest, Some(vec![SegmentId(3), SegmentId(5)]));
    assert!(infos[0].primary);
    assert!(list(&store, OTHER).await.is_empty());
}

pub(super) async fn repeats_change_nothing(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, third] = growing();
    let calls = [
        write(&first, 1, Some(Fill::Growing), false),
        append(&first, &second, false),
        append(&second, &third, true),
    ];
    for (at, call) in calls.iter().enumerate() {
        // Every call so far comes again, late ones too.
        for repeated in &calls[..=at] {
            store.write(repeated.clone()).await.unwrap();
        }
        store.write(call.clone()).await.unwrap();
    }
    for repeated in &calls {
        store.write(repeated.clone()).await.unwrap();
    }
    let length = third.bytes().len() as u32;
    assert_eq!(states(&list(&store, MASTER).await), [(5, 1, ReplicaState::Closed, length)]);
}

pub(super) async fn bytes_past_the_certificate_do_not_exist(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, third] = growing();
    store.write(write(&first, 1, Some(Fill::Growing), false)).await.unwrap();
    let mut more = append(&first, &third, false);
    more.certificate = Some(second.certificate());
    store.write(more).await.unwrap();
    let mut uncertified = append(&second, &third, false);
    uncertified.certificate = None;
    store.write(uncertified).await.unwrap();
    let infos = list(&store, MASTER).await;
    assert_eq!(infos[0].certificate, second.certificate());
    let loaded = store.load(infos[0].replica, crate::store::LoadRequest::Whole).await.unwrap();
    assert_eq!((loaded.bytes, loaded.certificate), (second.bytes(), second.certificate()));
}

pub(super) async fn wrong_order_is_refused_and_changes_nothing(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, third] = growing();
    let id = replica(MASTER, 5, 1);
    assert_eq!(store.write(append(&first, &second, false)).await, Err(BackupError::NotOpen(id)));

    store.write(write(&first, 1, Some(Fill::Growing), false)).await.unwrap();
    let gap = append(&second, &third, false);
    assert!(is_overflow(&store.write(gap).await));
    let mut past = append(&first, &second, false);
    past.bytes = vec![0; past.capacity as usize].into();
    past.certificate = None;
    assert!(is_overflow(&store.write(past).await));
    let mut huge = append(&first, &second, false);
    huge.bytes = vec![0; ReplicaWrite::BYTES_MAX + 1].into();
    // A stub may refuse it unsent.
    let refused = store.write(huge).await;
    assert!(is_overflow(&refused) || matches!(refused, Err(BackupError::Remote(_))), "{refused:?}");
    let other = Image::head(MASTER, 5, &[4]);
    assert!(is_overflow(&store.write(write(&other, 1, None, false)).await));
    let mut capacity = append(&first, &second, false);
    capacity.capacity *= 2;
    assert!(is_overflow(&store.write(capacity).await));
    let mut fill = append(&first, &second, false);
    fill.open = Some(Fill::Atomic);
    assert!(is_overflow(&store.write(fill).await));
    let mut beyond = append(&first, &second, false);
    beyond.certificate = Some(third.certificate());
    assert!(is_overflow(&store.write(beyond).await));

    let infos = list(&store, MASTER).await;
    assert_eq!(infos[0].certificate, first.certificate());
    assert_eq!(infos[0].state, ReplicaState::Open);
}

pub(super) async fn spoiled_writes_are_refused(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, _] = growing();
    store.write(write(&first, 1, Some(Fill::Growing), false)).await.unwrap();
    let good = append(&first, &second, false);
    let mut spoiled = good.clone();
    let mut bytes = spoiled.bytes.to_vec();
    bytes[0] ^= 1;
    spoiled.bytes = bytes.into();
    assert!(is_overflow(&store.write(spoiled).await));
    let mut certificate = good.clone();
    certificate.certificate = Some(Certificate { checksum: 1, ..second.certificate() });
    assert!(is_overflow(&store.write(certificate).await));
    let alien = Image::side(OTHER, 6);
    let mut wrong = write(&alien, 1, Some(Fill::Growing), false);
    wrong.replica = replica(MASTER, 6, 1);
    assert!(is_overflow(&store.write(wrong).await));

    store.write(good).await.unwrap();
    assert_eq!(list(&store, MASTER).await[0].certificate, second.certificate());
}

pub(super) async fn closed_replicas_take_nothing(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, second, _] = growing();
    let id = replica(MASTER, 5, 1);
    store.write(open(&first, 1, Fill::Growing)).await.unwrap();
    let mut without = write(&first, 1, None, true);
    without.certificate = None;
    assert!(is_overflow(&store.write(without).await));
    // Bytes that no certificate covers would vanish with the close: the master made a mistake.
    let mut uncovered = write(&second, 1, None, true);
    uncovered.certificate = Some(first.certificate());
    assert!(is_overflow(&store.write(uncovered).await));
    store.write(write(&first, 1, None, true)).await.unwrap();
    assert_eq!(store.write(append(&first, &second, false)).await, Err(BackupError::Closed(id)));
    assert_eq!(list(&store, MASTER).await[0].certificate, first.certificate());
}

pub(super) async fn replicas_without_certificate_are_not_listed(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let [first, ..] = growing();
    store
        .write(ReplicaWrite { certificate: None, ..write(&first, 1, Some(Fill::Growing), false) })
        .await
        .unwrap();
    store.write(open(&Image::side(MASTER, 6), 2, Fill::Growing)).await.unwrap();
    assert!(list(&store, MASTER).await.is_empty());
}
