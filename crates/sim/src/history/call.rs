//! One call on one key.

use bytes::Bytes;
use rekindle_env::Time;
use rekindle_types::{Condition, Version};
use std::fmt;

/// Names a value: no two writes of a history write the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueId(pub u64);

/// An instant of a history. No two are equal, even when the clock stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Its place among all instants of the history.
    pub order: u64,
    /// What the world's clock showed.
    pub time: Time,
}

/// What a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The object.
    Get,
    /// To write.
    Put {
        /// The new value.
        value: ValueId,
        /// Only if this holds.
        condition: Condition,
    },
    /// To remove, if it is there.
    Delete {
        /// Only if this holds.
        condition: Condition,
    },
}

/// What it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The object, or that there is none.
    Saw(Option<(ValueId, Version)>),
    /// Written, with this version.
    Wrote(Version),
    /// Removed what had this version, or found nothing to remove.
    Removed(Option<Version>),
    /// The condition did not hold: this version was there, or nothing.
    Refused(Option<Version>),
    /// Nothing: it may take effect once, at any later time, or never.
    Unknown,
    /// Surely not done.
    NotDone,
}

/// A call and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who asked.
    pub client: u32,
    /// About which key.
    pub key: Bytes,
    /// What.
    pub ask: Ask,
    /// And was told; [`Told::Unknown`] while there is no answer.
    pub told: Told,
    /// When it was asked.
    pub from: Moment,
    /// When the answer came. None for an unknown outcome, which has no end.
    pub to: Option<Moment>,
}

impl Call {
    /// Whether it may have changed the key.
    #[must_use]
    pub fn may_have_written(&self) -> bool {
        let writes = !matches!(self.ask, Ask::Get);
        writes && matches!(self.told, Told::Wrote(_) | Told::Removed(Some(_)) | Told::Unknown)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |at: Moment| at.time.0 as f64 / 1e6;
        write!(f, "client {} at {:.3} ms: {:?}", self.client, ms(self.from), self.ask)?;
        match self.to {
            Some(to) => write!(f, " -> {:?} at {:.3} ms", self.told, ms(to)),
            None => write!(f, " -> {:?}", self.told),
        }
    }
}
