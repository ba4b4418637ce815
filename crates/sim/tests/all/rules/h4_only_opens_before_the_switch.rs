//! H4. The next head is open on all R, the current one closed nowhere yet. Data sent to the next head now would be
//! acknowledged there, and a recovery would stop at the current head, the lowest open one.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let mut model = Model::new(ModelConfig { rules, ..ModelConfig::new(3, 2, 2, 0) });
    model.settle()?;
    model.make(Move::Roll);
    model.carry_all(2);
    model.make(Move::Append);
    model.carry_all(2);
    model.settle_checked()
}
