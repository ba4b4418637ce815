//! A process that this one started.

use super::{Command, MemoryUse, NodeReport, Observed, Ready, boot_time, lines::Lines};
use parking_lot::Mutex;
use rekindle_env::Time;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{self, Write},
    mem,
    process::{self, ChildStdin, ExitStatus},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// A child process in a role. Dropping it kills it with SIGKILL, and waits until it is gone.
///
/// Lock order: none is held with another.
pub struct Child {
    name: String,
    ready: Ready,
    process: Process,
}

/// A child process, whether it is ready or not.
pub(super) struct Process {
    /// Held for signals too: a process that was waited for has given its id away.
    child: Mutex<process::Child>,
    input: Mutex<Option<ChildStdin>>,
    pub lines: Arc<Lines>,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

impl Child {
    pub(super) fn new(name: String, ready: Ready, process: Process) -> Self {
        Self { name, ready, process }
    }

    /// What its certificate says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it said when it had started.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Its process id: its own until it is dropped.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.child.lock().id()
    }

    /// Kills it with SIGKILL and waits until it is gone. Tells when the signal was sent, on the machine's clock.
    pub fn kill(&self) -> io::Result<Time> {
        let at = boot_time();
        self.process.kill().map(|()| at)
    }

    /// Sends SIGKILL and does not wait: for several that die together.
    pub(super) fn send_kill(&self) -> io::Result<()> {
        self.process.child.lock().kill()
    }

    /// Stops it with SIGSTOP: it runs no more until it is resumed. Tells when, on the machine's clock.
    pub fn pause(&self) -> io::Result<Time> {
        self.process.signal(Signal::STOP)
    }

    /// Ends a pause, with SIGCONT.
    pub fn resume(&self) -> io::Result<Time> {
        self.process.signal(Signal::CONT)
    }

    /// Tells it to stop cleanly, without waiting.
    pub fn tell_to_stop(&self) -> io::Result<()> {
        self.process.command(Command::Stop)
    }

    /// Tells it to stop cleanly and waits; an error when it has not ended in time, or was not clean.
    pub fn stop(&self, within: Duration) -> io::Result<()> {
        self.tell_to_stop()?;
        self.until_stopped(within)
    }

    /// Waits for the end of one that was told to stop; an error when it has not ended in time, or was not clean.
    pub fn until_stopped(&self, within: Duration) -> io::Result<()> {
        match self.wait(within)? {
            Some(status) if status.success() && self.process.lines.is_stopped() => Ok(()),
            Some(status) => Err(self.error(&format!("ended with {status} instead of stopping"))),
            None => Err(self.error(&format!("has not stopped within {within:?}"))),
        }
    }

    /// Waits until it has ended by itself, and until everything that it said was read; `None` when it has not ended in
    /// time.
    pub fn wait(&self, within: Duration) -> io::Result<Option<ExitStatus>> {
        self.process.wait(within)
    }

    /// Whether it still runs, or is paused.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.process.child.lock().try_wait(), Ok(None))
    }

    /// Asks it how it is; an error when it does not answer in time.
    pub fn status(&self, within: Duration) -> io::Result<NodeReport> {
        let question = self.process.lines.question();
        self.process.command(Command::Status(question.number))?;
        question
            .answer(within)
            .ok_or_else(|| self.error(&format!("does not say within {within:?} how it is")))
    }

    /// Takes the events that it told since the last time.
    #[must_use]
    pub fn take_events(&self) -> Vec<Observed> {
        self.process.lines.take_events()
    }

    /// Events that were lost since nobody took them.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        self.process.lines.dropped()
    }

    /// Why it ended by itself, if it said so.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.process.lines.ended()
    }

    /// The end of what it wrote to standard error.
    #[must_use]
    pub fn complaints(&self) -> String {
        self.process.lines.complaints()
    }

    /// What it takes of the machine's memory.
    pub fn memory(&self) -> io::Result<MemoryUse> {
        let child = self.process.child.lock();
        MemoryUse::of(child.id())
    }

    fn error(&self, what: &str) -> io::Error {
        io::Error::other(format!("{} {what}{}", self.name, self.process.said()))
    }
}

impl Process {
    /// Between two looks at whether a process has ended.
    const LOOK_EVERY: Duration = Duration::from_millis(2);

    /// Reads the pipes of a process that was just started.
    pub fn new(mut child: process::Child) -> io::Result<Self> {
        let (input, output, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let lines = Arc::new(Lines::default());
        let process = Self {
            child: Mutex::new(child),
            input: Mutex::new(input),
            lines: lines.clone(),
            readers: Mutex::default(),
        };
        let read =
            |name: &str, body: Box<dyn FnOnce() + Send>| thread::Builder::new().name(name.into()).spawn(body);
        if let Some(output) = output {
            let lines = lines.clone();
            process.readers.lock().push(read("child output", Box::new(|| lines.read_output(output)))?);
        }
        if let Some(complaints) = complaints {
            process
                .readers
                .lock()
                .push(read("child errors", Box::new(|| lines.read_complaints(complaints)))?);
        }
        Ok(process)
    }

    /// Kills it and waits until it is gone, and until everything that it said was read.
    pub fn kill(&self) -> io::Result<()> {
        {
            let mut child = self.child.lock();
            child.kill()?;
            child.wait()?;
        }
        self.read_to_the_end();
        Ok(())
    }

    /// Waits until it has ended, and until everything that it said was read; `None` when it has not ended in time.
    pub fn wait(&self, within: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + within;
        loop {
            let ended = self.child.lock().try_wait()?;
            if ended.is_some() {
                self.read_to_the_end();
            }
            if ended.is_some() || Instant::now() >= deadline {
                return Ok(ended);
            }
            thread::sleep(Self::LOOK_EVERY);
        }
    }

    /// The pipes of a process that has ended are at their end soon.
    fn read_to_the_end(&self) {
        let readers = mem::take(&mut *self.readers.lock());
        for reader in readers {
            reader.join().expect("readers of pipes do not panic");
        }
    }

    /// Why it failed, in its own words, to follow what is said about it.
    pub fn said(&self) -> String {
        match (self.lines.ended(), self.lines.complaints()) {
            (Some(why), _) => format!(": {why}"),
            (None, complaints) if complaints.is_empty() => String::new(),
            (None, complaints) => format!(": {complaints}"),
        }
    }

    fn signal(&self, signal: Signal) -> io::Result<Time> {
        let mut child = self.child.lock();
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the process has ended with {status}")));
        }
        let at = boot_time();
        kill_process(Pid::from_child(&child), signal)?;
        Ok(at)
    }

    fn command(&self, command: Command) -> io::Result<()> {
        match &mut *self.input.lock() {
            Some(input) => writeln!(input, "{command}"),
            None => Err(io::Error::other("the process was started without a standard input")),
        }
    }
}

impl Drop for Process {
    /// Kills no other process: the id is the child's until it was waited for.
    fn drop(&mut self) {
        // Nobody is there to hear of an error; the child was started by this process, so it may be killed.
        let _ = self.kill();
    }
}
