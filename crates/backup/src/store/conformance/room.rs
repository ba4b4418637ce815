//! Bounded, and honest about it.

use super::*;

pub(super) async fn full_stores_refuse_opens_only(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    for segment in 1..=FRAMES {
        store.write(write(&Image::side(MASTER, segment), segment, Some(Fill::Growing), false)).await.unwrap();
    }
    let next = write(&Image::side(MASTER, 20), 20, Some(Fill::Growing), false);
    let refused = store.write(next.clone()).await;
    assert_eq!(refused, Err(BackupError::NoRoom { frames: FRAMES }));
    // What is open goes on, and a higher creation takes the place of its older one.
    let longer = Image::side(MASTER, 1).object(1, "a", "one", 1);
    store.write(write(&longer, 1, None, true)).await.unwrap();
    store.write(write(&Image::side(MASTER, 2), 30, Some(Fill::Growing), true)).await.unwrap();
    store.free(free(replica(MASTER, 3, 3))).await.unwrap();
    store.write(next).await.unwrap();
    assert_eq!(list(&store, MASTER).await.len() as u64, FRAMES);
}

pub(super) async fn stats_count_what_is_held(subject: Arc<dyn Subject>) {
    let store = ready(&subject);
    let image = Image::side(MASTER, 1);
    store.write(write(&image, 1, Some(Fill::Growing), false)).await.unwrap();
    store.write(write(&Image::side(MASTER, 2), 2, Some(Fill::Growing), true)).await.unwrap();
    let stats = store.stats().await;
    assert_eq!((stats.frames, stats.frames_used, stats.open), (FRAMES, 2, 1));
    assert_eq!(stats.bytes, 2 * image.bytes().len() as u64);
    assert!(!stats.is_poisoned);
}
