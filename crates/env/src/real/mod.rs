//! The clock, threads and files of a real machine (Linux).
//!
//! [`Runtimes`] are the two network threads of a process; [`RealEnv::open`] makes an [`Env`](crate::Env) of them
//! and of a data directory. Nothing in here blocks a network thread: files are read, written and synced by
//! threads of their own, heavy work runs on others, at a lower priority.
//!
//! A panic, in a task, in heavy work or in a disk call, ends the process (it aborts, after the panic's own message):
//! a server without its lease keeper, or with half of a change made, is worse than one that is recovered.
//!
//! Limits: 1,024 disk calls queued or running, 256 open files besides devices, 16,384 heavy works waiting.
//!
//! ```
//! use rekindle_env::real::{RealConfig, RealEnv, Runtimes};
//!
//! let directory = tempfile::tempdir()?;
//! let runtimes = Runtimes::start()?;
//! let env = RealEnv::open(directory.path(), runtimes.main(), runtimes.urgent(), RealConfig::default())?;
//! runtimes.main().block_on(async {
//!     env.dir.append_synced("journal", "kept".into()).await?;
//!     env.dir.sync().await
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is where the world is real")]

mod clock;
mod disk;
mod env;
mod heavy;
mod panics;
mod rng;
mod runtimes;
mod spawn;
mod threads;

pub use env::{OpenError, RealConfig, RealEnv};
pub use runtimes::Runtimes;
