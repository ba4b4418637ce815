//! Rule C5.

use crate::kept_store::KeptStore;
use rekindle_types::Rules;

/// k is in memory, but on no backup: nothing is acknowledged any more. Its head is rolled, twice; a cleaner that took
/// the two for closed would move k, and what was moved counts as durable. What a reader is shown then, a crash takes
/// back.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.hold_up();
    master.put("k", "written");
    let first = master.roll();
    master.put("another", "value");
    let second = master.roll();
    if let Some(mut pass) = master.begin_cleaning(&[first, second]) {
        pass.step(usize::MAX).map_err(|error| error.to_string())?;
    }
    let shown = master.shown("k");
    let recovered = master.crash_and_recover();
    let after = recovered.shown("k").ok_or("the recovered state is durable")?;
    match shown {
        Some(before) if before != after => Err(format!("{before:?} was shown, and was lost")),
        _ => Ok(()),
    }
}
