//! A real environment in a directory of its own.

use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{future::Future, path::Path};
use tempfile::TempDir;

pub(crate) struct RealWorld {
    pub(crate) runtimes: Runtimes,
    directory: TempDir,
}

impl RealWorld {
    pub(crate) fn start() -> Self {
        Self { runtimes: Runtimes::start().unwrap(), directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn env(&self) -> Env {
        let (main, urgent) = (self.runtimes.main(), self.runtimes.urgent());
        RealEnv::open(
            self.path(),
            main,
            urgent,
            RealConfig { disk_threads: 3, heavy_threads: 2, ..RealConfig::default() },
        )
        .unwrap()
    }

    /// From the thread of the test.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtimes.main().block_on(future)
    }
}
