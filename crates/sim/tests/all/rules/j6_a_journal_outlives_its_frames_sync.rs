//! J6. A replica is closed, its image is written to a frame, and its journal removed. Then the power of the backup fails.
//! Without the rule the frame was never synced, and what the journal held is nowhere.

use super::file_store::{Backup, listed};
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{BackupStore, Fill};
use rekindle_env::memory::{Crash, World};
use rekindle_types::Rules;
use std::time::Duration;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("backup");
    let backup = Backup::start(&world, &node, rules)?;
    let image = Image::head(MASTER, 5, &[]).object(1, "key", "value", 1);
    let close = write(&image, 1, Some(Fill::Growing), true);
    world.block_on(backup.store.write(close)).map_err(|error| error.to_string())?;
    // The image follows the answer.
    world.run_for(Duration::from_secs(1));
    backup.stop();
    node.kill_with(Crash::DropUnsynced);
    node.restart();
    let store = Backup::open(&world, &node, rules)?;
    match &listed(&world, &store)?[..] {
        [info] if info.certificate == image.certificate() => Ok(()),
        other => Err(format!("closed, and gone: {other:?}")),
    }
}
