//! A server in a process of its own, for tests of processes. No program for users: there are examples for them.

use rekindle_cluster::local::role;
use std::process::ExitCode;

fn main() -> ExitCode {
    role::from_args().unwrap_or_else(|| {
        eprintln!("{} and a configuration (JSON, or the path of a file) say what to do", role::ARGUMENT);
        ExitCode::from(role::FAILED)
    })
}
