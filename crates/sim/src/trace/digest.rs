//! How everything stands, as a number.

use crate::SimCluster;
use std::fmt::{self, Write};

/// A digest of what every server and the coordinator say of themselves: leases, tablets, replays, counters of logs, cleaners,
/// replicas and backups, the last record of the coordinator. Two runs whose states have parted differ in it even when no
/// event has shown that yet.
///
/// It is cheap, not complete: objects are not in it but as counts and bytes of logs, since hashing all memory would cost more
/// than the run. What is different in there shows in the first frame that carries it, and frames are traced.
#[must_use]
pub fn state_digest(cluster: &SimCluster) -> u64 {
    let mut digest = Digest::default();
    for (server, status) in cluster.statuses() {
        write!(digest, "{server}{status:?}").expect("a digest takes everything");
    }
    let office = cluster.coordinator(|c| c.coordinator()).flatten();
    let last = office.map(|office| office.look(|state| state.last()));
    write!(digest, "{last:?}").expect("a digest takes everything");
    digest.0
}

/// FNV-1a over what is written to it, with 64 bits.
pub(crate) struct Digest(pub(crate) u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
