//! T5. A drop arrives between a call's check and its append. It closes the tablet at once, but purges only when the
//! call has let go of it, so nothing is left. Without the rule the purge comes first: an object is acknowledged
//! into a range that is no longer this master's.

use crate::lone_master::{LoneMaster, TABLE};
use rekindle_cluster::master::OrderTag;
use rekindle_env::memory::World;
use rekindle_types::{KeyRange, Lsn, Rules, SegmentId, TabletVersion, key_hash};

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let master = LoneMaster::new(&world, 1, &[], rules);
    let (tablets, version) = (&master.tablets, TabletVersion(3));
    tablets.serve(TABLE, KeyRange::FULL, version, SegmentId(0), Lsn(3));

    let called = tablets.with(TABLE, key_hash(TABLE, b"key"), version, |_| {
        let dropped = tablets.drop_range(TABLE, KeyRange::FULL, Lsn(4), OrderTag::Drop);
        let is_purged = dropped.is_alone();
        if is_purged {
            master.store.purge(TABLE, KeyRange::FULL);
        }
        master.put("key", "value");
        (dropped, is_purged)
    });
    let (dropped, is_purged) = called.map_err(|refusal| format!("{refusal:?}"))?;
    if !is_purged {
        dropped.wait();
        master.store.purge(TABLE, KeyRange::FULL);
    }
    if master.store.objects() == 0 { Ok(()) } else { Err("an object in a range that was dropped".into()) }
}
