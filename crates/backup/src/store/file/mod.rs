//! Replicas on a disk: superblocks, a device of frames, and a journal file for each open replica. Byte tables, and
//! which syncs are needed and why: docs/formats/backup-store.md.

mod adopt_error;
mod config;
mod file_store;
mod format;
mod frames;
mod group_sync;
mod image;
mod journal;
mod loads;
mod marks;
mod open;
mod open_error;
mod restore;
mod state;
mod work;
mod writer;

pub use adopt_error::AdoptError;
pub use config::{Durability, FileStoreConfig};
pub use file_store::FileStore;
#[cfg(not(feature = "testing"))]
pub(crate) use format::FrameHeader;
#[cfg(feature = "testing")]
pub use format::{FrameHeader, RecordHeader, RecordKind, Superblock, parse_journal_name};
#[cfg(feature = "testing")]
pub use journal::scan_records;
#[cfg(feature = "testing")]
pub use open::FRAMES;
pub use open_error::OpenError;
pub use restore::Damage;
