//! P1. A close is sent and never answered, because it never arrived: that replica is open still. Counted as closed it
//! leaves its head unhurt and without a floor behind it; the next head acknowledges an append, and a recovery that
//! reaches the open replica takes its segment for the head.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let mut model = Model::new(ModelConfig { rules, ..ModelConfig::new(3, 2, 2, 1) });
    model.settle()?;
    model.make(Move::Roll);
    model.carry_all(2);
    let closes = model.calls(1);
    model.make(Move::Append);
    model.carry(closes[0]);
    model.make(Move::Expire(closes[1]));
    // The replica that is re-created closed elsewhere, and what follows for the next head.
    for copy in model.calls(1).into_iter().filter(|call| *call != closes[1]) {
        model.carry(copy);
    }
    model.carry_all(2);
    model.settle_checked()
}
