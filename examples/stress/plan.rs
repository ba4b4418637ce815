//! What the options come to: checked, with all defaults filled in.

use crate::{
    args::{Args, Strike},
    durability::Durability,
    objects::OBJECT_BYTES,
    size::Size,
};
use std::{collections::BTreeSet, time::Duration};

/// Small, so that a run of a minute fills many of them. The largest value is an eighth of one.
const SEGMENT_BYTES: u64 = 512 << 10;
/// Fewest segments of a log: heads, survivors, side logs of replays.
const SEGMENTS_MIN: u64 = 48;
/// What a log keeps of an object besides key and value, about.
const ENTRY_OVERHEAD: u64 = 64;

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long the clients work.
    pub time: Duration,
    /// Storage servers.
    pub servers: u32,
    /// Replicas of every segment.
    pub replicas: u32,
    /// Clients.
    pub clients: u32,
    /// Calls under way of each.
    pub in_flight: u32,
    /// Calls a second of all together; `None`: no limit.
    pub rate: Option<u32>,
    /// Between two kills.
    pub kill_every: Option<Duration>,
    /// From a kill to the start of what was killed; `None`: drawn.
    pub restart_after: Option<Duration>,
    /// What happens.
    pub strikes: BTreeSet<Strike>,
    /// When a write counts as safe.
    pub durability: Durability,
    /// Tables.
    pub tables: u32,
    /// Keys of each table.
    pub keys: u32,
    /// Memory of each server's log.
    pub memory_bytes: u64,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Bytes that one recovery master replays at once.
    pub partition_bytes: u64,
    /// Everything random is drawn from it.
    pub seed: u64,
}

impl Plan {
    /// Checks the options together.
    ///
    /// # Errors
    /// What can't work, and what to change.
    pub fn new(args: &Args) -> Result<Self, String> {
        let strikes: BTreeSet<_> = args.strikes.iter().copied().collect();
        let kill_every = (args.kill_every > 0).then(|| Duration::from_secs(args.kill_every));
        check_servers(args, &strikes)?;
        let keys = args.keys.div_ceil(args.tables);
        let data = u64::from(keys) * u64::from(args.tables) * (OBJECT_BYTES + ENTRY_OVERHEAD);
        let (memory_bytes, share) = memory(args, data)?;
        Ok(Self {
            time: Duration::from_secs(args.seconds),
            servers: args.servers,
            replicas: args.replicas,
            clients: args.clients,
            in_flight: args.in_flight,
            rate: match args.rate {
                Some(0) => None,
                Some(rate) => Some(rate),
                None => Some(if cfg!(debug_assertions) { 400 } else { 3_000 }),
            },
            kill_every,
            restart_after: args.restart_after.map(Duration::from_secs),
            strikes,
            durability: args.durability,
            tables: args.tables,
            keys,
            memory_bytes,
            segment_bytes: SEGMENT_BYTES as u32,
            partition_bytes: (share / u64::from(args.servers)).max(1 << 16),
            seed: args.seed,
        })
    }
}

/// Refused when what remains could not recover by itself (L1).
fn check_servers(args: &Args, strikes: &BTreeSet<Strike>) -> Result<(), String> {
    if args.kill_every == 0 {
        return Ok(());
    }
    let deaths = 1 + u32::from(strikes.contains(&Strike::Pair));
    let fewest = args.replicas + 1 + deaths;
    if args.servers < fewest {
        return Err(format!(
            "{} servers are too few: with R = {} replicas and {deaths} dead at once, {fewest} are needed; give \
             --servers {fewest} or more, fewer --replicas, or --strikes without pair",
            args.servers, args.replicas
        ));
    }
    if deaths > args.replicas {
        return Err(format!(
            "two servers can't die at once with {} replica of each segment: give --replicas 2 or more, or --strikes \
             without pair",
            args.replicas
        ));
    }
    Ok(())
}

/// Memory of each server, and the data that it has: a third of the memory of those that are left when two are dead, so
/// that the cleaner has to work and replays find room (L2).
fn memory(args: &Args, data: u64) -> Result<(u64, u64), String> {
    let left = u64::from(args.servers.saturating_sub(2).max(1));
    let share = data.div_ceil(left);
    let fewest = (2 * share).next_multiple_of(SEGMENT_BYTES).max(SEGMENTS_MIN * SEGMENT_BYTES);
    match args.memory {
        None => Ok(((3 * share).next_multiple_of(SEGMENT_BYTES).max(fewest), share)),
        Some(Size(bytes)) if bytes < fewest => Err(format!(
            "--memory {} is too small: each of {left} servers holds {} of data; give {} or more",
            Size(bytes),
            Size(share.next_multiple_of(1 << 10)),
            Size(fewest)
        )),
        Some(Size(bytes)) => Ok((bytes / SEGMENT_BYTES * SEGMENT_BYTES, share)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    fn plan(options: &[&str]) -> Result<Plan, String> {
        Plan::new(&Args::parse_from(std::iter::once(&"stress").chain(options)))
    }

    #[test]
    fn options_are_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_happens_unless_it_is_chosen() {
        assert_eq!(plan(&[]).unwrap().strikes, Strike::ALL.into());
        let kills = plan(&["--strikes", "kill,pause"]).unwrap();
        assert_eq!(kills.strikes, [Strike::Kill, Strike::Pause].into());
        assert_eq!(plan(&["--kill-every", "0"]).unwrap().kill_every, None);
        assert_eq!(plan(&["--rate", "0"]).unwrap().rate, None);
    }

    #[test]
    fn too_few_servers_are_refused_with_the_reason() {
        assert!(plan(&["--servers", "5"]).unwrap_err().contains("--servers 6"));
        assert!(plan(&["--servers", "5", "--strikes", "kill"]).is_ok());
        assert!(plan(&["--servers", "4", "--kill-every", "0"]).is_ok());
        assert!(plan(&["--replicas", "1"]).unwrap_err().contains("--replicas 2"));
    }

    #[test]
    fn memory_is_a_few_times_the_data() {
        let many = plan(&["--keys", "100000"]).unwrap();
        let data = u64::from(many.tables * many.keys) * OBJECT_BYTES;
        let memory = u64::from(many.servers - 2) * many.memory_bytes;
        assert!(memory > 2 * data && memory < 4 * data, "{memory} for {data}");
        assert!(plan(&["--keys", "100000", "--memory", "16MiB"]).unwrap_err().contains("too small"));
    }
}
