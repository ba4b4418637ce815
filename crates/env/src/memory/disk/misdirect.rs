//! Writes that land elsewhere.

use super::SECTOR_BYTES;

/// A write to a device that lands in the wrong place: see [`super::Disk::misdirect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misdirect {
    /// The device.
    pub file: String,
    /// Writes to it that still land where they are meant to.
    pub after: u64,
    /// Where the next one lands: rounded down to a sector, and to where all of it fits.
    pub to: u64,
}

/// What is armed, and how often it has happened.
#[derive(Debug, Default)]
pub(super) struct Misdirects {
    armed: Option<Misdirect>,
    pub(super) count: u64,
}

impl Misdirects {
    pub(super) fn arm(&mut self, misdirect: Option<Misdirect>) {
        self.armed = misdirect;
    }

    /// Where a write to `file` lands that is meant for `offset`.
    pub(super) fn place(&mut self, file: &str, offset: u64, bytes: usize, length: u64) -> u64 {
        let Some(armed) = self.armed.as_mut().filter(|armed| armed.file == file) else { return offset };
        if armed.after > 0 {
            armed.after -= 1;
            return offset;
        }
        let sector = SECTOR_BYTES as u64;
        let to = armed.to.min(length.saturating_sub(bytes as u64)) / sector * sector;
        if to == offset {
            return offset; // The next one, then.
        }
        self.armed = None;
        self.count += 1;
        to
    }
}
