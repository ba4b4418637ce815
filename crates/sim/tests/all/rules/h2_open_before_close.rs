//! H2. The head is closed while the next one is open nowhere yet. The master dies: no backup has a head any more.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let mut model = Model::new(ModelConfig { rules, ..ModelConfig::new(3, 2, 2, 0) });
    model.settle()?;
    model.make(Move::Roll);
    // The opens of the second head are slow.
    model.carry_all(1);
    model.settle_checked()
}
