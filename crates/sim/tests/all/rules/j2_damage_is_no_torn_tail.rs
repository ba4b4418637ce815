//! J2. A bit of an answered append turns over on the disk. The replica must not be given as a shorter one, as if that
//! append had never come: shorter, and open, it could be taken for all that there was.

use super::file_store::Backup;
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{BackupStore, Fill, ReplicaWrite};
use rekindle_env::memory::{Crash, World};
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
    node.kill_with(Crash::KeepUnsynced);
    node.restart();
    let journal = "journal-1-0-5-1";
    let length = world.block_on(node.env().dir.read(journal)).map_err(|error| error.to_string())?.len() as u64;
    // The last byte before the mark that the idle journal got.
    node.disk().flip(journal, length - 85, 1).map_err(|error| error.to_string())?;
    let store = Backup::open(&world, &node, rules)?;
    let found = world.block_on(store.inventory(MASTER, ListVersion(1))).map_err(|error| error.to_string())?;
    match (&found[..], store.found_damaged().len()) {
        ([], 1) => Ok(()),
        (other, damaged) => Err(format!("{damaged} damaged, and given: {other:?}")),
    }
}
