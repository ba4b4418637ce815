//! The exploration bites: without a rule it finds the schedule that the rule is there for.

use super::search::{Counterexample, breadth_first};
use rekindle_backup::testing::{Model, ModelConfig, Move};
use rekindle_types::{Rule, Rules};

const STATES_MAX: u64 = 2_000_000;

fn without(rule: Rule, config: ModelConfig) -> Counterexample {
    let config = ModelConfig { rules: Rules::without(rule), ..config };
    let found = breadth_first(Model::new(config), STATES_MAX, |_| Ok(()));
    let counterexample = found.expect_err("a rule that is switched off should be missed");
    println!("without {rule}: {counterexample:?}");
    counterexample
}

#[test]
fn without_h2_a_log_is_left_without_head() {
    without(Rule::H2, ModelConfig::new(3, 2, 2, 0));
}

#[test]
fn without_h3_a_lost_head_comes_back() {
    without(Rule::H3, ModelConfig::new(3, 2, 2, 1));
}

#[test]
fn without_h4_a_head_not_yet_current_acknowledges() {
    without(Rule::H4, ModelConfig::new(3, 2, 2, 0));
}

#[test]
fn without_h5_a_lost_replica_takes_back_an_acknowledgement() {
    without(Rule::H5, ModelConfig::new(3, 2, 1, 1));
}

#[test]
fn without_p1_a_replica_thought_closed_is_the_head() {
    without(Rule::P1, ModelConfig::new(3, 2, 2, 1));
}

#[test]
fn without_p2_a_re_creation_destroys_the_copy_that_it_replaces() {
    without(Rule::P2, ModelConfig { chunk_bytes: 1, ..ModelConfig::new(2, 2, 2, 1) });
}

/// Opens that overtake take the room of those that everything waits for, and nothing can be freed (H4).
#[test]
fn without_h1_opens_out_of_order_take_each_others_room() {
    let start = |rules| {
        let config = ModelConfig { is_cleaning: true, frames: 3, rules, ..ModelConfig::new(2, 2, 4, 0) };
        let mut model = Model::new(config);
        model.settle().unwrap();
        model.make(Move::Roll);
        model.settle().unwrap();
        model.make(Move::Roll);
        model.make(Move::Roll);
        model
    };
    let settles = |model: &Model| model.clone().settle();
    let found = breadth_first(start(Rules::without(Rule::H1)), STATES_MAX, settles);
    println!("without H1: {:?}", found.expect_err("a deadlock"));
    start(Rules::default()).settle().unwrap();
}
