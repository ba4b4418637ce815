//! One object, as a store that does one call at a time would keep it.

use crate::history::{Ask, Call, Told, ValueId};
use rekindle_types::{Condition, Version};

/// A key's state between two calls.
///
/// A write of unknown outcome gets a version that nobody was told: it is known from below until somebody sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register {
    present: Option<(ValueId, Known)>,
    /// No later write gets a version up to this (V1).
    highest: Version,
}

/// What is known of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Is(Version),
    /// Or higher.
    AtLeast(Version),
}

impl Register {
    /// The state after a call, if the call can have come next and been told so. A write of unknown outcome is taken to
    /// have had its effect.
    #[must_use]
    pub fn after(self, call: &Call) -> Option<Self> {
        match (call.ask, call.told) {
            (Ask::Get, Told::Saw(None)) => self.absent(),
            (Ask::Get, Told::Saw(Some((value, version)))) => {
                self.seen(Some(version)).filter(|after| after.present.is_some_and(|(v, _)| v == value))
            }
            (Ask::Put { value, condition }, Told::Wrote(version)) => {
                let before = self.holding(condition)?;
                let present = Some((value, Known::Is(version)));
                (version > before.highest).then_some(Self { present, highest: version })
            }
            (Ask::Put { value, condition }, Told::Unknown) => {
                let next = Version(self.holding(condition)?.highest.0.checked_add(1)?);
                Some(Self { present: Some((value, Known::AtLeast(next))), highest: next })
            }
            (Ask::Delete { condition }, Told::Removed(version)) => {
                // Whether there is something to remove is asked after the condition.
                let before = self.seen(version)?.holding(condition)?;
                Some(Self { present: None, ..before })
            }
            (Ask::Delete { condition }, Told::Unknown) => {
                Some(Self { present: None, ..self.holding(condition)? })
            }
            (Ask::Put { condition, .. } | Ask::Delete { condition }, Told::Refused(version)) => {
                if condition.holds(version) { None } else { self.seen(version) }
            }
            _ => None,
        }
    }

    fn absent(self) -> Option<Self> {
        self.present.is_none().then_some(self)
    }

    /// This version is seen there, or nothing is.
    fn seen(self, version: Option<Version>) -> Option<Self> {
        let Some(version) = version else { return self.absent() };
        match self.present? {
            (_, Known::Is(known)) => (known == version).then_some(self),
            (value, Known::AtLeast(known)) => {
                let present = Some((value, Known::Is(version)));
                (version >= known).then_some(Self { present, highest: self.highest.max(version) })
            }
        }
    }

    fn holding(self, condition: Condition) -> Option<Self> {
        match condition {
            Condition::Always => Some(self),
            Condition::IfAbsent => self.absent(),
            Condition::IfPresent => self.present.map(|_| self),
            Condition::IfVersion(version) => self.seen(Some(version)),
        }
    }
}
