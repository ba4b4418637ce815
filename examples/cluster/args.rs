//! The command line.

use crate::{durability::Durability, size::Size, target::Target};
use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Starts a cluster on this machine, keeps it, and shows how it is.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// The cluster's directory: certificates, data, and where to find it
    #[arg(
        long,
        global = true,
        visible_alias = "dir",
        value_name = "DIR",
        default_value = "rekindle-cluster"
    )]
    pub cluster: PathBuf,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples, the first in one terminal, the others in another:
  cluster up --servers 5               a coordinator and five storage servers, until Ctrl-C
  cluster status --watch               who serves what, how full, what is being recovered
  cluster kill server-2                SIGKILL: nobody tells the cluster, it notices by itself
  cluster restart server-2             it comes back as a new member, with its old disk
  kv --cluster rekindle-cluster put users ada lovelace

`up` on the same directory starts the same cluster again, with its data.

Without `up`, each in a terminal of its own:
  cluster coordinator --cluster c --replicas 1
  cluster node server-0 --cluster c
  cluster node server-1 --cluster c

Exit status: 0 when it was done, 1 when not, 2 for options that can't work, 130 after Ctrl-C before it was done.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a coordinator and storage servers as processes, and keep them until Ctrl-C
    ///
    /// Makes the directory, an authority and certificates when they are not there. A process that ends by itself, or
    /// that somebody kills, is started again; those that `cluster kill` has killed stay down until `cluster restart`.
    /// Ctrl-C stops all of them cleanly and leaves the directory: the next `up` there goes on with its data.
    Up(Shape),
    /// Run one coordinator in the foreground, until Ctrl-C
    ///
    /// Makes the directory when it is not there. For clusters that are started process by process, without `up`.
    Coordinator(CoordinatorOptions),
    /// Run one storage server in the foreground, until Ctrl-C
    ///
    /// In the directory of a cluster whose coordinator was started before.
    Node(NodeOptions),
    /// Show servers, tablets and recoveries, and how many failures the cluster can take now
    Status(StatusOptions),
    /// Kill a process of the cluster that `up` keeps, with SIGKILL; it stays down until `restart`
    Kill {
        /// `coordinator`, `server-0`, `server-1`, ...
        name: Target,
    },
    /// Start a process again that was killed, or kill one that runs and start it again
    Restart {
        /// `coordinator`, `server-0`, `server-1`, ...
        name: Target,
    },
}

/// How a cluster is set up.
#[derive(Clone, Debug, Default, Args)]
pub struct Shape {
    /// Storage servers [default: 5, or as many as before]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub servers: Option<u32>,
    /// Replicas of every segment, R; for good [default: 3, but at most servers - 2, so that a death is recovered]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(0..=16))]
    pub replicas: Option<u32>,
    /// Memory of each server's log [default: 512MiB, or as much as before]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// When a write counts as safe [default: persistent, or as before]
    #[arg(long, value_enum)]
    pub durability: Option<Durability>,
}

#[derive(Debug, Args)]
pub struct CoordinatorOptions {
    #[command(flatten)]
    pub shape: Shape,
    #[command(flatten)]
    pub listen: Listen,
}

#[derive(Debug, Args)]
pub struct NodeOptions {
    /// Its name, as its certificate says and its folder is called; `server-0` and so on are those that `up` starts
    pub name: String,
    /// Memory of its log [default: what the cluster was set up with]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    #[command(flatten)]
    pub listen: Listen,
}

/// Where a process listens.
#[derive(Debug, Args)]
pub struct Listen {
    /// Where it listens for calls [default: 127.0.0.1, at the port that it had before or at a free one]
    #[arg(long, value_name = "IP:PORT", requires = "heartbeat_listen")]
    pub listen: Option<SocketAddr>,
    /// Where it listens for heartbeats: another port of the same address
    #[arg(long, value_name = "IP:PORT", requires = "listen")]
    pub heartbeat_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Print one JSON object (with --watch: one a line)
    #[arg(long)]
    pub json: bool,
    /// Look again and again, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub every: Duration,
    /// List every tablet, however many there are
    #[arg(long)]
    pub tablets: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, as 0.5".to_owned())?;
    if !(0.05..=3600.0).contains(&seconds) {
        return Err("0.05 to 3600 seconds are possible".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

impl Listen {
    /// Both sockets, if given.
    pub fn both(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.listen.zip(self.heartbeat_listen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &str) -> Result<Cli, String> {
        let words = std::iter::once("cluster").chain(words.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_well_formed() {
        Cli::command().debug_assert();
        assert!(parse("up --memory lots").is_err());
        assert!(parse("status --every 0").is_err());
        assert!(parse("kill everything").unwrap_err().contains("server-0"));
        assert!(parse("coordinator --listen 127.0.0.1:1").is_err(), "two sockets or none");
    }

    #[test]
    fn the_directory_has_two_names_and_a_default() {
        assert_eq!(parse("up").unwrap().cluster, PathBuf::from("rekindle-cluster"));
        assert_eq!(parse("up --dir a").unwrap().cluster, PathBuf::from("a"));
        assert_eq!(parse("--cluster b status").unwrap().cluster, PathBuf::from("b"));
    }
}
