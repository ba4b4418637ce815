//! The failure detector.

use super::hold::Hold;
use super::running::RunningTime;
use super::watch::{Phase, Watch};
use crate::config::Times;
use rekindle_env::Time;
use rekindle_types::ServerId;
use std::{collections::BTreeMap, time::Duration};

/// What the detector wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetectorAction {
    /// Probe the suspect, directly and through the others. Answers come back as [`Detector::answered`].
    Probe {
        /// Whom.
        suspect: ServerId,
        /// Which round of probes.
        round: u64,
        /// Who probes for us: up to two.
        through: Vec<ServerId>,
    },
    /// Declare it dead.
    Declare(ServerId),
}

/// Watches all servers that are up.
///
/// Suspect: two heartbeats missed, or a hint. Dead: all probes unanswered for `probe_timeout` with no renewal
/// meanwhile, or silence for `dead_after`; and before any declaration one more heartbeat is waited for (F7). All these
/// times count only while the coordinator itself runs: a heartbeat at most from one tick to the next. One that
/// enlisted and has not renewed yet is no suspect: it writes its id to its disk before it answers anybody, and has no
/// tablet that waits for it (T7). It has as long as a call.
#[derive(Clone, Debug)]
pub struct Detector {
    times: Times,
    watches: BTreeMap<ServerId, Watch>,
    /// Servers declared dead, and when.
    declared: BTreeMap<ServerId, Time>,
    hold: Hold,
    running: RunningTime,
    round: u64,
    /// Servers were known when this coordinator started, and none of them was heard since.
    is_cold: bool,
}

/// Others that probe a suspect too.
const INDIRECT_PROBES: usize = 2;

impl Detector {
    /// A coordinator starts: every server known is silent since then (F8).
    #[must_use]
    pub fn new(times: Times, now: Time, known: impl IntoIterator<Item = ServerId>) -> Self {
        let running = RunningTime::new(now, times.heartbeat);
        let start = running.at(now);
        let watches: BTreeMap<_, _> = known.into_iter().map(|s| (s, Watch::new(start, false))).collect();
        let is_cold = !watches.is_empty();
        let (declared, hold) = (BTreeMap::new(), Hold::default());
        let mut detector = Self { times, watches, declared, hold, running, round: 0, is_cold };
        detector.update_hold(start);
        detector
    }

    /// A server enlisted.
    pub fn enlisted(&mut self, server: ServerId, now: Time) {
        let now = self.running.at(now);
        self.watches.entry(server).or_insert_with(|| Watch::newcomer(now));
        self.update_hold(now);
    }

    /// A server's death is recorded.
    pub fn declared(&mut self, server: ServerId, now: Time) {
        let now = self.running.at(now);
        if self.watches.remove(&server).is_some_and(|watch| !watch.is_proven) {
            self.declared.insert(server, now);
        }
        self.update_hold(now);
    }

    /// A server is dead for another reason than silence: it counts no more for the hold, and is not held back (F8).
    /// A renewal of it takes this back, as long as its death is not recorded.
    pub fn proven(&mut self, server: ServerId, now: Time) {
        let now = self.running.at(now);
        match self.watches.get_mut(&server) {
            Some(watch) => watch.is_proven = true,
            None => drop(self.declared.remove(&server)),
        }
        self.update_hold(now);
    }

    /// Whether its death is known for another reason than silence, and not recorded yet.
    #[must_use]
    pub fn is_proven(&self, server: ServerId) -> bool {
        self.watches.get(&server).is_some_and(|watch| watch.is_proven)
    }

    /// A renewal came.
    pub fn renewed(&mut self, server: ServerId, now: Time) {
        let now = self.running.at(now);
        let Some(watch) = self.watches.get_mut(&server) else { return };
        if self.is_cold && !watch.is_heard {
            // The first one is back: the others get the whole of the shorter grace from now on.
            self.is_cold = false;
            self.hold.restart(now);
        }
        watch.renewed(now);
        self.update_hold(now);
    }

    /// A call to the server failed somewhere: it is looked at now. Unknown ones are ignored; so is
    /// one that has just answered a probe, and for longer when it missed no heartbeat: hints may come in storms.
    pub fn hint(&mut self, suspect: ServerId, now: Time) -> Option<DetectorAction> {
        let now = self.running.at(now);
        let watch = self.watches.get(&suspect)?;
        let has_missed = watch.silence(now) > self.times.heartbeat;
        let pause = if has_missed { self.times.heartbeat * 2 } else { self.times.dead_after };
        if watch.answered.is_some_and(|answered| now.since(answered) <= pause) {
            return None;
        }
        self.suspect(suspect, now)
    }

    /// A probe of this round was answered.
    pub fn answered(&mut self, suspect: ServerId, round: u64, now: Time) {
        let now = self.running.at(now);
        let Some(watch) = self.watches.get_mut(&suspect) else { return };
        if matches!(watch.phase, Phase::Probing { round: current, .. } if current == round) {
            (watch.phase, watch.answered) = (Phase::Calm, Some(now));
        }
    }

    /// An operator says that the silent ones are dead: the hold ends.
    pub fn release_hold(&mut self) {
        self.hold.release();
    }

    /// Whether declarations and plans are held back (F8).
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.hold.is_on()
    }

    /// How often [`Detector::tick`] wants to be called.
    #[must_use]
    pub fn tick_every(&self) -> Duration {
        self.times.heartbeat / 2
    }

    /// Time passes. Declarations are repeated until [`Detector::declared`].
    pub fn tick(&mut self, now: Time) -> Vec<DetectorAction> {
        let stood_still = self.running.is_late(now);
        let now = self.running.tick(now);
        if stood_still {
            self.watches.values_mut().for_each(|watch| watch.stood_still(now));
        }
        self.declared.retain(|_, declared| now.since(*declared) < self.times.dead_after);
        self.update_hold(now);
        let servers: Vec<ServerId> = self.watches.keys().copied().collect();
        servers.into_iter().filter_map(|server| self.look_at(server, now)).collect()
    }

    fn look_at(&mut self, server: ServerId, now: Time) -> Option<DetectorAction> {
        let times = self.times;
        let watch = self.watches.get_mut(&server)?;
        if watch.is_proven {
            return Some(DetectorAction::Declare(server));
        }
        let patience =
            if watch.is_new { times.dead_after.max(times.call_deadline) } else { times.dead_after };
        let is_silent = watch.silence(now) >= patience;
        match watch.phase {
            Phase::Doomed { since, .. } if now.since(since) >= times.heartbeat => {
                return (!self.hold.is_on()).then_some(DetectorAction::Declare(server));
            }
            Phase::Doomed { .. } => {}
            Phase::Calm | Phase::Probing { .. } if is_silent => watch.doom(now),
            Phase::Probing { since, .. } if now.since(since) >= times.probe_timeout => watch.doom(now),
            Phase::Probing { .. } => {}
            Phase::Calm if watch.is_new => {}
            Phase::Calm => {
                let missed = watch.silence(now) > times.heartbeat * 2;
                let is_fresh = watch.answered.is_some_and(|t| now.since(t) <= times.heartbeat * 2);
                if missed && !is_fresh {
                    return self.suspect(server, now);
                }
            }
        }
        None
    }

    /// Two hints at once are one verification.
    fn suspect(&mut self, suspect: ServerId, now: Time) -> Option<DetectorAction> {
        let may_be = |watch: &&Watch| watch.phase == Phase::Calm && !watch.is_new && !watch.is_proven;
        self.watches.get(&suspect).filter(may_be)?;
        let through = self.helpers(suspect, now);
        self.round += 1;
        let round = self.round;
        self.watches.get_mut(&suspect)?.phase = Phase::Probing { round, since: now };
        Some(DetectorAction::Probe { suspect, round, through })
    }

    /// Servers heard lately, beginning after the suspect, so that not always the same ones are asked.
    fn helpers(&self, suspect: ServerId, now: Time) -> Vec<ServerId> {
        let after = self.watches.range(suspect..).skip(1);
        let before = self.watches.range(..suspect);
        let is_quick = |w: &Watch| w.is_heard && w.silence(now) <= self.times.heartbeat * 2;
        let is_well = |w: &Watch| is_quick(w) && !w.is_new && !w.is_proven;
        after.chain(before).filter(|(_, w)| is_well(w)).map(|(s, _)| *s).take(INDIRECT_PROBES).collect()
    }

    fn update_hold(&mut self, now: Time) {
        let silent_after = self.times.heartbeat * 2;
        // F8: who has never been heard is not missed, nor is who is proven dead.
        let known = || self.watches.values().filter(|w| !w.is_new && !w.is_proven);
        let silent = known().filter(|w| !w.is_heard || w.silence(now) > silent_after).count();
        let grace = if self.is_cold { self.times.mass_grace_cold } else { self.times.mass_grace };
        let members = known().count() + self.declared.len();
        if self.hold.update(now, silent + self.declared.len(), members, grace) {
            self.watches.values_mut().for_each(|watch| watch.spare(now));
        }
    }
}
