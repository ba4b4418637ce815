//! The state in a form in which equal futures look equal: for explorers that visit every state once.

use super::{
    Replicator,
    replica::{Call, Garbage, Replica},
};
use rekindle_env::Time;
use rekindle_types::{CreationNumber, SegmentId};

impl Replicator {
    /// Every replica of every segment that the state names.
    pub fn creations(&self) -> impl Iterator<Item = (SegmentId, CreationNumber)> + '_ {
        self.segments.iter().flat_map(|(id, segment)| {
            let replicas = segment.replicas.iter().map(|r| r.creation);
            replicas.chain(segment.garbage.iter().map(|g| g.creation)).map(|creation| (*id, creation))
        })
    }

    /// Whether a tick would let something happen that does not happen by itself.
    #[must_use]
    pub fn is_waiting_for_time(&self) -> bool {
        let is_ahead = |at: Option<Time>| at.is_some_and(|at| at > self.ran);
        is_ahead(self.floor_retry_at)
            || (self.are_heads_first() && !self.lost.is_empty())
            || self.backups.iter().any(|(_, backup)| is_ahead(backup.avoid_until))
            || self.active.iter().map(|id| &self.segments[id]).any(|segment| {
                segment.replicas.iter().any(|r| is_ahead(r.retry_at))
                    || segment.garbage.iter().any(|g| is_ahead(g.retry_at))
            })
    }

    /// Appends the state to `out`. Creations are named by `rank`, their order within their segment; times only
    /// by whether they lie ahead; numbers of calls not at all.
    pub fn encode(&self, rank: &impl Fn(SegmentId, CreationNumber) -> u32, out: &mut Vec<u32>) {
        let heads = &self.heads;
        let named = |id: Option<SegmentId>| id.map_or(0, |id| id.0 as u32);
        out.extend([named(heads.current()), named(heads.floor), named(heads.floor_call)]);
        out.push(u32::from(self.floor_retry_at.is_some_and(|at| at > self.ran)));
        out.push(u32::from(self.heads_first_until > self.ran));
        for (server, backup) in self.backups.iter() {
            let is_avoided = backup.avoid_until.is_some_and(|until| until > self.ran);
            out.extend([server.0 as u32, backup.session.0 as u32, u32::from(is_avoided)]);
        }
        for (id, segment) in &self.segments {
            let flags = flags(&[
                segment.is_close_wanted,
                segment.is_hurt(),
                segment.is_hurt_from_birth,
                segment.is_open_told,
                segment.is_closed_told,
                self.active.contains(id),
            ]);
            out.extend([u32::MAX, id.0 as u32, flags, segment.target.length, segment.acknowledged]);
            out.extend([u32::from(segment.is_free_wanted), segment.placed]);
            for replica in &segment.replicas {
                self.encode_replica(replica, rank(*id, replica.creation), out);
            }
            for garbage in &segment.garbage {
                self.encode_garbage(garbage, rank(*id, garbage.creation), out);
            }
        }
    }

    fn encode_replica(&self, replica: &Replica, rank: u32, out: &mut Vec<u32>) {
        let flags = flags(&[
            replica.is_primary,
            replica.is_copy,
            replica.is_begun,
            replica.is_closed,
            replica.is_close_sent,
            replica.attempts > 0,
            replica.retry_at.is_some_and(|at| at > self.ran),
        ]);
        out.extend([replica.server.0 as u32, rank, flags, replica.have, valid(replica.valid)]);
        encode_call(replica.call, out);
    }

    fn encode_garbage(&self, garbage: &Garbage, rank: u32, out: &mut Vec<u32>) {
        let is_waiting = garbage.retry_at.is_some_and(|at| at > self.ran);
        out.extend([u32::MAX - 1, garbage.server.0 as u32, rank, u32::from(is_waiting)]);
        encode_call(garbage.call, out);
    }
}

fn valid(length: Option<u32>) -> u32 {
    length.map_or(0, |length| length + 1)
}

fn flags(all: &[bool]) -> u32 {
    all.iter().enumerate().map(|(bit, flag)| u32::from(*flag) << bit).sum()
}

fn encode_call(call: Option<Call>, out: &mut Vec<u32>) {
    match call {
        None => out.push(0),
        Some(call) => {
            out.extend([1, call.session.0 as u32, call.to, valid(call.valid), u32::from(call.close)]);
        }
    }
}
