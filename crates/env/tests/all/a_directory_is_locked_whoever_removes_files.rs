//! A lock is a file that anybody can remove: the directory itself is locked, too.

use crate::real_world::RealWorld;
use rekindle_env::{DirLock, DiskError, Env};
use std::fs;

/// A lock that was dropped is given back after the calls before, of which the last may have answered just now.
async fn freed(env: &Env, name: &str) -> DirLock {
    loop {
        match env.dir.lock(name).await {
            Err(DiskError::Locked(_)) => tokio::task::yield_now().await,
            taken => return taken.unwrap(),
        }
    }
}

#[test]
fn a_directory_is_locked_whoever_removes_files() {
    let world = RealWorld::start();
    // To the system two environments are two processes.
    let (env, other) = (world.env(), world.env());
    let directory = DiskError::Locked(world.path().display().to_string());
    world.block_on(async {
        let (lock, another) = (env.dir.lock("l").await.unwrap(), env.dir.lock("m").await.unwrap());
        fs::remove_file(world.path().join(".lock-l")).expect("the file of the lock");
        assert_eq!(other.dir.lock("l").await.err(), Some(directory.clone()));
        assert_eq!(other.dir.lock("n").await.err(), Some(directory.clone()), "whatever the name");
        drop(lock);
        assert_eq!(other.dir.lock("l").await.err(), Some(directory.clone()), "as long as any is held");
        assert_eq!(env.dir.lock("m").await.err(), Some(DiskError::Locked(".lock-m".into())));
        drop(another);
        let taken = freed(&other, "l").await;
        assert_eq!(env.dir.lock("m").await.err(), Some(directory));
        drop(taken);
        freed(&env, "m").await;
    });
}
