//! Rule V3.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// A write and a delete are in memory, but on no backup, when a reader asks and the master crashes. What the reader
/// was shown, if anything, must be true afterwards, whichever way was asked.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.put("deleted", "value");
    master.hold_up();
    master.put("written", "value");
    master.delete("deleted");
    let shown = ["written", "deleted"].map(|key| (key, [master.shown(key), master.shown_durable(key)]));
    let recovered = master.crash_and_recover();
    for (key, shown) in shown {
        let after = recovered.shown(key).ok_or("the recovered state is durable")?;
        if shown.into_iter().flatten().any(|before| before != after) {
            return Err(format!("{key} was shown otherwise before the crash"));
        }
    }
    Ok(())
}
