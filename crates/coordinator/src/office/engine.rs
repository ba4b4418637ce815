//! Runs every recorded operation to its end, each on its own: none waits for another one's step.

use super::{core::Core, scribe::NotRecorded};
use crate::entity::{Operation, OperationId, OperationState};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use std::collections::BTreeSet;
use std::time::Duration;

/// Most operations on tables that may be pending. Recoveries are never refused (O1).
pub(super) const PENDING_MAX: usize = 256;

/// What a step came to. Each acts first, then records what it came to; acts are idempotent, so that a crash
/// anywhere repeats one step at most.
#[derive(Debug)]
pub(super) enum Step {
    /// On with the next state, which is recorded.
    Next,
    /// The outcome is recorded.
    Done,
    /// Try once more after this: something changed or is unknown.
    Again(Duration),
    /// Nothing can be done before something changes; looked at again after this.
    Park {
        /// What is in the way.
        reason: String,
        /// How long to wait for a change.
        patience: Duration,
    },
}

impl From<NotRecorded> for Step {
    fn from(error: NotRecorded) -> Self {
        let patience = Duration::from_secs(1);
        match error {
            NotRecorded::Collided => Self::Again(Duration::from_millis(10)),
            NotRecorded::TooLarge(reason) => Self::Park { reason, patience },
            NotRecorded::Stopped => Self::Park { reason: "the coordinator has ended".into(), patience },
        }
    }
}

impl Core {
    /// Takes up every operation that is not finished, also those of earlier reigns.
    pub async fn work(&self) {
        let mut running = BTreeSet::new();
        let mut tasks: FuturesUnordered<BoxFuture<'_, OperationId>> = FuturesUnordered::new();
        let mut changes = self.changes();
        loop {
            let due = |id: &OperationId| !running.contains(id);
            let due: Vec<_> = self.read(|state| state.unfinished().map(|o| o.id).filter(due).collect());
            for id in due {
                running.insert(id);
                tasks.push(self.drive(id).map(move |()| id).boxed());
            }
            select_biased! {
                done = tasks.select_next_some() => drop(running.remove(&done)),
                () = changes.changed().boxed().fuse() => {}
            }
        }
    }

    /// One operation, step by step.
    async fn drive(&self, id: OperationId) {
        while let Some(operation) = self.pending(id) {
            let step = match &operation.state {
                OperationState::CreateTable { .. } => self.create_table(&operation).await,
                OperationState::DropTable { .. } => self.drop_table(&operation).await,
                OperationState::Recover { server, phase } => self.recover(&operation, *server, *phase).await,
            };
            match step {
                Step::Next => {}
                Step::Done => return,
                Step::Again(after) => self.clock.sleep(after).await,
                Step::Park { reason, patience } => {
                    self.report_wait(&operation, reason);
                    let mut changes = self.changes();
                    self.wait(&mut changes, patience).await;
                }
            }
        }
    }

    fn report_wait(&self, operation: &Operation, reason: String) {
        if let OperationState::Recover { server, .. } = operation.state {
            self.observe(&crate::Event::Waiting { dead: server, reason });
        }
    }

    /// The operation, while it is under way.
    pub fn pending(&self, id: OperationId) -> Option<Operation> {
        self.read(|state| state.operation(id).filter(|o| o.outcome.is_none()).cloned())
    }
}
