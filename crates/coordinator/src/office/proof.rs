//! Proof of death: it ends the waits for a lease (F9) and is no reason to hold back (F8).

use super::{core::Core, scribe::NotRecorded};
use rekindle_types::{Refusal, Reply, ServerId};

impl Core {
    /// The server has handed its lease back, or its process was seen to exit. Answered once the death is recorded:
    /// until then whoever knows it says so again, also to the next coordinator, which has only this to know it from.
    pub async fn end_with_proof(&self, server: ServerId) -> Result<Reply, NotRecorded> {
        let is_known = self.read(|s| s.servers().is_up(server) || s.servers().is_gone(server));
        if !is_known {
            let reason = format!("{server} has not enlisted in this reign or before");
            return Ok(Reply::Refused(Refusal::Retry { after_ms: 50, reason }));
        }
        self.prove_dead(server);
        self.declare(server).await?;
        Ok(Reply::Done)
    }

    /// Takes note of the proof, before the death is recorded. A server that is proven dead is renewed no more.
    pub fn prove_dead(&self, server: ServerId) {
        let now = self.now();
        let mut inner = self.inner.lock();
        let is_up = inner.state.servers().is_up(server);
        // F9: whatever it was granted, it serves nothing any more.
        if is_up || now < inner.leases.surely_over(server) {
            inner.leases.end(server);
        }
        // F8: a death that is proven is no sign of a broken network.
        if is_up {
            inner.proven.insert(server);
        }
        inner.detector.proven(server, now);
        drop(inner);
        self.notify();
    }
}
