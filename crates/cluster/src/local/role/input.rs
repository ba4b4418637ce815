//! What the parent says to this process.

use crate::local::Command;
use std::{
    io, process,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// Commands that wait at most; a parent that sends more waits.
const WAITING_MAX: usize = 64;

/// Starts the thread that reads commands. When standard input closes the parent is gone, and this process ends
/// there and then: whoever starts a cluster leaves none of it behind, however it ends.
pub fn start() -> io::Result<Receiver<Command>> {
    let (sender, commands) = sync_channel(WAITING_MAX);
    thread::Builder::new().name("input".into()).spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { break };
            match Command::parse(&line) {
                Some(command) => drop(sender.send(command)),
                None => eprintln!("{line:?} is no command: `status` and `stop` are"),
            }
        }
        process::exit(super::PARENT_GONE.into());
    })?;
    Ok(commands)
}
