//! What the options come to: checked, with all defaults filled in.

use crate::{
    args::Args,
    checked::Values,
    durability::Durability,
    objects::{Input, Objects},
    size::Size,
};
use std::sync::Arc;

/// Bytes of one segment of a log.
const SEGMENT_BYTES: u64 = 8 << 20;
/// What a log keeps of an object besides key and value, about.
const ENTRY_OVERHEAD: u64 = 48;
/// Fewest segments of a log: heads, side logs of replays, room to write while and after servers die.
const SEGMENTS_SPARE: u64 = 24;
/// A larger run wants a longer test rig.
const OBJECTS_MAX: u64 = 1 << 30;

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Storage servers.
    pub servers: u32,
    /// Replicas of every segment.
    pub replicas: u32,
    /// What is loaded.
    pub objects: Objects,
    /// Where that comes from, in words, if it is a file.
    pub input: Option<String>,
    /// When a write counts as safe.
    pub durability: Durability,
    /// Memory of each server's log.
    pub memory_bytes: u64,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Bytes that one recovery master replays at once.
    pub partition_bytes: u64,
    /// What happens, in order.
    pub blows: Vec<Blow>,
    /// In the middle of the first recovery.
    pub kills_coordinator: bool,
    /// In the middle of the first recovery.
    pub kills_recovery_master: bool,
    /// How often all is written over before that.
    pub turnovers: u32,
    /// Everything random is drawn from it.
    pub seed: u64,
}

/// What hits the cluster at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// So many storage servers are killed.
    Kill(u32),
    /// So many are stopped, and let go on once they are dead for the cluster.
    Pause(u32),
    /// Every process is killed, and started again.
    RestartAll,
}

impl Plan {
    /// Checks the options together.
    ///
    /// # Errors
    /// What can't work, and what to change.
    pub fn new(args: &Args, input: Option<Input>) -> Result<Self, String> {
        let kill = args.kill.unwrap_or(match (args.kill_together, args.restart_all && !args.pause) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        });
        let deaths = kill + u32::from(args.kill_recovery_master);
        check_blows(args, kill)?;
        let servers = servers(args, deaths)?;
        let words = input.as_ref().map(Input::words);
        let objects = match input {
            Some(input) => Objects::of(Arc::new(input), args.seed),
            None if args.mixed_sizes => Objects::mixed(args.data.0, args.value_size, args.seed),
            None => Objects::new(args.data.0, args.value_size, args.seed),
        };
        if !(1..=OBJECTS_MAX).contains(&objects.count()) {
            return Err(format!(
                "--data {} makes {} objects of {} bytes: 1 to {OBJECTS_MAX} are possible",
                args.data,
                objects.count(),
                objects.object_bytes()
            ));
        }
        let log_bytes = objects.bytes() + objects.count() * ENTRY_OVERHEAD;
        Ok(Self {
            servers,
            replicas: args.replicas,
            durability: args.durability,
            memory_bytes: memory(args.memory, log_bytes, servers, deaths)?,
            segment_bytes: SEGMENT_BYTES as u32,
            partition_bytes: partition_bytes(log_bytes, servers),
            blows: blows(args, kill),
            kills_coordinator: args.kill_coordinator,
            kills_recovery_master: args.kill_recovery_master,
            turnovers: args.turnovers,
            seed: args.seed,
            objects,
            input: words,
        })
    }
}

/// What must be true of a run that can't lose anything.
fn check_blows(args: &Args, kill: u32) -> Result<(), String> {
    if kill == 0 && (args.kill_coordinator || args.kill_recovery_master || args.pause || args.kill_together) {
        return Err(
            "--kill-coordinator, --kill-recovery-master, --kill-together and --pause need a server that \
                    dies: give --kill 1 or more"
                .into(),
        );
    }
    if kill == 0 && !args.restart_all {
        return Err("nothing dies: give --kill 1 or more, or --restart-all".into());
    }
    if args.restart_all && args.durability == Durability::Buffered {
        return Err(
            "--restart-all kills every process, and buffered writes are in memories alone: what the last \
                    segments held would be gone; use --durability persistent"
                .into(),
        );
    }
    let at_once = if args.kill_together { kill } else { kill.min(1) } + u32::from(args.kill_recovery_master);
    if at_once > args.replicas {
        return Err(format!(
            "{at_once} servers would be dead at once, with {} replica(s) of each segment: a segment is in one memory \
             and on R backups, so only R deaths at once are sure to leave a copy; raise --replicas to {at_once}, or \
             kill fewer",
            args.replicas
        ));
    }
    Ok(())
}

/// How many storage servers: refused when what remains could not recover by itself (L1).
fn servers(args: &Args, deaths: u32) -> Result<u32, String> {
    let fewest = args.replicas + 1 + deaths;
    let servers = args.servers.unwrap_or(5.max(fewest).max(3 * deaths));
    if servers < fewest {
        return Err(format!(
            "{servers} servers are too few: with R = {} replicas and f = {deaths} deaths, R + 1 + f = {fewest} are \
             needed, so that the servers left can hold every segment on one master and R other backups; give \
             --servers {fewest} or more, or fewer --replicas",
            args.replicas
        ));
    }
    Ok(servers)
}

/// Memory of each log: all of the data fits on the servers left, below the share that masters fill (L2), with as much
/// again for what is overwritten meanwhile and for partitions of uneven size.
fn memory(asked: Option<Size>, log_bytes: u64, servers: u32, deaths: u32) -> Result<u64, String> {
    let left = u64::from(servers - deaths);
    let share = log_bytes.div_ceil(left);
    let fewest = share * left.max(2) / (left.max(2) - 1);
    match asked {
        None => Ok((2 * fewest).next_multiple_of(SEGMENT_BYTES) + SEGMENTS_SPARE * SEGMENT_BYTES),
        Some(Size(bytes)) if bytes / SEGMENT_BYTES < SEGMENTS_SPARE.max(fewest.div_ceil(SEGMENT_BYTES)) => {
            Err(format!(
                "--memory {} is too small: each of the {left} servers left holds {} of log, and fills its memory only \
             to (n - 1)/n, so that one more death leaves room; give {} or more",
                Size(bytes),
                Size(share.next_multiple_of(1 << 20)),
                Size(fewest.next_multiple_of(SEGMENT_BYTES).max(SEGMENTS_SPARE * SEGMENT_BYTES))
            ))
        }
        Some(Size(bytes)) => Ok(bytes / SEGMENT_BYTES * SEGMENT_BYTES),
    }
}

/// A partition for each server that is left by the first death, of what one server holds.
fn partition_bytes(log_bytes: u64, servers: u32) -> u64 {
    let (share, masters) = (log_bytes / u64::from(servers), u64::from(servers - 1).max(4));
    // A quarter more: what was overwritten, and hashes that don't fall evenly, must not cut one partition more.
    (share * 5 / 4 / masters).max(1 << 16)
}

fn blows(args: &Args, kill: u32) -> Vec<Blow> {
    let blow: fn(u32) -> Blow = if args.pause { Blow::Pause } else { Blow::Kill };
    let mut blows = if args.kill_together { vec![blow(kill)] } else { vec![blow(1); kill as usize] };
    if args.restart_all {
        blows.push(Blow::RestartAll);
    }
    blows
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    fn plan(words: &str) -> Result<Plan, String> {
        let words = std::iter::once("crash_recovery").chain(words.split_whitespace());
        let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
        Plan::new(&args, args.input()?)
    }

    #[test]
    fn options_are_well_formed() {
        Args::command().debug_assert();
        assert!(plan("--durability sometimes").is_err());
        assert!(plan("--data lots").is_err());
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let plan = plan("").unwrap();
        assert_eq!((plan.servers, plan.replicas, plan.durability), (5, 3, Durability::Persistent));
        assert_eq!(plan.blows, [Blow::Kill(1)]);
        let bytes = plan.objects.bytes();
        assert!((255 << 20..=256 << 20).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_file_comes_in_place_of_drawn_objects() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1\tada\n2\tada\n").unwrap();
        let path = file.path().display();
        let plan = self::plan(&format!("--input {path} --delimiter tab --key-column 2")).unwrap();
        assert_eq!((plan.objects.count(), plan.objects.bytes()), (1, 3 + 5));
        assert_eq!(plan.objects.key(0), "ada");
        assert_eq!(plan.objects.value(0, 1), "2\tada");
        assert!(plan.input.unwrap().contains("2 lines with 1 different keys"));
        for bad in ["--key-column 1", "--delimiter ;", "--header"] {
            assert!(self::plan(bad).is_err(), "{bad} says nothing without --input");
        }
        for bad in ["", "--key-column 3", "--key-column 2 --data 1MiB", "--key-column 2 --delimiter ,"] {
            assert!(self::plan(&format!("--input {path} {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn servers_grow_with_the_deaths() {
        let servers = |words| plan(words).unwrap().servers;
        assert_eq!(servers("--kill 2"), 6); // R + 1 + f = 6 = 3 f
        assert_eq!(servers("--kill 3"), 9); // 3 f
        assert_eq!(servers("--kill-recovery-master"), 6);
        assert_eq!(servers("--replicas 1 --kill 1"), 5);
        assert_eq!(servers("--restart-all"), 5);
        assert_eq!(servers("--replicas 5"), 7); // R + 1 + f
    }

    #[test]
    fn too_few_servers_are_refused_with_the_reason() {
        assert!(plan("--servers 5 --kill 1").is_ok());
        let why = plan("--servers 4 --kill 1").unwrap_err();
        assert!(why.contains("R + 1 + f = 5"), "{why}");
        assert!(plan("--servers 3 --restart-all").is_err());
        assert!(plan("--servers 4 --restart-all").is_ok());
    }

    #[test]
    fn more_deaths_at_once_than_replicas_are_refused() {
        assert!(plan("--kill 3 --kill-together").is_ok());
        let why = plan("--kill 4 --kill-together").unwrap_err();
        assert!(why.contains("--replicas"), "{why}");
        assert!(plan("--replicas 1 --kill-recovery-master").is_err());
        assert!(plan("--replicas 1 --kill 3").is_ok(), "one after another");
    }

    #[test]
    fn blows_come_in_order() {
        assert_eq!(
            plan("--kill 2 --restart-all").unwrap().blows,
            [Blow::Kill(1), Blow::Kill(1), Blow::RestartAll]
        );
        assert_eq!(plan("--kill-together").unwrap().blows, [Blow::Kill(2)]);
        assert_eq!(plan("--pause").unwrap().blows, [Blow::Pause(1)]);
        assert_eq!(plan("--restart-all").unwrap().blows, [Blow::RestartAll]);
        assert_eq!(plan("--restart-all --pause").unwrap().blows, [Blow::Pause(1), Blow::RestartAll]);
        assert!(plan("--restart-all --durability buffered").is_err(), "it can't but lose");
        assert!(plan("--kill 0").is_err());
        assert!(plan("--restart-all --kill-coordinator").is_err());
    }

    #[test]
    fn memory_holds_the_data_after_the_deaths() {
        for words in ["", "--data 1GiB --kill 3", "--data 16MiB --servers 8", "--value-size 100"] {
            let plan = plan(words).unwrap();
            let left = u64::from(plan.servers - plan.blows.len() as u32);
            assert!(plan.memory_bytes * (left - 1) > plan.objects.bytes(), "{words}: {}", plan.memory_bytes);
            assert_eq!(plan.memory_bytes % u64::from(plan.segment_bytes), 0);
        }
        let why = plan("--memory 48MiB").unwrap_err();
        assert!(why.contains("give"), "{why}");
        assert!(plan("--memory 256MiB").is_ok());
    }

    #[test]
    fn a_server_is_cut_into_a_partition_for_each_of_the_others() {
        let plan = plan("").unwrap();
        let share = plan.objects.bytes() / 5;
        assert_eq!(share.div_ceil(plan.partition_bytes), 4);
    }
}
