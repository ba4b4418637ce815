//! P4. A master dies between two pieces of a write, and leaves a torn entry behind on its backups. Without the rule they
//! take that for a part of the head, none of them can be read, and what the master had acknowledged is lost.

use super::file_store::{Backup, listed};
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{BackupStore, Fill, LoadRequest, ReplicaWrite};
use rekindle_env::memory::World;
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("backup");
    let backup = Backup::start(&world, &node, rules)?;
    let acknowledged = Image::head(MASTER, 5, &[]).object(1, "key", "acknowledged", 1);
    let next = acknowledged.clone().object(1, "key", "on its way", 2);
    let (offset, torn) = (acknowledged.bytes().len(), next.bytes().len() - 4);
    let piece = ReplicaWrite {
        offset: offset as u32,
        bytes: next.bytes().slice(offset..torn),
        certificate: None,
        ..write(&next, 1, None, false)
    };
    for call in [write(&acknowledged, 1, Some(Fill::Growing), false), piece] {
        world.block_on(backup.store.write(call)).map_err(|error| error.to_string())?;
    }
    for info in listed(&world, &backup.store)? {
        let loaded = world.block_on(backup.store.load(info.replica, LoadRequest::Whole));
        let loaded = loaded.map_err(|error| format!("acknowledged, and {error}"))?;
        if loaded.bytes != acknowledged.bytes() || info.certificate != acknowledged.certificate() {
            return Err(format!("{} bytes acknowledged, {} loaded", offset, loaded.bytes.len()));
        }
    }
    Ok(())
}
