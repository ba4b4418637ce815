//! Is a table there from its creation to its drop, and never again?

use crate::history::{Moment, TableAsk, TableCall, TableTold};

/// A table that is not there when it has to be, or is when it can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongTable {
    /// It answers, and nobody can have made it yet.
    #[error("a table that nobody made: {0}")]
    FromNowhere(String),
    /// It answers, and its drop was acknowledged before.
    #[error("a dropped table answers: {0}")]
    Returned(String),
    /// It does not answer, was made before, and nobody can have dropped it yet.
    #[error("a table is lost: {0}")]
    Lost(String),
}

/// Checks the calls about one name, which is used once.
///
/// # Errors
/// The first call that can't have been told so.
pub fn check_tables(calls: &[TableCall]) -> Result<(), WrongTable> {
    let of = |ask: TableAsk| calls.iter().filter(move |call| call.ask == ask);
    let may_be = |call: &&TableCall| matches!(call.told, TableTold::Done | TableTold::Unknown);
    let is_done = |call: &&TableCall| call.told == TableTold::Done;
    let first = |calls: &mut dyn Iterator<Item = Moment>| calls.min();
    // The earliest instants at which it may be, and at which it surely is.
    let made = first(&mut of(TableAsk::Create).filter(may_be).map(|call| call.from));
    let surely_made = first(&mut of(TableAsk::Create).filter(is_done).filter_map(|call| call.to));
    let dropped = first(&mut of(TableAsk::Drop).filter(may_be).map(|call| call.from));
    let surely_dropped = first(&mut of(TableAsk::Drop).filter(is_done).filter_map(|call| call.to));
    for call in calls {
        let Some(to) = call.to else { continue };
        let (was_made, was_dropped) = (made.is_some_and(|m| m < to), dropped.is_some_and(|d| d < to));
        match (call.ask, call.told) {
            (TableAsk::Use | TableAsk::Drop, TableTold::Done) if !was_made => {
                return Err(WrongTable::FromNowhere(call.to_string()));
            }
            (TableAsk::Use, TableTold::Done) if surely_dropped.is_some_and(|d| d < call.from) => {
                return Err(WrongTable::Returned(call.to_string()));
            }
            (_, TableTold::Absent) if surely_made.is_some_and(|m| m < call.from) && !was_dropped => {
                return Err(WrongTable::Lost(call.to_string()));
            }
            _ => {}
        }
    }
    Ok(())
}
