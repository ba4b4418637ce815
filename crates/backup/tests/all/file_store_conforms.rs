//! The file store does what every store must do, on disks that keep what was synced.

use super::file_subject::{FileSubject, config};
use rekindle_backup::{Durability, FileStoreConfig, store::conformance::cases};
use rekindle_env::memory::World;

#[test]
fn file_store_conforms() {
    for durability in [Durability::Persistent, Durability::Buffered] {
        for read_ahead_bytes in [64 << 20, 500, 0] {
            for (name, case) in cases() {
                println!("{name}, {durability:?}, {read_ahead_bytes} bytes ahead");
                let world = World::new(1);
                let node = world.node("backup");
                let (env, disk) = (node.env(), node.disk());
                let config = FileStoreConfig { read_ahead_bytes, ..config(durability) };
                world.block_on(async {
                    let flip = move |file: &str, offset| disk.flip(file, offset, 1).unwrap();
                    case(FileSubject::start(&env, config, flip).await).await;
                });
            }
        }
    }
}
