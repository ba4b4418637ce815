//! The decision what to load next. Pure.

use super::{LostSegment, ReplayConfig};
use crate::plan::{ReplicaSource, SegmentReplicas};
use rekindle_env::Time;
use rekindle_types::{SegmentId, ServerId};
use std::{collections::BTreeMap, time::Duration};

/// Segments of a partition that are not applied yet, and what is known of their replicas.
#[derive(Debug)]
pub(super) struct PullQueue {
    config: ReplayConfig,
    /// In the plan's order; applied ones are gone.
    waiting: Vec<Waiting>,
    in_flight: BTreeMap<ServerId, usize>,
    /// Loaded, and not applied yet.
    held: usize,
}

#[derive(Debug)]
struct Waiting {
    segment: SegmentId,
    /// Loading, or loaded and being applied.
    is_taken: bool,
    /// Best first.
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    replica: ReplicaSource,
    attempts: u32,
    not_before: Time,
    is_given_up: bool,
    last_error: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Load this.
    Load(Pull),
    /// Nothing before a load ends, or this instant.
    Wait(Option<Time>),
    /// Every segment was applied.
    Done,
    /// A segment has no replica left.
    Lost(LostSegment),
}

/// One load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pull {
    pub(super) segment: SegmentId,
    pub(super) source: ReplicaSource,
    /// How long to wait for an answer.
    pub(super) timeout: Duration,
}

impl PullQueue {
    pub(super) fn new(segments: &[SegmentReplicas], config: ReplayConfig) -> Self {
        let source = |replica: &ReplicaSource| Source {
            replica: *replica,
            attempts: 0,
            not_before: Time(0),
            is_given_up: false,
            last_error: String::new(),
        };
        let waiting = |s: &SegmentReplicas| Waiting {
            segment: s.segment,
            is_taken: false,
            sources: s.replicas.iter().map(source).collect(),
        };
        Self { config, waiting: segments.iter().map(waiting).collect(), in_flight: BTreeMap::new(), held: 0 }
    }

    /// The first segment in the plan's order whose best replica that is not given up can be asked now. A busy
    /// backup is waited for: a secondary read meanwhile would keep another segment's primary waiting.
    pub(super) fn next(&mut self, now: Time) -> Next {
        if self.waiting.is_empty() {
            return Next::Done;
        }
        if let Some(lost) = self.waiting.iter().find(|w| !w.is_taken && w.is_lost()) {
            return Next::Lost(lost.report());
        }
        let mut wake: Option<Time> = None;
        if self.held + self.in_flight.values().sum::<usize>() >= self.config.loads_max.max(1) {
            return Next::Wait(wake);
        }
        for waiting in self.waiting.iter_mut().filter(|w| !w.is_taken) {
            let open = || waiting.sources.iter().filter(|s| !s.is_given_up);
            let Some(source) = open().find(|s| s.not_before <= now) else {
                let soonest = open().map(|s| s.not_before).min();
                wake = wake.into_iter().chain(soonest).min();
                continue;
            };
            let busy = self.in_flight.entry(source.replica.server).or_default();
            if *busy < self.config.loads_per_backup_max.max(1) {
                *busy += 1;
                let timeout = self.config.load_timeout.saturating_mul(doubled(source.attempts));
                let pull = Pull { segment: waiting.segment, source: source.replica, timeout };
                waiting.is_taken = true;
                return Next::Load(pull);
            }
        }
        Next::Wait(wake)
    }

    /// Its bytes are here: the backup has time for another.
    pub(super) fn loaded(&mut self, pull: &Pull) {
        self.answered(pull);
        self.held += 1;
    }

    /// What was loaded is applied.
    pub(super) fn applied(&mut self, pull: &Pull) {
        self.held -= 1;
        self.waiting.retain(|w| w.segment != pull.segment);
    }

    /// It was not loaded. What may get better is asked again later, up to a limit; others are asked meanwhile.
    pub(super) fn not_loaded(&mut self, pull: &Pull, now: Time, may_get_better: bool, error: String) {
        self.answered(pull);
        self.failed(pull, now, may_get_better, error);
    }

    /// What was loaded is damaged: another replica is asked.
    pub(super) fn not_applied(&mut self, pull: &Pull, now: Time, error: String) {
        self.held -= 1;
        self.failed(pull, now, false, error);
    }

    fn failed(&mut self, pull: &Pull, now: Time, may_get_better: bool, error: String) {
        let config = self.config;
        let Some(waiting) = self.waiting.iter_mut().find(|w| w.segment == pull.segment) else { return };
        waiting.is_taken = false;
        let Some(source) = waiting.sources.iter_mut().find(|s| s.replica == pull.source) else { return };
        source.attempts += 1;
        source.is_given_up = !may_get_better || source.attempts >= config.attempts_max;
        let back_off = config.back_off.saturating_mul(doubled(source.attempts - 1));
        source.not_before = now + back_off.min(config.back_off_max);
        source.last_error = error;
    }

    fn answered(&mut self, pull: &Pull) {
        if let Some(busy) = self.in_flight.get_mut(&pull.source.server) {
            *busy = busy.saturating_sub(1);
        }
    }
}

impl Waiting {
    fn is_lost(&self) -> bool {
        self.sources.iter().all(|s| s.is_given_up)
    }

    fn report(&self) -> LostSegment {
        let reasons = self.sources.iter().map(|s| (s.replica.server, s.last_error.clone())).collect();
        LostSegment { segment: self.segment, reasons }
    }
}

/// 1, 2, 4 and so on.
fn doubled(times: u32) -> u32 {
    1 << times.min(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{CreationNumber, LogId, ReplicaId};

    fn segment(id: u64, servers: &[u64]) -> SegmentReplicas {
        let replicas = servers.iter().map(|server| ReplicaSource {
            server: ServerId(*server),
            replica: ReplicaId {
                log: LogId::of(ServerId(1)),
                segment: SegmentId(id),
                creation: CreationNumber(*server),
            },
            length: 100,
            checksum: 0,
        });
        SegmentReplicas { segment: SegmentId(id), replicas: replicas.collect() }
    }

    fn load(queue: &mut PullQueue, now: Time) -> Pull {
        match queue.next(now) {
            Next::Load(pull) => pull,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn loads_are_bounded_in_all_and_per_backup() {
        let segments: Vec<_> = (1..=6).map(|id| segment(id, &[if id < 4 { 2 } else { 3 }])).collect();
        let config = ReplayConfig { loads_max: 3, loads_per_backup_max: 2, ..ReplayConfig::default() };
        let mut queue = PullQueue::new(&segments, config);
        let pulls: Vec<_> = (0..3).map(|_| load(&mut queue, Time(0))).collect();
        assert_eq!(pulls.iter().map(|p| p.segment.0).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(queue.next(Time(0)), Next::Wait(None));
        queue.loaded(&pulls[0]);
        assert_eq!(queue.next(Time(0)), Next::Wait(None), "what is not applied yet takes room");
        queue.applied(&pulls[0]);
        assert_eq!(load(&mut queue, Time(0)).segment, SegmentId(3));
    }

    #[test]
    fn damage_turns_to_the_next_replica_for_good() {
        let mut queue = PullQueue::new(&[segment(1, &[2, 3])], ReplayConfig::default());
        let first = load(&mut queue, Time(0));
        assert_eq!(first.source.server, ServerId(2));
        queue.loaded(&first);
        queue.not_applied(&first, Time(0), "damaged".into());
        let second = load(&mut queue, Time(0));
        assert_eq!(second.source.server, ServerId(3));
        queue.not_loaded(&second, Time(0), false, "gone".into());
        let reasons = vec![(ServerId(2), "damaged".into()), (ServerId(3), "gone".into())];
        assert_eq!(queue.next(Time(0)), Next::Lost(LostSegment { segment: SegmentId(1), reasons }));
    }

    #[test]
    fn unreachable_backups_are_asked_again_later_and_not_for_ever() {
        let config = ReplayConfig { attempts_max: 3, ..ReplayConfig::default() };
        let mut queue = PullQueue::new(&[segment(1, &[2])], config);
        let mut now = Time(0);
        for back_off in [50, 100] {
            let pull = load(&mut queue, now);
            queue.not_loaded(&pull, now, true, "no answer".into());
            let until = now + Duration::from_millis(back_off);
            assert_eq!(queue.next(now), Next::Wait(Some(until)));
            now = until;
        }
        let pull = load(&mut queue, now);
        queue.not_loaded(&pull, now, true, "no answer".into());
        assert!(matches!(queue.next(now), Next::Lost(_)));
    }

    #[test]
    fn nothing_to_pull_is_done() {
        assert_eq!(PullQueue::new(&[], ReplayConfig::default()).next(Time(0)), Next::Done);
        let mut queue = PullQueue::new(&[segment(1, &[])], ReplayConfig::default());
        assert!(matches!(queue.next(Time(0)), Next::Lost(_)));
    }
}
