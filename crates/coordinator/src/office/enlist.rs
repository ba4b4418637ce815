//! A process becomes a member.

use super::{core::Core, scribe::Decision, scribe::NotRecorded};
use crate::change::{self, Newcomer};
use crate::{ClusterState, lease::Proof};
use rekindle_types::{Enlisted, Former, Refusal, Reply, ServerId};

/// Longest name, address or failure domain, in bytes.
pub(super) const TEXT_MAX: usize = 255;

/// What is to be done about a newcomer.
enum Welcome {
    Member(ServerId),
    /// Its former self must be declared dead first (F6).
    Former(ServerId),
    Refused(Refusal),
}

impl Core {
    /// A repeat with the same incarnation is answered with the same id. Enlisting waits for no recovery (O2).
    pub async fn enlist(&self, newcomer: Newcomer, former: Option<Former>) -> Result<Reply, NotRecorded> {
        let Newcomer { name, address, domain, .. } = &newcomer;
        if name.is_empty() || [name, address, domain].iter().any(|text| text.len() > TEXT_MAX) {
            let why = format!("names have 1 to {TEXT_MAX} bytes, addresses and domains at most as many");
            return Ok(Reply::Refused(Refusal::Invalid(why)));
        }
        // F9: only a process that has ended lets go of its store. Not in a repeat, that may name its own new id.
        let is_former = |s: ServerId| self.read(|state| is_former_self(state, &newcomer, s));
        let gone = former.filter(|f| f.is_store_held && is_former(f.server));
        if let Some(Err(doubt)) = gone.map(|gone| self.prove_dead(gone.server, Proof::Told)) {
            return Ok(Reply::Refused(doubt));
        }
        let former = former.map(|former| former.server);
        loop {
            let welcome = self.record(|state| decide(state, &newcomer, former)).await?;
            match welcome {
                Welcome::Refused(refusal) => return Ok(Reply::Refused(refusal)),
                Welcome::Former(former) => {
                    // F8: who restarted is dead, whatever its silence says. Without proof its lease is waited for.
                    let now = self.now();
                    self.inner.lock().detector.proven(former, now);
                    self.declare(former).await?;
                }
                Welcome::Member(server) => return Ok(self.welcome(server)),
            }
        }
    }

    fn welcome(&self, server: ServerId) -> Reply {
        let now = self.now();
        let mut inner = self.inner.lock();
        inner.leases.renew(server, now);
        Reply::Enlisted(Enlisted {
            server,
            term: self.term,
            list: inner.state.servers().clone(),
            replicas: inner.state.shape().map_or(0, |shape| shape.replicas),
        })
    }
}

/// Whether the newcomer may speak for this server: it has the same name and is not the newcomer itself.
fn is_former_self(state: &ClusterState, newcomer: &Newcomer, server: ServerId) -> bool {
    let entry = state.servers().entry(server);
    entry.is_some_and(|entry| entry.name == newcomer.name)
        && state.incarnation(server) != Some(newcomer.incarnation)
}

fn decide(state: &ClusterState, newcomer: &Newcomer, former: Option<ServerId>) -> Decision<Welcome> {
    let refuse = |refusal| Decision::Settled(Welcome::Refused(refusal));
    // Ids only grow: a record in which the next one is not above this has lost what came after it, or never had it. Under
    // such an id the data of the server, and all that others keep for it, would be taken for somebody else's.
    if let Some(former) = former.filter(|former| *former >= state.next_server()) {
        let reason = format!(
            "this coordinator's record is older than your data, which was {former}'s: is its data directory the right one?"
        );
        return refuse(Refusal::Retry { after_ms: 1_000, reason });
    }
    let twin = state.servers().iter().find(|s| state.incarnation(s.id) == Some(newcomer.incarnation));
    if let Some(twin) = twin.filter(|s| s.name == newcomer.name) {
        // Declared dead is final, also for a repeat that comes late.
        let is_up = state.servers().is_up(twin.id);
        return if is_up {
            Decision::Settled(Welcome::Member(twin.id))
        } else {
            refuse(Refusal::NotInCluster(twin.id))
        };
    }
    if let Some(former) = former.and_then(|former| state.servers().entry(former)) {
        if former.name != newcomer.name {
            let why = format!("{} was {:?}, not {:?}", former.id, former.name, newcomer.name);
            return refuse(Refusal::Invalid(why));
        }
        if state.servers().is_up(former.id) {
            return Decision::Settled(Welcome::Former(former.id));
        }
    }
    // F6: a name is bound to one id at a time.
    if let Some(holder) = state.servers().up().find(|s| s.name == newcomer.name) {
        let reason = format!("{:?} is the name of {}", newcomer.name, holder.id);
        return refuse(Refusal::Retry { after_ms: 100, reason });
    }
    let (server, batch) = change::enlist(state, newcomer);
    Decision::Record(batch, Welcome::Member(server))
}
