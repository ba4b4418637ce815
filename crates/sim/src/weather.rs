//! What the simulated network does to frames.

use parking_lot::Mutex;
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::LaneKind,
};
use rekindle_env::Rng;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// How rough the network is. Shares are out of a million frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climate {
    /// Shortest time under way.
    pub delay_min: Duration,
    /// Longest usual time under way.
    pub delay_max: Duration,
    /// Frames that take up to [`Climate::late_max`].
    pub late: u32,
    /// Longest time under way of a late frame.
    pub late_max: Duration,
    /// Frames that vanish: their call gets no answer.
    pub lost: u32,
    /// Frames that break their lane, with all that is under way on it.
    pub resets: u32,
    /// Frames that come twice, the second time up to [`Climate::late_max`] later, as far as the protocol bears that.
    pub repeated: u32,
    /// Frames behind which their lane breaks: they take up to [`Climate::late_max`], and arrive beside those of the next
    /// lane.
    pub breaks: u32,
}

impl Climate {
    /// Short delays, nothing lost.
    pub const CALM: Self = Self {
        delay_min: Duration::from_micros(20),
        delay_max: Duration::from_micros(200),
        late: 0,
        late_max: Duration::ZERO,
        lost: 0,
        resets: 0,
        repeated: 0,
        breaks: 0,
    };

    /// One frame of a thousand lost, a few late, sent again or fatal to their lane.
    pub const ROUGH: Self = Self {
        delay_min: Duration::from_micros(20),
        delay_max: Duration::from_millis(2),
        late: 2_000,
        late_max: Duration::from_millis(150),
        lost: 1_000,
        resets: 200,
        repeated: 4_000,
        breaks: 200,
    };

    /// Slow, and nothing worse: what usually takes a moment takes so long that something may happen meanwhile.
    pub const SLOW: Self =
        Self { delay_min: Duration::from_millis(1), delay_max: Duration::from_millis(35), ..Self::CALM };

    /// One frame of fifty lost, as many late by up to more than a heartbeat, as many sent again.
    pub const STORM: Self = Self {
        delay_min: Duration::from_micros(20),
        delay_max: Duration::from_millis(10),
        late: 20_000,
        late_max: Duration::from_millis(600),
        lost: 20_000,
        resets: 1_000,
        repeated: 20_000,
        breaks: 1_000,
    };
}

/// Weather drawn from the seed, and links that are cut on purpose.
pub struct SeededWeather {
    rng: Arc<dyn Rng>,
    climate: Mutex<Climate>,
    cut: Mutex<BTreeSet<(String, String)>>,
}

impl SeededWeather {
    /// Weather of this climate from a stream of its own.
    #[must_use]
    pub fn new(rng: Arc<dyn Rng>, climate: Climate) -> Arc<Self> {
        Arc::new(Self { rng, climate: Mutex::new(climate), cut: Mutex::default() })
    }

    /// Changes the climate from now on.
    pub fn turn(&self, climate: Climate) {
        *self.climate.lock() = climate;
    }

    /// Loses every frame from one address to another; not the way back.
    pub fn cut(&self, from: &str, to: &str) {
        self.cut.lock().insert((from.to_owned(), to.to_owned()));
    }

    /// Mends one link.
    pub fn mend_link(&self, from: &str, to: &str) {
        self.cut.lock().remove(&(from.to_owned(), to.to_owned()));
    }

    /// Mends every cut link.
    pub fn mend(&self) {
        self.cut.lock().clear();
    }

    fn between(&self, min: Duration, max: Duration) -> Duration {
        let spread = max.saturating_sub(min).as_nanos() as u64;
        min + Duration::from_nanos(self.rng.below(spread + 1))
    }
}

impl Weather for SeededWeather {
    fn fate(&self, from: &str, to: &str, _: LaneKind, _: usize) -> Fate {
        let climate = *self.climate.lock();
        let dice = self.rng.below(1_000_000) as u32;
        // Drawn before it is known whether it is needed: a cut link does not change the rest of the run.
        let usual = self.between(climate.delay_min, climate.delay_max);
        let is_cut = self.cut.lock().contains(&(from.to_owned(), to.to_owned()));
        if is_cut || dice < climate.lost {
            return Fate::Lose;
        }
        let late = || self.between(climate.delay_max, climate.late_max);
        let mut below = climate.lost;
        let mut is_within = |share: u32| {
            below += share;
            dice < below
        };
        if is_within(climate.resets) {
            Fate::Reset
        } else if is_within(climate.breaks) {
            Fate::Break { after: late() }
        } else if is_within(climate.late) {
            Fate::Deliver { after: late() }
        } else if is_within(climate.repeated) {
            Fate::Twice { after: usual, again: usual + late() }
        } else {
            Fate::Deliver { after: usual }
        }
    }
}
