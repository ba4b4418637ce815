//! Faults, from when they struck to when they were undone.

use crate::faults::Kind;
use parking_lot::Mutex;
use rekindle_env::Time;
use std::sync::Arc;

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Of which kind.
    pub kind: Kind,
    /// Whom it hit. Empty when it is everybody.
    pub whom: Vec<String>,
    /// Links that lose every frame, from one to another.
    pub cut: Vec<(String, String)>,
    /// All that was drawn about it.
    pub what: String,
    /// When it struck.
    pub from: Time,
    /// When it was undone. None while it lasts.
    pub to: Option<Time>,
}

/// The faults of a run in the order in which they struck. Clones are the same record.
#[derive(Clone, Default)]
pub struct Incidents(Arc<Mutex<Vec<Incident>>>);

impl Incidents {
    /// A fault has struck. Its number, for its end.
    pub(crate) fn begin(&self, incident: Incident) -> usize {
        let mut incidents = self.0.lock();
        incidents.push(incident);
        incidents.len() - 1
    }

    /// It is undone.
    pub(crate) fn end(&self, number: usize, at: Time) {
        self.0.lock()[number].to = Some(at);
    }

    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<Incident> {
        self.0.lock().clone()
    }
}
