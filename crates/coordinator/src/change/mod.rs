//! Deciding what is recorded: pure functions from the state to a batch.

mod members;
mod recovery;
mod tables;

pub use members::{Newcomer, declare_dead, enlist, found, store_floor};
pub use recovery::{
    Placed, commit, cut, finish_recovery, forget_attempts, lose_tablets, park, pieces_left, place_again,
    record_plan, release, served,
};
pub use tables::{TABLETS_MAX, create_table, drop_table, finish};
