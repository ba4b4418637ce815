//! Rule C6.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// A replay is given up after its side segment was replicated; the backup that holds the replica is away when it
/// should be freed. The next replay's segment must have another id: else, after a crash, the former replica, which
/// is longer, is taken for it.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut dead = KeptStore::new(rules);
    for n in 0..50 {
        dead.put(&format!("given up {n}"), &"outweighs what is written later ".repeat(12));
    }
    let given_up = dead.crash();
    let mut dead = KeptStore::new(rules);
    dead.put("kept", "acknowledged");
    let kept = dead.crash();

    let mut master = KeptStore::new(rules);
    let replay = master.replay();
    for (from, entries) in &given_up {
        replay.apply(*from, entries).map_err(|e| e.to_string())?;
    }
    master.pump();
    drop(replay);
    (0..3).for_each(|_| master.pump());

    let replay = master.replay();
    for (from, entries) in &kept {
        replay.apply(*from, entries).map_err(|e| e.to_string())?;
    }
    master.commit(replay);
    match master.crash_and_recover().shown("kept") {
        Some(Some(_)) => Ok(()),
        other => Err(format!("a committed object is lost: {other:?}")),
    }
}
