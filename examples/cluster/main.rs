//! A cluster on this machine for people to try: started, looked at, killed and started again.
//!
//! `cargo run --release --example cluster -- up` starts its own executable again in the roles of a coordinator and of
//! storage servers, and keeps them until Ctrl-C. `--help` says what else it does.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is the world around the cluster: it has threads, files and sockets, and waits on the wall clock"
)]

mod args;
mod background;
mod control;
#[path = "../terminal/durability.rs"]
#[allow(dead_code, reason = "the others print its name")]
mod durability;
mod foreground;
#[path = "../terminal/interrupt.rs"]
#[allow(dead_code, reason = "other examples wait for it")]
mod interrupt;
mod keeper;
mod place;
#[path = "../terminal/size.rs"]
mod size;
mod status;
mod target;
mod up;

use args::{Cli, Command};
use clap::Parser;
use control::Wish;
use interrupt::Interrupt;
use rekindle::cluster::local::role;
use std::process::ExitCode;

/// By convention 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Why a command ends early.
enum Failure {
    /// With this message.
    Failed(String),
    /// By Ctrl-C, before it had done its work.
    Interrupted,
}

impl<E: ToString> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

fn main() -> ExitCode {
    if let Some(code) = role::from_args() {
        return code;
    }
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => {
            eprintln!("cluster: interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(Failure::Failed(why)) => {
            eprintln!("cluster: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let dir = &cli.cluster;
    match &cli.command {
        Command::Up(shape) => up::up(dir, shape, &Interrupt::listen()?),
        Command::Coordinator(options) => foreground::coordinator(dir, options, &Interrupt::listen()?),
        Command::Node(options) => foreground::node(dir, options, &Interrupt::listen()?),
        Command::Status(options) => status::status(dir, options),
        Command::Kill { name } => control::ask(dir, &Wish::Kill(*name)),
        Command::Restart { name } => control::ask(dir, &Wish::Restart(*name)),
    }
}
