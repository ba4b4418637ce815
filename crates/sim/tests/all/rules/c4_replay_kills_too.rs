//! Rule C4.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// k was written and deleted. The recovery master sees the object first and appends it, then the tombstone; it
/// commits, and crashes. The next one has only what the first one's side log says.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.put("k", "deleted");
    master.roll();
    master.delete("k");
    let recovered = master.crash_and_recover();
    if recovered.shown("k") != Some(None) {
        return Err("the tombstone was not applied".into());
    }
    match recovered.crash_and_recover().shown("k") {
        Some(None) => Ok(()),
        other => Err(format!("a deleted object came back: {other:?}")),
    }
}
