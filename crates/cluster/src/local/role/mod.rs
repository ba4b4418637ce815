//! What runs in a child process.
//!
//! A program that plays roles calls [`from_args`] first thing in its `main`:
//!
//! ```
//! use rekindle_cluster::local::role;
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = role::from_args() {
//!         return code;
//!     }
//!     // What the program does otherwise, like starting itself again in a role.
//!     ExitCode::SUCCESS
//! }
//! ```

mod coordinator;
mod input;
mod node;
mod output;
mod storage;
mod world;

use super::{Command, Failed, Line, NodeConfig};
use node::Node;
use output::Output;
use std::{
    env, fs,
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

/// The argument before a configuration: JSON itself, or the path of a file.
pub const ARGUMENT: &str = "--rekindle-role";
/// Exit code of a process that could not start: read its message, correct, start again.
pub const FAILED: u8 = 2;
/// Exit code of a process that ended by itself: declared dead, deposed, or a disk that failed. Start it again.
pub const ENDED: u8 = 3;
/// Exit code of a process whose parent is gone.
pub const PARENT_GONE: u8 = 4;

/// Between two looks at a node, until it is ready.
const LOOK_EVERY_FIRST: Duration = Duration::from_millis(2);
/// And from then on.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Plays the role that the arguments of this process ask for, to its end; `None` when they ask for none.
#[must_use]
pub fn from_args() -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    if args.next()?.to_str() != Some(ARGUMENT) {
        return None;
    }
    let Ok(output) = Output::start() else { return Some(ExitCode::from(FAILED)) };
    let config = match args.next() {
        None => Err(format!("{ARGUMENT} is followed by a configuration, or by the path of one")),
        Some(config) => read(&config.to_string_lossy()),
    };
    Some(match config {
        Ok(config) => play(&config, &output),
        Err(message) => fail(&output, message),
    })
}

/// Plays a role to its end: serves until it is told to stop, its parent is gone, or it can't go on.
#[must_use]
pub fn run(config: &NodeConfig) -> ExitCode {
    match Output::start() {
        Ok(output) => play(config, &output),
        Err(error) => {
            eprintln!("no thread for output: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn read(config: &str) -> Result<NodeConfig, String> {
    if config.starts_with('{') {
        return serde_json::from_str(config).map_err(|e| format!("the configuration can't be read: {e}"));
    }
    let json =
        fs::read_to_string(config).map_err(|e| format!("the configuration {config:?} can't be read: {e}"))?;
    serde_json::from_str(&json).map_err(|e| format!("the configuration {config:?} can't be read: {e}"))
}

fn play(config: &NodeConfig, output: &Arc<Output>) -> ExitCode {
    rekindle_log::return_large_blocks();
    let commands = match input::start() {
        Ok(commands) => commands,
        Err(error) => return fail(output, format!("no thread for input: {error}")),
    };
    match node::open(config, output) {
        Ok(node) => serve(node, output, &commands),
        Err(message) => fail(output, message),
    }
}

fn fail(output: &Output, message: String) -> ExitCode {
    eprintln!("{message}");
    output.finish(Line::Failed(Failed { message }));
    ExitCode::from(FAILED)
}

fn end(output: &Output, why: String) -> ExitCode {
    eprintln!("{why}");
    output.finish(Line::Ended(why));
    ExitCode::from(ENDED)
}

fn serve(mut node: Box<dyn Node>, output: &Output, commands: &Receiver<Command>) -> ExitCode {
    let mut is_ready = false;
    loop {
        if let Some(why) = node.ended() {
            // Said before the node is dropped, which waits for a disk that may never answer.
            return if is_ready { end(output, why) } else { fail(output, why) };
        }
        if !is_ready && let Some(ready) = node.ready() {
            is_ready = true;
            output.say(Line::Ready(ready));
        }
        match commands.recv_timeout(if is_ready { LOOK_EVERY } else { LOOK_EVERY_FIRST }) {
            Ok(Command::Status(number)) => {
                if let Some(report) = node.report() {
                    output.say(Line::Status(number, Box::new(report)));
                }
            }
            Ok(Command::Stop) => break,
            Err(RecvTimeoutError::Timeout) => {}
            // Its thread is ending this process.
            Err(RecvTimeoutError::Disconnected) => std::thread::park(),
        }
    }
    let (stopped, rest) = node.stop();
    if let Err(why) = stopped {
        return end(output, why); // Likewise.
    }
    drop(rest);
    output.finish(Line::Stopped);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{NodeReport, Ready};
    use node::Rest;
    use std::sync::mpsc;

    /// Ends, or fails to stop; and waits for its disk when it is dropped.
    struct Stalled {
        has_ended: bool,
        disk: Disk,
    }

    struct Disk(Arc<Output>);

    impl Drop for Disk {
        fn drop(&mut self) {
            assert!(self.0.is_finished(), "a stalled disk must not keep the last word back");
        }
    }

    impl Node for Stalled {
        fn ready(&self) -> Option<Ready> {
            None
        }

        fn report(&self) -> Option<NodeReport> {
            None
        }

        fn ended(&mut self) -> Option<String> {
            self.has_ended.then(|| "the disk is stalled".into())
        }

        fn stop(self: Box<Self>) -> (Result<(), String>, Rest) {
            (Err("the disk is stalled".into()), Box::new(self.disk))
        }
    }

    #[test]
    fn the_last_word_does_not_wait_for_the_disk() {
        for has_ended in [true, false] {
            let output = Output::start().unwrap();
            let (commands, received) = mpsc::sync_channel(1);
            commands.send(Command::Stop).unwrap();
            let node = Stalled { has_ended, disk: Disk(output.clone()) };
            assert_ne!(serve(Box::new(node), &output, &received), ExitCode::SUCCESS);
        }
    }
}
