//! How lanes begin: who is meant, and who is there (F6).

use super::{Process, lane::Ear};
use crate::check::{Addressed, End, check_addressed};
use parking_lot::Mutex;
use rekindle_cluster::wire::{Frame, FrameKind, Hello, LaneKind, Party};
use std::sync::Arc;

/// On every lane, before another ear.
pub(super) struct Greeted<E> {
    process: Arc<Process>,
    lane: LaneKind,
    end: End,
    greeting: Mutex<Greeting>,
    ear: E,
}

#[derive(Clone, Copy, Default)]
struct Greeting {
    /// By the hello.
    named: Option<Party>,
    /// By the welcome.
    welcomed_by: Option<Party>,
}

impl<E> Greeted<E> {
    pub(super) fn new(process: Arc<Process>, lane: LaneKind, end: End, ear: E) -> Self {
        Self { process, lane, end, greeting: Mutex::default(), ear }
    }

    fn passes(&self, frame: &Frame, is_sent: bool) {
        let greeting = &mut *self.greeting.lock();
        if frame.kind == FrameKind::HELLO {
            greeting.named = Hello::decode(&frame.body).ok().map(|hello| hello.target);
        } else if frame.kind == FrameKind::HELLO.reply() {
            greeting.welcomed_by = Hello::decode(&frame.body).ok().map(|welcome| welcome.sender);
            if self.end == End::Answers {
                self.check(greeting.named, Some(self.process.party()));
            }
        } else if self.end == End::Calls && is_sent {
            self.check(greeting.named, greeting.welcomed_by);
        }
    }

    fn check(&self, named: Option<Party>, there: Option<Party>) {
        let (Some(named), Some(there)) = (named, there) else { return };
        let addressed = Addressed { lane: self.lane, end: self.end, named, there };
        self.process.overheard.judge(check_addressed(&addressed));
    }
}

impl<E: Ear> Ear for Greeted<E> {
    fn sends(&self, frame: &Frame) {
        self.passes(frame, true);
        self.process.says(frame);
        self.ear.sends(frame);
    }

    fn sent(&self, frame: &Frame) {
        self.ear.sent(frame);
    }

    fn gets(&self, frame: &Frame) {
        self.passes(frame, false);
        self.ear.gets(frame);
    }
}
