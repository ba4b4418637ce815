//! Creation numbers and sessions (P2, P3).

use super::*;

pub(super) async fn higher_creation_replaces_lower_is_stale(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    let longer = image.clone().object(1, "a", "one", 1);
    store.write(write(&longer, 1, Some(Fill::Growing), true)).await.unwrap();
    store.write(write(&image, 3, Some(Fill::Growing), false)).await.unwrap();
    let stale = BackupError::StaleCreation { replica: replica(MASTER, 5, 2), newest: CreationNumber(3) };
    assert_eq!(store.write(write(&longer, 2, Some(Fill::Growing), true)).await, Err(stale.clone()));
    assert_eq!(store.write(write(&longer, 2, None, true)).await, Err(stale));
    let missing = store.write(write(&longer, 4, None, true)).await;
    assert_eq!(missing, Err(BackupError::NotOpen(replica(MASTER, 5, 4))));
    let length = image.bytes().len() as u32;
    assert_eq!(states(&list(&store, MASTER).await), [(5, 3, ReplicaState::Open, length)]);
    let old = store.load(replica(MASTER, 5, 1), crate::store::LoadRequest::Whole).await;
    assert!(matches!(old, Err(BackupError::StaleCreation { .. })), "{old:?}");
}

pub(super) async fn re_creation_leaves_what_is_there_until_it_is_complete(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::side(MASTER, 5).object(1, "a", "one", 1);
    store.write(write(&image, 1, Some(Fill::Growing), true)).await.unwrap();
    let (all, half) = (image.bytes(), image.bytes().len() / 2);
    let mut first = open(&image, 2, Fill::Atomic);
    first.bytes = all.slice(..half);
    store.write(first.clone()).await.unwrap();
    // A crash of the master now: the old one is what a recovery finds. A copy of the store's view is not
    // available, so look through a load, which needs no fence for closed replicas.
    let kept = store.load(replica(MASTER, 5, 1), crate::store::LoadRequest::Whole).await.unwrap();
    assert_eq!(kept.bytes, all);
    store.write(first).await.unwrap();

    let mut last = write(&image, 2, None, true);
    (last.offset, last.bytes) = (half as u32, all.slice(half..));
    store.write(last).await.unwrap();
    let length = all.len() as u32;
    assert_eq!(states(&list(&store, MASTER).await), [(5, 2, ReplicaState::Closed, length)]);
    assert_eq!(store.stats().await.frames_used, 1);
}

pub(super) async fn re_creation_takes_certificate_and_close_in_one_write(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::side(MASTER, 5).object(1, "a", "one", 1);
    store.write(open(&image, 2, Fill::Atomic)).await.unwrap();
    assert!(is_overflow(&store.write(write(&image, 2, None, false)).await));
    let mut close = write(&image, 2, None, true);
    close.certificate = None;
    assert!(is_overflow(&store.write(close).await));
    store.write(write(&image, 2, None, true)).await.unwrap();
    // All in one call, too.
    let other = Image::side(MASTER, 6);
    store.write(write(&other, 3, Some(Fill::Atomic), true)).await.unwrap();
    store.write(open(&Image::side(MASTER, 7), 4, Fill::Atomic)).await.unwrap();
    let listed: Vec<_> = list(&store, MASTER).await.iter().map(|i| i.replica.segment.0).collect();
    assert_eq!(listed, [5, 6]);
}

pub(super) async fn frees_reach_older_creations_only(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::side(MASTER, 5);
    store.free(free(replica(MASTER, 5, 1))).await.unwrap();
    store.write(write(&image, 2, Some(Fill::Growing), true)).await.unwrap();
    let _ = store.free(free(replica(MASTER, 5, 1))).await;
    assert_eq!(store.stats().await.frames_used, 1);
    // What is freed with a later number has older creations go with it, complete or not.
    store.write(open(&image, 3, Fill::Atomic)).await.unwrap();
    store.free(free(replica(MASTER, 5, 3))).await.unwrap();
    assert_eq!(store.stats().await.frames_used, 0);
    store.free(free(replica(MASTER, 5, 3))).await.unwrap();
    // An open one too.
    store.write(write(&image, 4, Some(Fill::Growing), false)).await.unwrap();
    store.free(free(replica(MASTER, 5, 4))).await.unwrap();
    assert!(list(&store, MASTER).await.is_empty());
}

pub(super) async fn older_sessions_do_nothing(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    let in_session = |session, write| ReplicaWrite { session: SessionNumber(session), ..write };
    let opening = write(&image, 1, Some(Fill::Growing), false);
    store.write(in_session(1, opening.clone())).await.unwrap();
    store.free(ReplicaFree { session: SessionNumber(2), ..free(replica(MASTER, 5, 1)) }).await.unwrap();
    // The open of session 1 is delivered once more: a freed head must not come back.
    let stale = BackupError::StaleSession { session: SessionNumber(1), newest: SessionNumber(2) };
    assert_eq!(store.write(in_session(1, opening)).await, Err(stale.clone()));
    assert_eq!(store.free(free(replica(MASTER, 5, 1))).await, Err(stale));
    // Sessions of another master are its own.
    store.write(write(&Image::side(OTHER, 5), 1, Some(Fill::Growing), true)).await.unwrap();
    assert!(list(&store, MASTER).await.is_empty());
    assert_eq!(list(&store, OTHER).await.len(), 1);
}
