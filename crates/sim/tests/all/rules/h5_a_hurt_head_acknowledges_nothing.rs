//! H5. One replica of the head misses an append and counts as lost; the other has it. Acknowledged on that one
//! alone the entry is gone when a recovery reaches only the lost replica.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let mut model = Model::new(ModelConfig { rules, ..ModelConfig::new(3, 2, 1, 1) });
    model.settle()?;
    model.make(Move::Append);
    let calls = model.calls(1);
    model.make(Move::Expire(calls[0]));
    model.carry(calls[1]);
    model.settle_checked()
}
