//! A whole cluster on one thread: the real servers on a simulated network, disk and clock.
//!
//! `cargo run --release --example simulate -- demo --servers 6 --objects 10000 --seed 1`
#![allow(clippy::disallowed_methods)] // The progress bars and the rate run on the wall clock.

mod coverage;
mod demo;
mod faults;
mod jobs;
#[cfg(feature = "mutations")]
mod mutations;
mod picture;
#[cfg(test)]
mod sample;
mod sequence;
mod spans;
mod spread;
mod timeline;
mod trace;
mod words;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Plays a cluster in one process, everything drawn from a seed: the same seed plays the same run.
///
/// Times that it shows are the simulated clock's, so they say how the protocol works, not how fast this
/// machine is.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load a table, kill a server, watch the recovery, verify every object.
    Demo(demo::Demo),
    /// Play a minute of a cluster's life under faults drawn from a profile, seed after seed, and check everything.
    Faults(faults::Faults),
    /// Play the same seeds with one rule switched off, until something breaks: rule after rule.
    #[cfg(feature = "mutations")]
    Mutations(mutations::Mutations),
}

fn main() -> ExitCode {
    let played = match Cli::parse().command {
        Command::Demo(demo) => demo.play(),
        Command::Faults(faults) => faults.play(),
        #[cfg(feature = "mutations")]
        Command::Mutations(mutations) => mutations.play(),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::FAILURE
        }
    }
}
