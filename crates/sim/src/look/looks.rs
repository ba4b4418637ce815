//! Looks again and again.

use super::{Look, Record};
use crate::SimCluster;
use rekindle_types::Term;
use std::sync::Arc;

/// Takes looks. Knows the last record: most looks find it unchanged.
#[derive(Default)]
pub struct Looks {
    record: Option<(Option<Term>, Arc<Record>)>,
}

impl Looks {
    /// One look at servers and coordinator. Who plays knows what hinders them, and what clients wait for.
    pub fn take(&mut self, cluster: &SimCluster) -> Look {
        let servers = cluster.statuses().into_values().map(Into::into).collect();
        Look { at: cluster.world.now(), record: self.record(cluster), servers, ..Look::default() }
    }

    /// What is on record now.
    pub(crate) fn record(&mut self, cluster: &SimCluster) -> Option<Arc<Record>> {
        let (term, office) = cluster.coordinator(|c| Some((c.term(), c.coordinator()?))).flatten()?;
        let known = self.record.as_ref().filter(|(t, _)| *t == term).map(|(_, record)| record);
        let read = |state: &rekindle_coordinator::ClusterState| match known {
            Some(record) if record.last == state.last() => record.clone(),
            _ => Arc::new(Record::of(state)),
        };
        let record = office.look(read);
        self.record = Some((term, record.clone()));
        Some(record)
    }
}
