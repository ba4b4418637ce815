//! Who waits for what to become true.

use rekindle_log::SinkError;
use rekindle_types::SegmentId;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

type Answer = Result<(), SinkError>;

/// The futures that wait for one segment. One per call of the log, which bounds them.
#[derive(Default)]
struct Segment {
    opens: Vec<oneshot::Sender<Answer>>,
    appends: Vec<(u32, oneshot::Sender<Answer>)>,
    closes: Vec<oneshot::Sender<Answer>>,
    frees: Vec<oneshot::Sender<Answer>>,
}

/// All waiting futures.
#[derive(Default)]
pub(super) struct Waiters {
    segments: BTreeMap<SegmentId, Segment>,
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Opened,
    Acknowledged(u32),
    Closed,
    Freed,
}

impl Waiters {
    pub(super) fn wait(&mut self, segment: SegmentId, until: Until) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let waiting = self.segments.entry(segment).or_default();
        match until {
            Until::Opened => waiting.opens.push(sender),
            Until::Acknowledged(upto) => waiting.appends.push((upto, sender)),
            Until::Closed => waiting.closes.push(sender),
            Until::Freed => waiting.frees.push(sender),
        }
        receiver
    }

    /// Wakes those that waited for this.
    pub(super) fn resolve(&mut self, segment: SegmentId, what: Until) {
        let Some(waiting) = self.segments.get_mut(&segment) else { return };
        // A receiver that is gone wants no answer.
        match what {
            Until::Opened => waiting.opens.drain(..).for_each(|w| drop(w.send(Ok(())))),
            Until::Acknowledged(upto) => {
                let (done, rest) = waiting.appends.drain(..).partition(|(needs, _)| *needs <= upto);
                waiting.appends = rest;
                let done: Vec<(u32, oneshot::Sender<Answer>)> = done;
                done.into_iter().for_each(|(_, w)| drop(w.send(Ok(()))));
            }
            Until::Closed => waiting.closes.drain(..).for_each(|w| drop(w.send(Ok(())))),
            Until::Freed => {
                let waiting = self.segments.remove(&segment).expect("just seen");
                let appends = waiting.appends.into_iter().map(|(_, w)| w);
                let all = waiting.opens.into_iter().chain(waiting.closes).chain(waiting.frees);
                all.chain(appends).for_each(|w| drop(w.send(Ok(()))));
            }
        }
    }

    /// Nothing will become true any more.
    pub(super) fn fail_all(&mut self, error: &SinkError) {
        for (_, waiting) in std::mem::take(&mut self.segments) {
            let appends = waiting.appends.into_iter().map(|(_, w)| w);
            let all = waiting.opens.into_iter().chain(waiting.closes).chain(waiting.frees);
            all.chain(appends).for_each(|w| drop(w.send(Err(error.clone()))));
        }
    }
}
