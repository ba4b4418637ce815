//! The whole of it.

use super::{clock::RealClock, disk::RealDir, heavy::HeavyPool, rng::RealRng, spawn::RealSpawn};
use crate::Env;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::runtime::Handle;

/// How many threads there are besides the network's.
#[derive(Clone, Debug)]
pub struct RealConfig {
    /// Threads that read, write and sync files: as many files are synced at once. Default: 8.
    pub disk_threads: usize,
    /// Threads for heavy work. Default: 2, so that a long one does not hold all others up.
    pub heavy_threads: usize,
    /// How much nicer than the others the threads for heavy work are: the network threads go first, but a recovery
    /// has to come along on busy cores too. Default: 5, a third of a share; 10 would be a tenth.
    pub heavy_nice: i32,
    /// Takes the room of a device when it is made, so that a full disk is found out there and not at a write.
    /// Default `false`: a device grows as it is written, since a store for several full logs is seldom full.
    pub reserves_devices: bool,
}

impl Default for RealConfig {
    fn default() -> Self {
        Self { disk_threads: 8, heavy_threads: 2, heavy_nice: 5, reserves_devices: false }
    }
}

/// Makes the [`Env`] of a process.
pub struct RealEnv;

/// Why a data directory can't be used. [`RealEnv::open`] gives it inside its [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is something else.
    #[error("{0:?} is no directory: give a directory, or a path where one can be made")]
    NotADirectory(PathBuf),
    /// Permissions.
    #[error("can't write to {0:?}: let the user of this process write there, or give another directory")]
    Unwritable(PathBuf, #[source] io::Error),
    /// No space.
    #[error("the disk of {0:?} is full: make room, or give another directory")]
    Full(PathBuf),
    /// Anything else.
    #[error("can't use {0:?} as data directory: {1}")]
    Other(PathBuf, #[source] io::Error),
}

impl RealEnv {
    /// The world of a server that keeps its files in `dir`, which is made when it is not there. Tasks run on
    /// `main` and `urgent`; the environment's own threads end when its last clone is dropped.
    ///
    /// # Errors
    /// When the directory can't be made or written to (the error's inner one is an [`OpenError`]), or the system
    /// refuses threads.
    pub fn open(dir: &Path, main: Handle, urgent: Handle, config: RealConfig) -> io::Result<Env> {
        let opened = RealDir::open(dir, &config);
        let dir: Arc<RealDir> = Arc::new(opened.map_err(|error| explain(dir, error))?);
        let heavy = Arc::new(HeavyPool::start_threads(config.heavy_threads, config.heavy_nice)?);
        Ok(Env {
            clock: Arc::new(RealClock { main: main.clone() }),
            rng: Arc::new(RealRng::seeded()?),
            spawn: Arc::new(RealSpawn { handle: main, heavy: Arc::clone(&heavy) }),
            urgent: Arc::new(RealSpawn { handle: urgent, heavy }),
            dir,
        })
    }
}

fn explain(dir: &Path, error: io::Error) -> io::Error {
    let (kind, path) = (error.kind(), dir.to_owned());
    let explained = match kind {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => OpenError::NotADirectory(path),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::Unwritable(path, error)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full(path),
        _ => OpenError::Other(path, error),
    };
    io::Error::new(kind, explained)
}
