//! What the coordinator said, and what it comes to for one crash.

use crate::objects::Objects;
use rekindle::{
    coordinator::Event,
    env::Time,
    types::{PartitionIndex, ServerId},
};
use std::collections::{BTreeMap, BTreeSet};

/// Every event so far, on the machine's clock.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    events: Vec<(Time, Event)>,
}

/// One partition of a dead server: when what came, on which server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// Who replays it, once known.
    pub master: Option<ServerId>,
    /// Objects alive.
    pub objects: u64,
    /// The last attempt's end.
    pub replayed: Option<Time>,
    /// Its tablets were re-pointed.
    pub committed: Option<Time>,
    /// Its new owner has confirmed.
    pub served: Option<Time>,
    /// Attempts that failed.
    pub failed: u32,
}

/// The times of one or several deaths together: each when the last of them was so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Dead by all signs.
    pub detected: Option<Time>,
    /// Recorded.
    pub fenced: Option<Time>,
    /// Logs found and complete.
    pub discovered: Option<Time>,
    /// Plans recorded.
    pub planned: Option<Time>,
    /// Every partition.
    pub replayed: Option<Time>,
    /// Every partition.
    pub committed: Option<Time>,
    /// Gone from the list, replicas freed.
    pub recovered: Option<Time>,
}

impl Timeline {
    /// More events.
    pub fn extend(&mut self, events: impl IntoIterator<Item = (Time, Event)>) {
        self.events.extend(events);
    }

    /// All of them.
    pub fn events(&self) -> &[(Time, Event)] {
        &self.events
    }

    /// When each of the dead had what `is_it` looks for, the first time; `None` until all had.
    fn all(&self, dead: &[ServerId], is_it: impl Fn(&Event, ServerId) -> bool) -> Option<Time> {
        let first = |dead| self.events.iter().find(|(_, event)| is_it(event, dead)).map(|(at, _)| *at);
        dead.iter().map(|dead| first(*dead)).try_fold(Time::default(), |last, at| Some(last.max(at?)))
    }

    /// How far the recoveries of these are.
    pub fn phases(&self, dead: &[ServerId]) -> Phases {
        let lanes: Vec<Lane> = dead.iter().flat_map(|dead| self.lanes(*dead).into_values()).collect();
        let planned = self.all(dead, |e, s| matches!(e, Event::Planned { dead, .. } if *dead == s));
        let recovered = self.all(dead, |e, s| matches!(e, Event::Recovered(dead) if *dead == s));
        let last = |of: fn(&Lane) -> Option<Time>| {
            let all = lanes.iter().map(of).try_fold(Time::default(), |last, at| Some(last.max(at?)));
            planned.and(all).filter(|_| !lanes.is_empty())
        };
        Phases {
            detected: self.all(dead, |e, s| matches!(e, Event::Detected(dead) if *dead == s)),
            fenced: self.all(dead, |e, s| matches!(e, Event::Fenced(dead) if *dead == s)),
            discovered: self.all(dead, |e, s| matches!(e, Event::Discovered { dead, .. } if *dead == s)),
            planned,
            replayed: last(|lane| lane.replayed),
            committed: last(|lane| lane.committed),
            recovered,
        }
    }

    /// The partitions of one dead server.
    pub fn lanes(&self, server: ServerId) -> BTreeMap<PartitionIndex, Lane> {
        let mut lanes: BTreeMap<PartitionIndex, Lane> = BTreeMap::new();
        for (at, event) in &self.events {
            match event {
                Event::Planned { dead, partitions } if *dead == server => {
                    (0..*partitions as u32).for_each(|p| _ = lanes.entry(PartitionIndex(p)).or_default());
                }
                Event::AttemptFailed { dead, partition, .. } if *dead == server => {
                    let lane = lanes.entry(*partition).or_default();
                    *lane = Lane { failed: lane.failed + 1, ..Lane::default() };
                }
                Event::Replayed { dead, partition, master, objects, .. } if *dead == server => {
                    let lane = lanes.entry(*partition).or_default();
                    (lane.master, lane.objects, lane.replayed) = (Some(*master), *objects, Some(*at));
                }
                Event::Committed { dead, partition, master } if *dead == server => {
                    let lane = lanes.entry(*partition).or_default();
                    (lane.master, lane.committed) = (Some(*master), Some(*at));
                }
                Event::Served { dead, partition, .. } if *dead == server => {
                    lanes.entry(*partition).or_default().served = Some(*at);
                }
                _ => {}
            }
        }
        lanes
    }

    /// Keys and values in each partition of these servers.
    pub fn partition_bytes(&self, dead: &[ServerId], objects: &Objects) -> Vec<u64> {
        let lanes = dead.iter().flat_map(|dead| self.lanes(*dead).into_values());
        lanes.map(|lane| objects.bytes_of(lane.objects)).collect()
    }

    /// Servers that were declared dead.
    pub fn declared_dead(&self) -> BTreeSet<ServerId> {
        let dead = |event: &Event| if let Event::Fenced(server) = event { Some(*server) } else { None };
        self.events.iter().filter_map(|(_, event)| dead(event)).collect()
    }

    /// Why the recovery of one of these waits, if that is the last that was said of it.
    pub fn waits_for(&self, dead: &[ServerId]) -> Option<&str> {
        let last = self.events.iter().rev().find(|(_, event)| match event {
            Event::Waiting { dead: server, .. }
            | Event::Discovered { dead: server, .. }
            | Event::Planned { dead: server, .. }
            | Event::Replayed { dead: server, .. }
            | Event::Recovered(server) => dead.contains(server),
            _ => false,
        });
        match last {
            Some((_, Event::Waiting { reason, .. })) => Some(reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: ServerId = ServerId(1);
    const MASTER: ServerId = ServerId(2);

    fn replayed(partition: u32, objects: u64) -> Event {
        let partition = PartitionIndex(partition);
        Event::Replayed { dead: DEAD, partition, master: MASTER, bytes: 1, objects }
    }

    fn timeline(events: Vec<Event>) -> Timeline {
        let mut timeline = Timeline::default();
        timeline.extend((1..).map(Time).zip(events));
        timeline
    }

    #[test]
    fn a_phase_is_over_when_it_is_for_all() {
        let other = ServerId(9);
        let events = vec![
            Event::Detected(DEAD),
            Event::Fenced(DEAD),
            Event::Detected(other),
            Event::Planned { dead: DEAD, partitions: 2 },
            replayed(0, 1),
        ];
        let phases = timeline(events).phases(&[DEAD, other]);
        assert_eq!((phases.detected, phases.fenced, phases.planned), (Some(Time(3)), None, None));
    }

    #[test]
    fn replay_is_over_with_the_last_partition() {
        let planned = Event::Planned { dead: DEAD, partitions: 2 };
        let half = timeline(vec![planned.clone(), replayed(0, 1)]);
        assert_eq!(half.phases(&[DEAD]).replayed, None);
        let whole = timeline(vec![planned, replayed(1, 1), replayed(0, 1)]);
        assert_eq!(whole.phases(&[DEAD]).replayed, Some(Time(3)));
    }

    #[test]
    fn the_last_attempt_counts() {
        let attempt = rekindle::types::Attempt(1);
        let failed = Event::AttemptFailed {
            dead: DEAD,
            partition: PartitionIndex(0),
            attempt,
            master: MASTER,
            reason: "died".into(),
        };
        let timeline = timeline(vec![replayed(0, 7), failed, replayed(0, 5)]);
        let lane = &timeline.lanes(DEAD)[&PartitionIndex(0)];
        assert_eq!((lane.objects, lane.replayed, lane.failed), (5, Some(Time(3)), 1));
        let objects = Objects::new(1 << 20, 84, 1);
        assert_eq!(timeline.partition_bytes(&[DEAD], &objects), [500]);
    }

    #[test]
    fn the_declared_dead_are_counted_once() {
        let timeline = timeline(vec![Event::Fenced(DEAD), Event::Fenced(DEAD), Event::Fenced(MASTER)]);
        assert_eq!(timeline.declared_dead(), [DEAD, MASTER].into());
    }
}
