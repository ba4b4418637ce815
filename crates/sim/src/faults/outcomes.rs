//! The four ends that a write can have: done or not, and whether its client was told.

use crate::history::{Ask, Call, Told};
use std::{collections::BTreeSet, ops::AddAssign};

/// Writes and removals by what became of them, and what their clients were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Done, or decided against by their condition, and told so.
    pub answered: u64,
    /// Of unknown outcome to their clients, and done: what they wrote was seen.
    pub unknown_but_done: u64,
    /// Of unknown outcome, and never seen: not done, or done and replaced before anybody looked.
    pub unknown_and_unseen: u64,
    /// Surely not done, and told so.
    pub not_done: u64,
}

impl Outcomes {
    /// Those of a history, in which every key was read in the end.
    #[must_use]
    pub fn of<'a>(calls: impl IntoIterator<Item = &'a Call> + Clone) -> Self {
        let seen: BTreeSet<_> = calls
            .clone()
            .into_iter()
            .filter_map(|call| match call.told {
                Told::Saw(Some((value, _))) => Some(value),
                _ => None,
            })
            .collect();
        let mut outcomes = Self::default();
        for call in calls {
            let counter = match (call.ask, call.told) {
                (Ask::Get, _) => continue,
                (Ask::Put { value, .. }, Told::Unknown) if seen.contains(&value) => {
                    &mut outcomes.unknown_but_done
                }
                (_, Told::Unknown) => &mut outcomes.unknown_and_unseen,
                (_, Told::NotDone) => &mut outcomes.not_done,
                _ => &mut outcomes.answered,
            };
            *counter += 1;
        }
        outcomes
    }

    /// Each with its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 4] {
        [
            ("answered", self.answered),
            ("unknown but done", self.unknown_but_done),
            ("unknown and unseen", self.unknown_and_unseen),
            ("not done", self.not_done),
        ]
    }
}

impl AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        let Self { answered, unknown_but_done, unknown_and_unseen, not_done } = other;
        self.answered += answered;
        self.unknown_but_done += unknown_but_done;
        self.unknown_and_unseen += unknown_and_unseen;
        self.not_done += not_done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Recorder, ValueId};
    use bytes::Bytes;
    use rekindle_env::Time;
    use rekindle_types::{Condition, Version};

    #[test]
    fn an_unknown_write_is_done_when_its_value_was_seen() {
        let (recorder, key) = (Recorder::default(), Bytes::from_static(b"k"));
        let put = |value| Ask::Put { value: ValueId(value), condition: Condition::Always };
        let call = |ask, told| {
            let ticket = recorder.begin(Time(1), 0, &key, ask);
            recorder.end(Time(2), ticket, told);
        };
        call(put(1), Told::Unknown);
        call(put(2), Told::Unknown);
        call(put(3), Told::Wrote(Version(3)));
        call(put(4), Told::NotDone);
        call(Ask::Delete { condition: Condition::IfAbsent }, Told::Refused(Some(Version(3))));
        call(Ask::Get, Told::Saw(Some((ValueId(2), Version(2)))));
        call(Ask::Get, Told::NotDone);
        let outcomes = Outcomes::of(&recorder.by_key()[&key]);
        assert_eq!(outcomes.named().map(|(_, count)| count), [2, 1, 1, 1]);
    }
}
