//! J4. The power of a backup fails while it images a replica, at any instant. What it lists afterwards it must be able
//! to give: the header of a frame is on the disk only when its blocks are.

use super::file_store::Backup;
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{BackupStore, Fill, LoadRequest};
use rekindle_env::memory::{Crash, World};
use rekindle_types::{ListVersion, Rules};
use std::{sync::Arc, time::Duration};

pub fn body(rules: Rules) -> Result<(), String> {
    for seed in 0..8 {
        for steps in 0..12 {
            cut_off(seed, steps, rules)?;
        }
    }
    Ok(())
}

fn cut_off(seed: u64, steps: u32, rules: Rules) -> Result<(), String> {
    let world = World::new(seed);
    let node = world.node("backup");
    let backup = Backup::start(&world, &node, rules)?;
    node.disk().set_latency(Duration::from_millis(1));
    let image = (0..8).fold(Image::side(MASTER, 5), |image, at| {
        image.object(1, &format!("key-{at}"), &"value".repeat(200), at + 1)
    });
    let store = Arc::clone(&backup.store);
    let call = write(&image, 1, Some(Fill::Growing), true);
    let task = node.env().spawn.spawn("call", Box::pin(async move { drop(store.write(call).await) }));
    world.run_for(Duration::from_micros(300) * steps);
    backup.stop();
    task.stop();
    node.kill_with(Crash::Subset);
    node.restart();
    node.disk().set_latency(Duration::ZERO);
    let store = Backup::open(&world, &node, rules)?;
    let found = world.block_on(store.inventory(MASTER, ListVersion(1))).map_err(|error| error.to_string())?;
    for info in found {
        let loaded = world.block_on(store.load(info.replica, LoadRequest::Whole));
        loaded.map_err(|error| format!("seed {seed}, {steps} steps: listed, and {error}"))?;
    }
    Ok(())
}
