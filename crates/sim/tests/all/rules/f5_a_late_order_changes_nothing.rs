//! F5. A master took a range, serves it and has taken writes; the recovery is over and forgotten. Now a second copy of
//! the order to take the range arrives: a later order about the range was carried out, so it is refused. Without
//! the rule the live tablet is purged, and acknowledged writes are gone.

use crate::lone_master::{LoneMaster, TABLE};
use rekindle_env::memory::World;
use rekindle_types::{LogId, Rules, SegmentId, TabletVersion, key_hash};
use std::time::Duration;

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let dead = LoneMaster::new(&world, 1, &[], rules);
    dead.put("old", "value");
    let remains = dead.remains();
    let master = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], rules);
    master.take_over((4, 5), (&dead, &remains), SegmentId(0));
    master.ranges.forget(LogId::of(dead.server));
    master.put("new", "acknowledged");

    let late = master.order_replay(4, 1, (&dead, &remains), SegmentId(0));
    world.run_for(Duration::from_secs(1));
    let is_served = |key: &str| {
        let version = TabletVersion(5);
        master.tablets.with(TABLE, key_hash(TABLE, key.as_bytes()), version, |_| master.get(key)).is_ok()
    };
    if master.get("new").is_none() {
        return Err(format!("an acknowledged write is gone; the late order was answered {late:?}"));
    }
    if is_served("old") && is_served("new") { Ok(()) } else { Err("the tablet is served no more".into()) }
}
