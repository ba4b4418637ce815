//! O3. A batch is answered, so the coordinator acts on it. Then its power fails. The next coordinator must know of the
//! batch, or what the first one did is undone for everybody but those who were told.

use rekindle_coordinator::{
    MetaLog,
    meta::{Batch, EntityId, FileMetaLog, FileMetaLogConfig, Record},
};
use rekindle_env::memory::{Crash, World};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let node = world.node("coordinator");
    let config = FileMetaLogConfig { rules, ..FileMetaLogConfig::new(7) };
    let log = FileMetaLog::new(&node.env(), config);
    let term = world.block_on(log.open()).map_err(|error| error.to_string())?.term;
    let entity = EntityId { kind: 1, first: 2, second: 3 };
    let records = vec![Record { entity, state: Some("acted on".into()) }];
    let answered = world.block_on(log.append(term, Batch { expected: Vec::new(), records }));
    let answered = answered.map_err(|error| error.to_string())?;
    drop(log);
    node.kill_with(Crash::DropUnsynced);
    let log = FileMetaLog::new(&node.restart(), config);
    let opened = world.block_on(log.open()).map_err(|error| error.to_string())?;
    if opened.last != answered || opened.entities.len() != 1 {
        return Err(format!("{answered} was answered, {} and {:?} are there", opened.last, opened.entities));
    }
    Ok(())
}
