//! A meta log in files of a directory. Formats: docs/formats/meta-log.md.

mod config;
mod frame;
mod header;
mod held;
mod le;
mod log;
mod name;
mod queue;
mod read;
mod record;

pub use config::FileMetaLogConfig;
pub use log::FileMetaLog;
pub use read::{Damage, MetaFile};
