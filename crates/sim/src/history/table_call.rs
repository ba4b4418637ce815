//! One call about a table.

use super::Moment;
use std::fmt;

/// What a client asked about a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableAsk {
    /// To make it.
    Create,
    /// To remove it.
    Drop,
    /// For an object in it.
    Use,
}

/// What it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableTold {
    /// It is made; it is removed; it answers.
    Done,
    /// There is no such table.
    Absent,
    /// Nothing: it may take effect once, at any later time, or never.
    Unknown,
    /// Surely not done.
    NotDone,
}

/// A call and its end. Names are used once: a table that was dropped does not come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCall {
    /// Who asked.
    pub client: u32,
    /// About which table.
    pub name: String,
    /// What.
    pub ask: TableAsk,
    /// And was told; [`TableTold::Unknown`] while there is no answer.
    pub told: TableTold,
    /// When it was asked.
    pub from: Moment,
    /// When the answer came. None for an unknown outcome, which has no end.
    pub to: Option<Moment>,
}

impl fmt::Display for TableCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |at: Moment| at.time.0 as f64 / 1e6;
        write!(f, "client {} at {:.3} ms: {:?} {:?}", self.client, ms(self.from), self.ask, self.name)?;
        match self.to {
            Some(to) => write!(f, " -> {:?} at {:.3} ms", self.told, ms(to)),
            None => write!(f, " -> {:?}", self.told),
        }
    }
}
