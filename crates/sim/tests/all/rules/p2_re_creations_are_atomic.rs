//! P2. A closed replica counts as lost because the answer to its close was. It is re-created where it was, there
//! being no other backup. Half way through, the other backup dies: what was there before must be there still.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let config = ModelConfig { chunk_bytes: 1, rules, ..ModelConfig::new(2, 2, 2, 1) };
    let mut model = Model::new(config);
    model.settle()?;
    model.make(Move::Append);
    model.settle()?;
    model.make(Move::Roll);
    model.carry_all(2);
    let close = model.calls(1)[0];
    model.make(Move::Run(close));
    model.make(Move::Expire(close));
    model.settle_checked()
}
