//! J1. A master appends to its head and is answered; the power of the backup fails. What was answered must be there,
//! or a recovery from this backup takes acknowledged objects back.

use super::file_store::{Backup, acknowledge_an_append, listed};
use rekindle_env::memory::{Crash, World};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("backup");
    let acknowledged = acknowledge_an_append(&world, &node, Crash::DropUnsynced, rules)?;
    let store = Backup::open(&world, &node, rules)?;
    match &listed(&world, &store)?[..] {
        [info] if info.certificate == acknowledged.certificate() => Ok(()),
        other => Err(format!("answered, and gone: {other:?}")),
    }
}
