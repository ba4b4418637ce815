//! Memory of segments that have left the log, for the last readers.

use crate::memory::FrameEnd;

/// Memory that is given back when this is dropped: to be held until nobody follows a reference into it any more.
#[derive(Default)]
pub(super) struct Departed(Vec<FrameEnd>);

impl Departed {
    pub(super) fn add(&mut self, end: FrameEnd) {
        self.0.push(end);
    }
}

impl Drop for Departed {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_iter().for_each(FrameEnd::retire);
    }
}
