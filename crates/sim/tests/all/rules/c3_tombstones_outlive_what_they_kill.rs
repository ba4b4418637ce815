//! Rule C3.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// k is written (s1) and deleted (s2). The cleaner comes to s2 first: the tombstone has to stay as long as s1 does.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.put("k", "deleted");
    master.roll();
    master.delete("k");
    let deleted = master.roll();
    master.put("another", "value");
    let another = master.roll();
    master.clean(&[deleted, another])?;
    match master.crash_and_recover().shown("k") {
        Some(None) => Ok(()),
        other => Err(format!("a deleted object came back: {other:?}")),
    }
}
