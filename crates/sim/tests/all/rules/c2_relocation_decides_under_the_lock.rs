//! Rule C2.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// A pass has planned to move k when k is deleted. Its tombstone names the segment that the pass cleans, so it goes
/// once that has left the log; if k was moved all the same, nothing keeps it dead.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.put("k", "deleted");
    let first = master.roll();
    master.put("another", "value");
    let second = master.roll();
    let pass = master.begin_cleaning(&[first, second]).ok_or("two segments can be one")?;
    master.delete("k");
    let deleted = master.roll();
    master.finish_cleaning(pass);
    master.clean(&[deleted])?;
    match master.crash_and_recover().shown("k") {
        Some(None) => Ok(()),
        other => Err(format!("a deleted object came back: {other:?}")),
    }
}
