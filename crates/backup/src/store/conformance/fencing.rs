//! Who may write (F1).

use super::*;

fn is_fenced<T>(result: Result<T, BackupError>) -> bool {
    matches!(result, Err(BackupError::Fenced { .. }))
}

fn is_not_ready<T>(result: Result<T, BackupError>) -> bool {
    matches!(result, Err(BackupError::NotReady(_)))
}

/// Every call that a master can make.
async fn every_call_is_fenced(store: &Arc<dyn BackupStore>, image: &Image) {
    assert!(is_fenced(store.write(write(image, 1, None, false)).await), "append");
    assert!(is_fenced(store.write(write(image, 1, None, true)).await), "close");
    let next = Image::head(MASTER, 6, &[5]);
    assert!(is_fenced(store.write(write(&next, 2, Some(Fill::Growing), false)).await), "open");
    assert!(is_fenced(store.write(write(image, 3, Some(Fill::Atomic), true)).await), "re-creation");
    assert!(is_fenced(store.free(free(replica(MASTER, 5, 1))).await), "free");
}

pub(super) async fn no_writes_before_a_list_with_itself(subject: Arc<dyn Subject>) {
    let store = subject.store();
    let call = write(&Image::head(MASTER, 5, &[]), 1, Some(Fill::Growing), false);
    assert!(is_not_ready(store.write(call.clone()).await));
    // A list of before its own enlistment: it can't tell who died since.
    subject.set_servers(&ServerList::new(ListVersion(1), OWN, servers(1, &[1, 2], &[]).iter().cloned()));
    assert!(is_not_ready(store.write(call.clone()).await));
    assert!(is_not_ready(store.free(free(call.replica)).await));
    subject.set_servers(&servers(2, &[1, 2, 9], &[]));
    store.write(call).await.unwrap();
}

pub(super) async fn unknown_masters_have_to_wait(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let newer = Image::head(LogId::of(ServerId(10)), 5, &[]);
    assert!(is_not_ready(store.write(write(&newer, 1, Some(Fill::Growing), false)).await));
}

pub(super) async fn dead_masters_are_refused_every_call(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    store.write(write(&image, 1, Some(Fill::Growing), false)).await.unwrap();
    subject.set_servers(&servers(2, &[2, 9], &[1]));
    every_call_is_fenced(&store, &image).await;
    // An older list does not revive it.
    subject.set_servers(&servers(1, &[1, 2, 9], &[]));
    every_call_is_fenced(&store, &image).await;
    store.write(write(&Image::head(OTHER, 5, &[]), 1, Some(Fill::Growing), false)).await.unwrap();
    assert_eq!(list(&store, MASTER).await.len(), 1);
}

/// H6: those of open heads, and of the closed heads the highest one's. A side segment has none, however high.
pub(super) async fn inventories_show_the_digests_that_a_recovery_needs(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let heads = [1, 2, 3, 6, 7].map(|n| Image::head(MASTER, n, &[]));
    let sides = [4, 8].map(|n| Image::side(MASTER, n).safe_version(1));
    for (image, is_closed) in
        heads.iter().zip([true, true, true, false, false]).chain(sides.iter().zip([true; 2]))
    {
        store.write(write(image, 1, Some(Fill::Growing), is_closed)).await.unwrap();
    }
    let infos = list(&store, MASTER).await;
    let shown = |info: &ReplicaInfo| (info.replica.segment.0, info.state, info.digest.is_some());
    let closed = |n, is_shown| (n, ReplicaState::Closed, is_shown);
    let open = |n| (n, ReplicaState::Open, true);
    let expected = [
        closed(1, false),
        closed(2, false),
        closed(3, true),
        closed(4, false),
        open(6),
        open(7),
        closed(8, false),
    ];
    assert_eq!(infos.iter().map(shown).collect::<Vec<_>>(), expected);
}

pub(super) async fn inventory_fences_before_it_lists(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    store.write(write(&image, 1, Some(Fill::Growing), false)).await.unwrap();
    let before = list(&store, MASTER).await;
    every_call_is_fenced(&store, &image).await;
    assert_eq!(list(&store, MASTER).await, before);
    // A list that still calls it up changes nothing.
    subject.set_servers(&servers(2, &[1, 2, 9], &[]));
    every_call_is_fenced(&store, &image).await;
}

pub(super) async fn a_removed_backup_takes_nothing(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    store.write(write(&image, 1, Some(Fill::Growing), false)).await.unwrap();
    subject.set_servers(&servers(2, &[1, 2], &[9]));
    let call = store.write(write(&image, 1, None, true)).await;
    assert_eq!(call, Err(BackupError::Removed));
    // Its replicas count again only under a new id.
    assert_eq!(store.inventory(MASTER, ListVersion(2)).await, Err(BackupError::Removed));
}

pub(super) async fn recovered_masters_are_freed_and_not_before(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    for log in [MASTER, OTHER] {
        store.write(write(&Image::head(log, 5, &[]), 1, Some(Fill::Growing), false)).await.unwrap();
    }
    subject.set_servers(&servers(2, &[2, 9], &[1]));
    assert_eq!(list(&store, MASTER).await.len(), 1);
    subject.set_servers(&servers(3, &[2, 9], &[]));
    assert!(list(&store, MASTER).await.is_empty());
    assert_eq!(store.stats().await.frames_used, 1);
    let late = write(&Image::head(MASTER, 6, &[]), 2, Some(Fill::Growing), false);
    assert!(is_fenced(store.write(late).await));
}

pub(super) async fn a_master_that_left_between_two_lists_is_fenced_and_freed(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::head(MASTER, 5, &[]);
    store.write(write(&image, 1, Some(Fill::Growing), false)).await.unwrap();
    // It died and left while this backup heard of nothing.
    subject.set_servers(&servers(4, &[2, 9], &[]));
    every_call_is_fenced(&store, &image).await;
    assert_eq!(store.stats().await.frames_used, 0);
}
