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
}

/// The faults of a run, in the order of their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule(pub Vec<Strike>);

/// Steps that follow a death: a further fault may wait for one.
const AFTER_A_DEATH: [Step; 6] =
    [Step::Discover, Step::Replay, Step::Commit, Step::Release, Step::Restore, Step::Enlisting];
/// Steps that come without any fault.
const AT_ANY_TIME: [Step; 2] = [Step::CreateTable, Step::DropTable];

impl Schedule {
    /// Draws the strikes of a run that lasts so long.
    #[must_use]
    pub fn draw(profile: Profile, store: SimStore, length: Duration, rng: &dyn Rng) -> Self {
        let kinds = profile.kinds(store);
        let count = if kinds.is_empty() { 0 } else { 4 + rng.below(5) };
        let mut strikes = Vec::new();
        for _ in 0..count {
            let at = within(rng, Duration::from_secs(1), length.mul_f64(0.85));
            let kind = choose(rng, &kinds);
            let first = draw_strike(rng, profile, kind, at);
            strikes.push(Strike { during: draw_step(rng, &AT_ANY_TIME, 3), ..first });
            // Hard times are those in which something else has just failed.
            if rng.below(2) == 0 {
                let next = draw_strike(rng, profile, choose(rng, &kinds), at);
                strikes.push(Strike { during: draw_step(rng, &AFTER_A_DEATH, 1), ..next });
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

fn choose(rng: &dyn Rng, kinds: &[(Kind, u64)]) -> Kind {
    let total = kinds.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.below(total);
    for (kind, weight) in kinds {
        if at < *weight {
            return *kind;
        }
        at -= weight;
    }
    unreachable!("below the sum of the weights")
}

/// One of the steps, one time out of so many.
fn draw_step(rng: &dyn Rng, steps: &[Step], out_of: u64) -> Option<Step> {
    let step = steps[rng.below(steps.len() as u64) as usize];
    (rng.below(out_of) == 0).then_some(step)
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
        Kind::Stop => Fault::Stop { server },
        Kind::KillCoordinator => Fault::KillCoordinator { crash: draw_crash(rng) },
        Kind::PowerLoss => Fault::PowerLoss { crash: draw_crash(rng) },
        Kind::Pause => Fault::Pause { server },
        Kind::PauseCoordinator => Fault::PauseCoordinator,
        Kind::CutOneWay => Fault::CutOneWay { from: server, to: pick() },
        Kind::CutFromCoordinator => Fault::CutFromCoordinator { server },
        Kind::Isolate => Fault::Isolate { server },
        Kind::Weather => Fault::Weather(if rng.below(2) == 0 { Climate::ROUGH } else { Climate::STORM }),
        Kind::SlowDisk => Fault::SlowDisk { server, latency: ms(rng, 5, 400) },
        Kind::FullDisk => Fault::FullDisk { server, free_bytes: rng.below(256 << 10) },
        Kind::FailSync => Fault::FailSync { server, after: rng.below(20) },
        Kind::Flip => Fault::Flip { server, bytes: 1 + rng.below(64), at: pick() },
        Kind::Drift => Fault::Drift { server, ppm: profile.drift_ppm(rng) },
    };
    // Short ones go unnoticed, long ones end in a death: about half a second is between them.
    let lasts = if rng.below(2) == 0 { ms(rng, 20, 700) } else { ms(rng, 700, 6_000) };
    Strike { at, during: None, fault, lasts }
}
