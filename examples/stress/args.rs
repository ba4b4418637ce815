//! The command line.

use crate::{durability::Durability, size::Size};
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Works on a cluster whose servers are killed meanwhile, and checks every answer.
///
/// Makes a certificate authority and certificates, starts a coordinator and storage servers as processes of their own
/// on this machine, and has many clients put, get, delete, list and make tables, several of them on the same keys.
/// Meanwhile servers are killed with SIGKILL, stopped with SIGSTOP, and started again with their disks, and so is the
/// coordinator: never more at once than the cluster says that it can take. Every answer is compared with what all
/// clients were told before. At the end every object is read back twice, one by one and in a listing.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Args {
    /// How long the clients work
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seconds: u64,
    /// Storage servers
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=64))]
    pub servers: u32,
    /// Replicas of every segment, R
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub replicas: u32,
    /// Clients, each with connections of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: u32,
    /// Calls that each client has under way at most
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub in_flight: u32,
    /// Calls a second of all clients together; 0: as many as there are answers [default: 3000, 400 without
    /// optimisation]
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,
    /// Seconds between two kills; 0: nobody is killed
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub kill_every: u64,
    /// Seconds after which a killed server is started again [default: drawn, 0 to half of --kill-every]
    #[arg(long, value_name = "S")]
    pub restart_after: Option<u64>,
    /// What happens: at each kill one of kill, pair and coordinator is drawn; between two kills servers are stopped
    /// for a while, if pause is among them
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_values_t = Strike::ALL)]
    pub strikes: Vec<Strike>,
    /// When a write counts as safe
    #[arg(long, value_enum, default_value_t = Durability::Persistent)]
    pub durability: Durability,
    /// Tables
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub tables: u32,
    /// Keys in all tables together
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(64..=10_000_000))]
    pub keys: u32,
    /// Memory of each server's log [default: small enough for the cleaner to have work]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// Directory for certificates and data: new or empty [default: a temporary one]
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// Leave the directory there at the end; if something was lost or wrong it is left anyway
    #[arg(long)]
    pub keep: bool,
    /// Print one JSON object on standard output instead of the summary
    #[arg(long)]
    pub json: bool,
    /// What the clients do, who is killed and when: drawn from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

const AFTER_HELP: &str = "\
Examples:
  stress                                           a minute of everything
  stress --seconds 120 --kill-every 10             two minutes, somebody dies every ten seconds
  stress --seconds 120 --strikes kill              nothing but one storage server at a time
  stress --durability buffered --rate 0            as fast as it goes
  stress --seed 7 --json > run.json

Exit status: 0 if every answer was right and every object was verified; 1 if not, or if the run failed; 2 for options
that can't work; 130 after Ctrl-C. Ctrl-C stops all processes and removes the directory.";

/// What hits the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Strike {
    /// A storage server is killed (SIGKILL)
    Kill,
    /// Two storage servers are killed in the same instant
    Pair,
    /// A storage server is stopped (SIGSTOP), for less or for more than its lease
    Pause,
    /// The coordinator is killed
    Coordinator,
}

impl Strike {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Kill, Self::Pair, Self::Pause, Self::Coordinator];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pair => "pair",
            Self::Pause => "pause",
            Self::Coordinator => "coordinator",
        }
    }
}

impl std::fmt::Display for Strike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
