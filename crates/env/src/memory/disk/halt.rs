//! A process that comes to its end at a chosen disk call.

/// Where a process stops: see [`super::Disk::halt_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt {
    /// Calls that are still carried out.
    pub after: u64,
    /// Only syncs count.
    pub syncs_only: bool,
    /// Whether the call at which it stops takes effect: nobody learns of it then.
    pub takes_effect: bool,
}

/// What is armed, and what has come of it.
#[derive(Debug, Default)]
pub(super) struct Halts {
    armed: Option<Halt>,
    pub(super) is_over: bool,
}

impl Halts {
    /// What has come stays: only a crash ends it.
    pub(super) fn arm(&mut self, halt: Option<Halt>) {
        if !self.is_over {
            self.armed = halt;
        }
    }

    /// A call begins: whether it is the last, and then whether it takes effect.
    pub(super) fn at_call(&mut self, is_sync: bool) -> Option<bool> {
        let halt = self.armed.as_mut().filter(|halt| is_sync || !halt.syncs_only)?;
        if halt.after > 0 {
            halt.after -= 1;
            return None;
        }
        self.is_over = true;
        self.armed.take().map(|halt| halt.takes_effect)
    }
}
