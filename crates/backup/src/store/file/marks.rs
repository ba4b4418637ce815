//! Journals that have no mark of their last record yet (J2).

use rekindle_env::Time;
use rekindle_types::ReplicaId;
use std::{collections::BTreeMap, time::Duration};

/// When each was appended to last. One alarm at a time watches over all of them: an append moves none.
#[derive(Debug, Default)]
pub(super) struct Marks {
    appended: BTreeMap<ReplicaId, Time>,
    has_alarm: bool,
}

impl Marks {
    /// Notes an append.
    pub(super) fn note(&mut self, id: ReplicaId, now: Time) {
        self.appended.insert(id, now);
    }

    /// It needs no mark any more.
    pub(super) fn forget(&mut self, id: ReplicaId) {
        self.appended.remove(&id);
    }

    /// When the first of them may have fallen idle; none while somebody waits for that already.
    pub(super) fn set_alarm(&mut self, mark_after: Duration) -> Option<Time> {
        let first = *self.appended.values().min()?;
        (!std::mem::replace(&mut self.has_alarm, true)).then_some(first + mark_after)
    }

    /// Nobody waits any more.
    pub(super) fn end_alarm(&mut self) {
        self.has_alarm = false;
    }

    /// Takes those to which nothing was appended for so long.
    pub(super) fn take_idle(&mut self, now: Time, mark_after: Duration) -> Vec<ReplicaId> {
        let is_idle = |at: Time| at + mark_after <= now;
        let idle = self.appended.iter().filter(|(_, at)| is_idle(**at)).map(|(id, _)| *id).collect();
        self.appended.retain(|_, at| !is_idle(*at));
        idle
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> Vec<ReplicaId> {
        std::mem::take(&mut self.appended).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{CreationNumber, LogId, SegmentId, ServerId};

    const AFTER: Duration = Duration::from_nanos(10);

    fn id(segment: u64) -> ReplicaId {
        ReplicaId { log: LogId::of(ServerId(1)), segment: SegmentId(segment), creation: CreationNumber(1) }
    }

    #[test]
    fn one_alarm_at_a_time_rings_for_the_first() {
        let mut marks = Marks::default();
        assert_eq!(marks.set_alarm(AFTER), None);
        marks.note(id(1), Time(5));
        marks.note(id(2), Time(3));
        assert_eq!(marks.set_alarm(AFTER), Some(Time(13)));
        assert_eq!(marks.set_alarm(AFTER), None);
        marks.end_alarm();
        assert_eq!(marks.set_alarm(AFTER), Some(Time(13)));
    }

    #[test]
    fn what_is_appended_to_is_not_idle() {
        let mut marks = Marks::default();
        marks.note(id(1), Time(1));
        marks.note(id(2), Time(1));
        marks.note(id(3), Time(1));
        marks.note(id(1), Time(9));
        marks.forget(id(3));
        assert_eq!(marks.take_idle(Time(11), AFTER), [id(2)]);
        assert_eq!(marks.take_idle(Time(18), AFTER), []);
        assert_eq!(marks.take_all(), [id(1)]);
    }
}
