//! Which faults strike when.

use super::{Fault, Pick, Profile, Step, fault::Kind};
use crate::{SimStore, weather::Climate};
use rekindle_env::{Rng, memory::Crash};
use std::time::Duration;

/// One fault, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strike {
    /// So long after the clients began, at the earliest.
    pub at: Duration,
    /// And when the cluster is at this step, if it comes to that within [`Strike::PATIENCE`].
    pub during: Option<Step>,
    /// What.
    pub fault: Fault,
    /// How long, until it is undone.
    pub lasts: Duration,
}

impl Strike {
    /// How long a strike waits for its step, and until it can be borne.
    pub const PATIENCE: Duration = Duration::from_secs(4);

    /// The same at a step. Some steps are over before the frames are written twice: there the next write is misdirected.
    fn at_step(self, step: Step) -> Self {
        let fault = match self.fault {
            Fault::Misdirect { server, to, .. } => Fault::Misdirect { server, after: 0, to },
            other => other,
        };
        Self { during: Some(step), fault, ..self }
    }
}

/// The faults of a run, in the order of their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule(pub Vec<Strike>);

/// Steps that follow a death: a further fault may wait for one.
const AFTER_A_DEATH: [(Step, u64); 13] = [
    (Step::Discover, 4),
    (Step::Replay, 4),
    (Step::Commit, 5),
    (Step::Release, 4),
    (Step::Restore, 3),
    (Step::Enlisting, 2),
    (Step::HurtHead, 3),
    (Step::Floor, 4),
    (Step::SideCommit, 4),
    (Step::HeadSwitch, 2),
    (Step::Hold, 4),
    (Step::Stop, 3),
    (Step::Vacant, 4),
];
/// Those of them that only one or two kinds bring about.
const SELDOM: [(Step, u64); 3] = [(Step::Hold, 1), (Step::Stop, 1), (Step::Vacant, 1)];
/// Steps that come without any fault.
const AT_ANY_TIME: [(Step, u64); 4] =
    [(Step::CreateTable, 2), (Step::DropTable, 2), (Step::HeadSwitch, 2), (Step::Clean, 1)];
/// F8: servers that are silent for `mass_grace`, five seconds, are dead after all. All at once are more than can be borne.
const SILENCE_MAX: Duration = Duration::from_secs(3);

impl Schedule {
    /// Draws the strikes of a run that lasts so long.
    #[must_use]
    pub fn draw(profile: Profile, store: SimStore, length: Duration, rng: &dyn Rng) -> Self {
        let kinds = profile.kinds(store);
        let count = if kinds.is_empty() { 0 } else { 4 + rng.below(5) };
        let mut strikes = Vec::new();
        for _ in 0..count {
            let at = within(rng, Duration::from_secs(1), length.mul_f64(0.85));
            // Hard times are those in which something else has just failed.
            if rng.below(2) == 0 {
                let step = choose_step(rng, profile);
                let first = leading_to(step, &kinds).unwrap_or_else(|| kinds.clone());
                strikes.push(draw_strike(rng, profile, choose(rng, &first), at));
                strikes.push(draw_strike(rng, profile, choose(rng, &kinds), at).at_step(step));
            } else {
                let during = (rng.below(2) == 0).then(|| choose(rng, &AT_ANY_TIME));
                let strike = draw_strike(rng, profile, choose(rng, &kinds), at);
                strikes.push(during.map_or(strike, |step| strike.at_step(step)));
            }
        }
        strikes.sort_by_key(|strike| strike.at);
        Self(strikes)
    }
}

/// Between the two.
fn within(rng: &dyn Rng, min: Duration, max: Duration) -> Duration {
    min + Duration::from_millis(rng.below(max.saturating_sub(min).as_millis() as u64 + 1))
}

fn ms(rng: &dyn Rng, min: u64, max: u64) -> Duration {
    within(rng, Duration::from_millis(min), Duration::from_millis(max))
}

fn choose<T: Copy>(rng: &dyn Rng, some: &[(T, u64)]) -> T {
    let total = some.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.below(total);
    for (one, weight) in some {
        if at < *weight {
            return *one;
        }
        at -= weight;
    }
    unreachable!("below the sum of the weights")
}

/// A step after a death. Some kinds are in one profile only: there the steps that are seldom come as often as all the
/// others together, or a pair of such a kind and such a step would not happen in 20,000 runs.
fn choose_step(rng: &dyn Rng, profile: Profile) -> Step {
    let is_seldom = profile == Profile::Mixed && rng.below(2) == 0;
    choose(rng, if is_seldom { &SELDOM } else { &AFTER_A_DEATH })
}

/// Those of the kinds that bring the step about, if there are any.
fn leading_to(step: Step, kinds: &[(Kind, u64)]) -> Option<Vec<(Kind, u64)>> {
    let leads = |kind: Kind| match step {
        Step::Stop => kind == Kind::Stop,
        Step::Hold => matches!(kind, Kind::IsolateCoordinator | Kind::PowerLoss),
        Step::Vacant => kind.ends_a_reign(),
        _ => kind.ends_a_server(),
    };
    let found: Vec<_> = kinds.iter().copied().filter(|(kind, _)| leads(*kind)).collect();
    (!found.is_empty()).then_some(found)
}

/// Mostly none or one, seldom more.
fn few(rng: &dyn Rng) -> u64 {
    rng.below(1 << rng.below(5))
}

fn draw_crash(rng: &dyn Rng) -> Crash {
    [Crash::DropUnsynced, Crash::KeepUnsynced, Crash::Subset, Crash::Torn][rng.below(4) as usize]
}

fn draw_strike(rng: &dyn Rng, profile: Profile, kind: Kind, at: Duration) -> Strike {
    let pick = || Pick(rng.next_u64());
    let server = pick();
    let fault = match kind {
        Kind::Kill => Fault::Kill { server, crash: draw_crash(rng) },
        Kind::KillTwo => Fault::KillTwo { servers: [server, pick()], crash: draw_crash(rng) },
        Kind::KillAtSync => {
            let (after, takes_effect) = (few(rng), rng.below(2) == 0);
            Fault::KillAtSync { server, after, takes_effect, crash: draw_crash(rng) }
        }
        Kind::KillStarting => {
            let (after, takes_effect) = (rng.below(60), rng.below(2) == 0);
            Fault::KillStarting { server, after, takes_effect, crash: draw_crash(rng) }
        }
        Kind::Stop => Fault::Stop { server },
        Kind::KillCoordinator => Fault::KillCoordinator { crash: draw_crash(rng) },
        Kind::KillCoordinatorAtRecord => {
            let (after, takes_effect) = (few(rng), rng.below(2) == 0);
            Fault::KillCoordinatorAtRecord { after, takes_effect, crash: draw_crash(rng) }
        }
        Kind::PowerLoss => Fault::PowerLoss { crash: draw_crash(rng) },
        Kind::Pause => Fault::Pause { server },
        Kind::PauseCoordinator => Fault::PauseCoordinator,
        Kind::CutOneWay => Fault::CutOneWay { from: server, to: pick() },
        Kind::CutFromCoordinator => Fault::CutFromCoordinator { server },
        Kind::Isolate => Fault::Isolate { server },
        Kind::IsolateCoordinator => Fault::IsolateCoordinator,
        Kind::Depose => Fault::Depose { loyal: server },
        Kind::Weather => Fault::Weather(if rng.below(2) == 0 { Climate::ROUGH } else { Climate::STORM }),
        Kind::SlowDisk => Fault::SlowDisk { server, latency: ms(rng, 5, 400) },
        Kind::FullDisk => Fault::FullDisk { server, free_bytes: rng.below(256 << 10) },
        Kind::FailSync => Fault::FailSync { server, after: few(rng) },
        Kind::SlowCoordinatorDisk => Fault::SlowCoordinatorDisk { latency: ms(rng, 5, 400) },
        Kind::FullCoordinatorDisk => Fault::FullCoordinatorDisk { free_bytes: rng.below(1 << 10) },
        Kind::FailCoordinatorSync => Fault::FailCoordinatorSync { after: few(rng) },
        Kind::Flip => Fault::Flip { server, bytes: 1 + rng.below(64), at: pick() },
        Kind::FlipJournal => Fault::FlipJournal { server, bytes: 1 + rng.below(8), at: pick() },
        Kind::Misdirect => Fault::Misdirect { server, after: few(rng), to: pick() },
        Kind::Drift => Fault::Drift { server, ppm: profile.drift_ppm(rng) },
    };
    // Short ones go unnoticed, long ones end in a death: about half a second is between them.
    let lasts = if rng.below(2) == 0 { ms(rng, 20, 700) } else { ms(rng, 700, 6_000) };
    let longest = if kind == Kind::IsolateCoordinator { SILENCE_MAX } else { Duration::MAX };
    Strike { at, during: None, fault, lasts: lasts.min(longest) }
}
