//! H1. Two heads wait behind the current one. Their opens travel at once and the later head's arrive first: they take
//! the last room that the earlier head needs. Everything waits for that head, also the frees that would make room.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let config = ModelConfig { is_cleaning: true, frames: 3, rules, ..ModelConfig::new(2, 2, 4, 0) };
    let mut model = Model::new(config);
    model.settle()?;
    model.make(Move::Roll);
    model.settle()?;
    // The next digest leaves the first head out: it is freed when that digest is current.
    model.make(Move::Roll);
    model.make(Move::Roll);
    model.carry_all(4);
    model.settle_checked()
}
