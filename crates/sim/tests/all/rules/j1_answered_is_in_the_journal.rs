//! J1. A master appends to its head and is answered; the power of the backup fails. What was answered must be there,
//! or a recovery from this backup takes acknowledged objects back.

use super::file_store::Backup;
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{BackupStore, Fill, ReplicaWrite};
use rekindle_env::memory::World;
use rekindle_types::{ListVersion, Rules};

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("backup");
    let backup = Backup::start(&world, &node, rules)?;
    let first = Image::head(MASTER, 5, &[]);
    let second = first.clone().object(1, "key", "acknowledged", 1);
    backup.write(&world, write(&first, 1, Some(Fill::Growing), false))?;
    let offset = first.bytes().len();
    let append = write(&second, 1, None, false);
    backup.write(&world, ReplicaWrite { offset: offset as u32, bytes: second.bytes().slice(offset..), ..append })?;
    backup.stop();
    node.kill();
    node.restart();
    let store = Backup::open(&world, &node, rules)?;
    let found = world.block_on(store.inventory(MASTER, ListVersion(1))).map_err(|error| error.to_string())?;
    match &found[..] {
        [info] if info.certificate == second.certificate() => Ok(()),
        other => Err(format!("answered, and gone: {other:?}")),
    }
}
