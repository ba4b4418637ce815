//! What goes along with frames so that an old view finds out.

use crate::wire::{Party, Stamp};

/// Where stamps come from and go to. Called for every stamped frame: cheap, and never blocking.
pub trait Stamps: Send + Sync {
    /// What this process knows now.
    fn stamp(&self) -> Stamp;

    /// What a peer knew when it sent. A newer list than one's own is a reason to fetch it.
    fn seen(&self, from: Party, stamp: Stamp);
}

/// For a process without a view of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStamps;

impl Stamps for NoStamps {
    fn stamp(&self) -> Stamp {
        Stamp::default()
    }

    fn seen(&self, _: Party, _: Stamp) {}
}
