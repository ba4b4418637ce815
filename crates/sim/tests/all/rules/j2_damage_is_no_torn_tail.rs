//! J2. A bit of an answered append turns over on the disk. The replica must not be given as a shorter one, as if that
//! append had never come: shorter, and open, it could be taken for all that there was.

use super::file_store::{Backup, JOURNAL, acknowledge_an_append, listed};
use rekindle_backup::store::file::RecordHeader;
use rekindle_env::memory::{Crash, World};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("backup");
    acknowledge_an_append(&world, &node, Crash::KeepUnsynced, rules)?;
    let length = world.block_on(node.env().dir.read(JOURNAL)).map_err(|error| error.to_string())?.len() as u64;
    // The last byte before the mark that the idle journal got.
    node.disk().flip(JOURNAL, length - RecordHeader::LEN as u64 - 1, 1).map_err(|error| error.to_string())?;
    let store = Backup::open(&world, &node, rules)?;
    match (&listed(&world, &store)?[..], store.found_damaged().len()) {
        ([], 1) => Ok(()),
        (other, damaged) => Err(format!("{damaged} damaged, and given: {other:?}")),
    }
}
