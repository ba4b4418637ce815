//! H3. A backup loses the answer to an append: its replica of the head is lost, but open and alive. The head is
//! rolled, the other replica closed and re-created, the entry acknowledged. Without a floor a recovery that
//! reaches the lost replica takes it for the head.

use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::Rules;

pub fn body(rules: Rules) -> Result<(), String> {
    let mut model = Model::new(ModelConfig { rules, ..ModelConfig::new(3, 2, 1, 1) });
    model.settle()?;
    model.make(Move::Append);
    let lost = model.calls(1)[0];
    model.make(Move::Expire(lost));
    model.settle_checked()
}
