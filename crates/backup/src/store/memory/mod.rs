//! Replicas in memory: for clusters whose backups are other machines' memories, and for tests.

mod config;
mod memory_store;

pub use config::MemoryStoreConfig;
pub use memory_store::MemoryStore;
