//! Starts executables in a role.

use super::{
    NodeConfig,
    child::{Child, Process},
    role,
};
use std::{
    env, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Starts child processes of one executable, whose `main` begins with [`role::from_args`].
#[derive(Clone, Debug)]
pub struct Launcher {
    executable: PathBuf,
    ready_within: Duration,
    is_apart: bool,
}

/// Why a child is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// Check the executable.
    #[error("{executable:?} can't be started: {error}")]
    NotStarted {
        /// Which.
        executable: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Do what the message says.
    #[error("{name}: {message}")]
    Failed {
        /// Which child.
        name: String,
        /// What it says.
        message: String,
        /// Its exit code; `None` when it was killed.
        code: Option<i32>,
    },
    /// Look at what it waits for: most likely the coordinator, or the disk.
    #[error("{name} was not ready within {within:?}{said}")]
    NotReady {
        /// Which child.
        name: String,
        /// How long it had.
        within: Duration,
        /// What it said meanwhile.
        said: String,
    },
}

/// A child that was started and is not ready yet. Dropping it kills it.
pub struct Starting {
    name: String,
    process: Process,
    ready_within: Duration,
}

impl Launcher {
    /// Children have 30 s to get ready.
    #[must_use]
    pub fn new(executable: impl AsRef<Path>) -> Self {
        Self {
            executable: executable.as_ref().to_owned(),
            ready_within: Duration::from_secs(30),
            is_apart: false,
        }
    }

    /// Of the executable that runs just now.
    pub fn of_this_executable() -> io::Result<Self> {
        env::current_exe().map(Self::new)
    }

    /// Gives children so long to get ready.
    #[must_use]
    pub fn ready_within(self, ready_within: Duration) -> Self {
        Self { ready_within, ..self }
    }

    /// Keeps children out of the terminal's reach: its Ctrl-C goes to this process alone, which stops them as it likes.
    #[must_use]
    pub fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// Starts a child and waits until it is ready.
    pub fn start(&self, config: &NodeConfig) -> Result<Child, LaunchError> {
        self.launch(config)?.ready()
    }

    /// Starts a child without waiting for it, so that several start at once.
    pub fn launch(&self, config: &NodeConfig) -> Result<Starting, LaunchError> {
        let not_started = |error| LaunchError::NotStarted { executable: self.executable.clone(), error };
        let json = serde_json::to_string(config).map_err(|error| not_started(error.into()))?;
        let mut command = Command::new(&self.executable);
        if self.is_apart {
            command.process_group(0);
        }
        let child = command
            .args([role::ARGUMENT, &json])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let process = Process::new(child).map_err(not_started)?;
        Ok(Starting { name: config.name.clone(), process, ready_within: self.ready_within })
    }
}

impl Starting {
    /// A child that has failed ends soon.
    const END_WITHIN: Duration = Duration::from_secs(5);

    /// Waits until it is ready.
    pub fn ready(self) -> Result<Child, LaunchError> {
        let name = self.name;
        let message = match self.process.lines.start(self.ready_within) {
            Some(Ok(ready)) => return Ok(Child::new(name, ready, self.process)),
            Some(Err(failed)) => Some(failed.message),
            None => None,
        };
        let is_ending = message.is_some() || self.process.lines.is_closed();
        let ended =
            self.process.wait(if is_ending { Self::END_WITHIN } else { Duration::ZERO }).ok().flatten();
        let code = ended.and_then(|status| status.code());
        // For its last words to be read.
        let _ = self.process.kill();
        let said = self.process.said();
        match message {
            Some(message) => Err(LaunchError::Failed { name, message, code }),
            None if ended.is_some() => {
                Err(LaunchError::Failed { name, message: format!("has ended{said}"), code })
            }
            None => Err(LaunchError::NotReady { name, within: self.ready_within, said }),
        }
    }
}
