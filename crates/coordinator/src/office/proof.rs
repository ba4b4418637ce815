//! Proof of death: it ends the waits for a lease (F9) and is no reason to hold back (F8).

use super::{core::Core, scribe::NotRecorded};
use crate::lease::Proof;
use rekindle_types::{Refusal, Reply, ServerId};

impl Core {
    /// The server has handed its lease back, or its process was seen to exit. Answered once the death is recorded:
    /// until then whoever knows it says so again, also to the next coordinator, which has only this to know it from.
    pub async fn end_with_proof(&self, server: ServerId, proof: Proof) -> Result<Reply, NotRecorded> {
        let is_known = self.read(|s| s.servers().is_up(server) || s.servers().is_gone(server));
        if !is_known {
            let reason = format!("{server} has not enlisted in this reign or before");
            return Ok(Reply::Refused(Refusal::Retry { after_ms: 50, reason }));
        }
        if let Err(doubt) = self.prove_dead(server, proof) {
            return Ok(Reply::Refused(doubt));
        }
        self.declare(server).await?;
        Ok(Reply::Done)
    }

    /// Takes note of the proof, before the death is recorded. Refused while the server's own word stands against the
    /// word of others: a renewal that was on its way when its process ended is not followed by another one.
    pub fn prove_dead(&self, server: ServerId, proof: Proof) -> Result<(), Refusal> {
        let now = self.now();
        let lately = self.config.times.heartbeat * 2;
        let mut inner = self.inner.lock();
        let is_news = proof == Proof::Told && !inner.leases.has_ended(server);
        if is_news && inner.leases.was_heard(server, now, lately) {
            let reason = format!(
                "{server} was heard just now: is it another process that ended, or a copy of its data?"
            );
            let after_ms = u32::try_from(lately.as_millis()).unwrap_or(u32::MAX);
            return Err(Refusal::Retry { after_ms, reason });
        }
        let is_up = inner.state.servers().is_up(server);
        // F9: whatever it was granted, it serves nothing any more.
        if is_up || now < inner.leases.surely_over(server) {
            inner.leases.end(server, proof);
        }
        // F8: a death that is proven is no sign of a broken network.
        inner.detector.proven(server, now);
        drop(inner);
        self.notify();
        Ok(())
    }
}
