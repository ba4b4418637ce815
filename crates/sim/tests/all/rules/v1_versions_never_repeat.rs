//! Rule V1.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// k is written, deleted, and its master crashes. On the recovery master, which has given few versions so far, k is
/// written again: under no version that anyone has seen, or a condition on the old one would hold for the new.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    let old = (0..5).map(|n| master.put("k", &format!("old {n}"))).max().expect("five");
    master.delete("k");
    let mut recovered = master.crash_and_recover();
    let new = recovered.put("k", "new");
    if new <= old {
        return Err(format!("{new} was given after {old}"));
    }
    // And once more, through a log that holds none of the old versions any more.
    recovered.delete("k");
    let again = recovered.crash_and_recover().put("k", "newer");
    if again > new { Ok(()) } else { Err(format!("{again} was given after {new}")) }
}
