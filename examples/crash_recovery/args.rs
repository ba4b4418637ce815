//! The command line.

use crate::{
    durability::Durability,
    objects::Input,
    records::{CsvOptions, KeyColumn, delimiter},
    size::Size,
};
use clap::Parser;
use std::path::PathBuf;

/// Kills servers of a cluster while it works, shows how their data comes back, and checks every object.
///
/// With no option: makes a certificate authority and certificates in a temporary directory, starts a coordinator
/// and five storage servers as processes of their own on this machine, creates a table over all of them, loads
/// 256 MiB, and kills one storage server with SIGKILL while clients write and read. Nobody tells the cluster: it
/// notices by itself, and other servers replay what the dead one held from the replicas of its log. At the end every
/// object is read back and compared, value and version, with what the clients were told.
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Args {
    /// Storage servers [default: max(5, R + 1 + f, 3 f), f = storage servers that the run kills]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub servers: Option<u32>,
    /// Replicas of every segment, R: so many servers may die at once without loss
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub replicas: u32,
    /// Keys and values to load
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub data: Size,
    /// Bytes of each value
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(8..=262_144))]
    pub value_size: u32,
    /// Values of sizes drawn from 8 to twice --value-size, another one at each write
    #[arg(long)]
    pub mixed_sizes: bool,
    /// Before anything dies, write as often as this over all of the data, in random order, and delete some of it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub turnovers: u32,
    /// Load this file instead of drawn objects: the key is a column, the value is the line, of several lines with one
    /// key the last one counts; `-` for standard input
    #[arg(long, value_name = "FILE", requires = "key_column", conflicts_with_all = ["data", "value_size", "mixed_sizes"])]
    pub input: Option<PathBuf>,
    /// What is between the fields of the input: one character, or `tab`. Fields may be in quotes, as in CSV
    #[arg(long, value_name = "C", default_value = ",", value_parser = delimiter, requires = "input")]
    pub delimiter: u8,
    /// The key's column in the input, from 1
    #[arg(long, value_name = "N", requires = "input")]
    pub key_column: Option<usize>,
    /// The first line of the input is a header, and no object
    #[arg(long, requires = "input")]
    pub header: bool,
    /// Memory of each server's log [default: what the data and its recovery need]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// When a write counts as safe
    #[arg(long, value_enum, default_value_t = Durability::Persistent)]
    pub durability: Durability,
    /// Storage servers to kill, one after another [default: 1; 2 with --kill-together; none with --restart-all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=16))]
    pub kill: Option<u32>,
    /// Kill them all in the same instant
    #[arg(long)]
    pub kill_together: bool,
    /// Kill the coordinator too, in the middle of the first recovery, and start it again
    #[arg(long)]
    pub kill_coordinator: bool,
    /// Kill a server that replays, too, in the middle of the first recovery
    #[arg(long)]
    pub kill_recovery_master: bool,
    /// Stop the servers (SIGSTOP) instead of killing them, and let them go on (SIGCONT) once they are dead for the
    /// cluster: they must serve nothing stale
    #[arg(long)]
    pub pause: bool,
    /// At the end kill every process, the coordinator too, and start all of them again
    #[arg(long)]
    pub restart_all: bool,
    /// Directory for certificates and data: new or empty [default: a temporary one]
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// Leave the directory there at the end
    #[arg(long)]
    pub keep: bool,
    /// Print one JSON object on standard output instead of the picture
    #[arg(long)]
    pub json: bool,
    /// Which servers die, which keys are written: drawn from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

const AFTER_HELP: &str = "\
Examples:
  crash_recovery                                    one death at 256 MiB
  crash_recovery --data 1GiB --durability buffered  more data, acknowledged from memory
  crash_recovery --servers 6 --kill 2 --kill-together
  crash_recovery --kill-coordinator --kill-recovery-master
  crash_recovery --pause                            a server that comes back from the dead
  crash_recovery --restart-all                      the whole cluster, as after a power cut
  crash_recovery --input people.csv --delimiter ';' --key-column 2 --header
  crash_recovery --data 2GiB --turnovers 5 --mixed-sizes   memory beside live data while logs are cleaned
  crash_recovery --json > run.json

Exit status: 0 if every object was verified and nothing was lost or wrong; 1 if not, or if the run failed; 2 for
options that can't work; 130 after Ctrl-C. Ctrl-C stops all processes and removes the directory.";

impl Args {
    /// What the file holds that is to be loaded, if one is.
    ///
    /// # Errors
    /// What is wrong with it or with what was said of it.
    pub fn input(&self) -> Result<Option<Input>, String> {
        let (Some(path), Some(column)) = (&self.input, self.key_column) else { return Ok(None) };
        let key = KeyColumn::Number(column);
        let options = CsvOptions { delimiter: self.delimiter, key, has_header: self.header, is_quoted: true };
        Input::read(path, options).map(Some)
    }
}
