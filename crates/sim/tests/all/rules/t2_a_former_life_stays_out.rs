//! T2. Master A replays a range and is told to forget it; B replays it too, serves it, deletes a key, dies; A takes
//! the range again, from B. A's log still holds the key from its first try, and no tombstone for it: B's was
//! met before the object, so nothing had to be killed. When A dies, its creation position keeps the key out.
//! Without the rule the deleted key is back.

use crate::lone_master::LoneMaster;
use rekindle_env::memory::World;
use rekindle_types::{Rules, SegmentId};

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let never_elsewhere = SegmentId(0);
    let dead = LoneMaster::new(&world, 1, &[], rules);
    dead.put("key", "value");
    let remains = dead.remains();

    let b = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], rules);
    let created = b.take_over((4, 5), (&dead, &remains), never_elsewhere);
    b.delete("key");
    let remains_of_b = b.remains();

    let a = LoneMaster::new(&world, 3, &[(&dead, remains.clone()), (&b, remains_of_b.clone())], rules);
    a.order_replay(2, 1, (&dead, &remains), never_elsewhere).map_err(|e| e.to_string())?;
    a.committed();
    a.discard(4, &dead, 1).map_err(|e| e.to_string())?;
    let created = a.take_over((7, 8), (&b, &remains_of_b), created);
    if a.get("key").is_some() {
        return Err("the key is back on its new owner".into());
    }

    let remains_of_a = a.remains();
    let last = LoneMaster::new(&world, 4, &[(&a, remains_of_a.clone())], rules);
    last.take_over((9, 10), (&a, &remains_of_a), created);
    match last.get("key") {
        None => Ok(()),
        Some(_) => Err("the deleted key is back".into()),
    }
}
