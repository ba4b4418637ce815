//! Kinds of bad times.

use super::fault::Kind;
use crate::{SimConfig, SimStore, weather::Climate};
use rekindle_backup::Durability;
use rekindle_env::Rng;
use std::{fmt, str::FromStr, time::Duration};

/// Which faults a run draws from, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// No faults at all: what the others are compared with.
    Calm,
    /// A network that delays and loses frames and breaks lanes, and deaths.
    Rough,
    /// All that processes and networks can do.
    Storm,
    /// Everything loses power at once.
    PowerLoss,
    /// Servers are stopped or killed, at their syncs and as they start, too, and started again.
    Restarts,
    /// Links that fail, one way or both.
    Partitions,
    /// Disks that take long, the coordinator's among them.
    SlowDisks,
    /// Disks that are full, or whose syncs fail, the coordinator's among them.
    BadDisks,
    /// Disks that forget nothing and show other bytes: flipped ones, or those of another block.
    Damage,
    /// Clocks at the edge of what is assumed, and servers that stand still.
    Drift,
    /// Coordinators that crash, stand still, come again.
    Coordinators,
    /// Two servers at once.
    Pairs,
    /// Everything takes long, so that faults strike in the middle of it.
    Molasses,
    /// Every kind.
    Mixed,
}

const PERSISTENT: SimStore = SimStore::Disks(Durability::Persistent);
const BUFFERED: SimStore = SimStore::Disks(Durability::Buffered);

impl Profile {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Calm,
        Self::Rough,
        Self::Storm,
        Self::PowerLoss,
        Self::Restarts,
        Self::Partitions,
        Self::SlowDisks,
        Self::BadDisks,
        Self::Damage,
        Self::Drift,
        Self::Coordinators,
        Self::Pairs,
        Self::Molasses,
        Self::Mixed,
    ];

    /// The profile of a seed when all take turns.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self::ALL[(seed % Self::ALL.len() as u64) as usize]
    }

    /// The cluster of a seed.
    #[must_use]
    pub fn cluster(self, seed: u64) -> SimConfig {
        let turn = (seed / Self::ALL.len() as u64) as usize;
        let stores: &[SimStore] = match self {
            Self::PowerLoss => &[PERSISTENT],
            Self::SlowDisks | Self::BadDisks | Self::Damage => &[PERSISTENT, BUFFERED],
            Self::Mixed => &[PERSISTENT, PERSISTENT, BUFFERED, SimStore::Memory],
            Self::Drift | Self::Partitions => &[SimStore::Memory, PERSISTENT],
            _ => &[SimStore::Memory, PERSISTENT, BUFFERED],
        };
        // Every third has so little memory that logs are cleaned; each store comes with little and with much, and with
        // either number of replicas.
        let segments_max = if turn / stores.len() % 3 == 2 { 28 } else { 96 };
        let needs_three = matches!(self, Self::Pairs | Self::Damage | Self::Mixed);
        let replicas = if needs_three || turn / 2 % 2 == 1 { 3 } else { 2 };
        // With small partitions a recovery has several, on several servers: some are committed before others.
        let partition_bytes = if turn / 3 % 2 == 1 { 256 << 10 } else { 16 << 10 };
        SimConfig {
            // With five and R = 3 the backups are just enough when one has died.
            servers: if turn % 4 == 3 { 5 } else { 6 },
            partition_bytes,
            replicas,
            segments_max,
            store: stores[turn % stores.len()],
            climate: self.climate(),
            disk_latency_max: Duration::from_micros(if self == Self::Molasses { 30_000 } else { 200 }),
            drift_ppm_max: if self == Self::Drift { DRIFT_PPM_MAX } else { 100 },
            ..SimConfig::new(seed)
        }
    }

    /// The weather when nothing is wrong.
    fn climate(self) -> Climate {
        match self {
            Self::Rough => Climate::ROUGH,
            Self::Molasses => Climate::SLOW,
            _ => Climate::CALM,
        }
    }

    /// The kinds of faults, with their weights, that such a store bears.
    pub(super) fn kinds(self, store: SimStore) -> Vec<(Kind, u64)> {
        let kinds: &[(Kind, u64)] = match self {
            Self::Calm => &[],
            Self::Rough => &[
                (Kind::Kill, 3),
                (Kind::KillAtSync, 1),
                (Kind::Weather, 3),
                (Kind::Pause, 2),
                (Kind::KillCoordinator, 1),
            ],
            Self::Storm => &[
                (Kind::Kill, 4),
                (Kind::KillTwo, 1),
                (Kind::KillAtSync, 2),
                (Kind::KillCoordinator, 2),
                (Kind::KillCoordinatorAtRecord, 2),
                (Kind::Pause, 3),
                (Kind::PauseCoordinator, 1),
                (Kind::CutOneWay, 2),
                (Kind::CutFromCoordinator, 2),
                (Kind::Isolate, 2),
                (Kind::IsolateCoordinator, 1),
                (Kind::Depose, 1),
                (Kind::Weather, 2),
                (Kind::Stop, 1),
            ],
            Self::PowerLoss => &[
                (Kind::PowerLoss, 4),
                (Kind::Kill, 2),
                (Kind::KillAtSync, 3),
                (Kind::KillStarting, 1),
                (Kind::KillCoordinatorAtRecord, 1),
            ],
            Self::Restarts => &[
                (Kind::Stop, 3),
                (Kind::Kill, 2),
                (Kind::KillAtSync, 2),
                (Kind::KillStarting, 3),
                (Kind::KillCoordinator, 1),
            ],
            Self::Partitions => &[
                (Kind::CutOneWay, 4),
                (Kind::CutFromCoordinator, 3),
                (Kind::Isolate, 3),
                (Kind::IsolateCoordinator, 2),
                (Kind::Depose, 2),
                (Kind::Kill, 2),
                (Kind::KillCoordinator, 1),
            ],
            Self::SlowDisks => &[
                (Kind::SlowDisk, 4),
                (Kind::SlowCoordinatorDisk, 2),
                (Kind::Kill, 3),
                (Kind::KillCoordinator, 1),
            ],
            Self::BadDisks => &[
                (Kind::FullDisk, 3),
                (Kind::FailSync, 4),
                (Kind::FullCoordinatorDisk, 1),
                (Kind::FailCoordinatorSync, 2),
                (Kind::Kill, 2),
                (Kind::KillAtSync, 1),
            ],
            Self::Damage => &[
                (Kind::Flip, 4),
                (Kind::FlipJournal, 5),
                (Kind::Misdirect, 3),
                (Kind::Kill, 4),
                (Kind::KillStarting, 1),
            ],
            Self::Drift => {
                &[(Kind::Drift, 3), (Kind::Pause, 4), (Kind::CutFromCoordinator, 3), (Kind::Kill, 1)]
            }
            Self::Coordinators => &[
                (Kind::KillCoordinator, 3),
                (Kind::KillCoordinatorAtRecord, 4),
                (Kind::PauseCoordinator, 3),
                (Kind::IsolateCoordinator, 1),
                (Kind::Depose, 3),
                (Kind::SlowCoordinatorDisk, 1),
                (Kind::FailCoordinatorSync, 1),
                (Kind::Kill, 3),
            ],
            Self::Pairs => {
                &[(Kind::KillTwo, 4), (Kind::KillAtSync, 1), (Kind::KillCoordinator, 1), (Kind::Pause, 1)]
            }
            Self::Molasses => &[
                (Kind::Kill, 5),
                (Kind::KillTwo, 2),
                (Kind::PowerLoss, 3),
                (Kind::KillCoordinator, 2),
                (Kind::Pause, 2),
                (Kind::CutOneWay, 2),
                (Kind::Isolate, 1),
            ],
            Self::Mixed => &MIXED,
        };
        kinds.iter().filter(|(kind, _)| is_possible(*kind, store)).copied().collect()
    }

    pub(super) fn drift_ppm(self, rng: &dyn Rng) -> i32 {
        rng.below(2 * u64::from(DRIFT_PPM_MAX) + 1) as i32 - DRIFT_PPM_MAX as i32
    }
}

/// Every kind as often as any other.
const MIXED: [(Kind, u64); Kind::ALL.len()] = {
    let mut kinds = [(Kind::Kill, 1); Kind::ALL.len()];
    let mut at = 0;
    while at < kinds.len() {
        kinds[at].0 = Kind::ALL[at];
        at += 1;
    }
    kinds
};

/// F2 assumes one percent.
const DRIFT_PPM_MAX: u32 = 9_000;

fn is_possible(kind: Kind, store: SimStore) -> bool {
    match kind {
        // J5: without a journal a power failure loses what no frame holds.
        Kind::PowerLoss => store == PERSISTENT,
        Kind::KillAtSync | Kind::KillStarting => store != SimStore::Memory,
        Kind::SlowDisk | Kind::FullDisk | Kind::FailSync => store != SimStore::Memory,
        Kind::SlowCoordinatorDisk | Kind::FullCoordinatorDisk | Kind::FailCoordinatorSync => {
            store != SimStore::Memory
        }
        // A file is locked by who reigns.
        Kind::Depose => store == SimStore::Memory,
        // Without a journal there is nothing to flip.
        Kind::FlipJournal => store == PERSISTENT,
        Kind::Flip | Kind::Misdirect => store != SimStore::Memory,
        _ => true,
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}").chars().fold(String::new(), |mut name, letter| {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
            name
        });
        f.write_str(&name)
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|profile| profile.to_string() == name);
        let all = || Self::ALL.map(|profile| profile.to_string()).join(", ");
        found.ok_or_else(|| format!("no profile {name:?}; there are {}", all()))
    }
}
