//! F7: a lost frame of the dial for heartbeats costs less than a lease, though there is always a call that waits for it.

use crate::support::*;
use parking_lot::Mutex;
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::{CallError, FrameKind, FrameWriter, LaneKind, Party},
};
use rekindle_types::RemoteError;
use std::{sync::Arc, time::Duration};

/// Between two calls, and how long each may take: as renewals do by default.
const EVERY: Duration = Duration::from_millis(50);
const LEASE: Duration = Duration::from_millis(250);

/// Loses one frame: so many come before it.
struct Loses(Mutex<Option<usize>>);

impl Weather for Loses {
    fn fate(&self, _: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        let left = &mut *self.0.lock();
        let is_lost = *left == Some(0);
        *left = left.and_then(|left| left.checked_sub(1));
        if is_lost { Fate::Lose } else { Fate::Deliver { after: DELAY } }
    }
}

#[test]
fn whichever_of_its_frames_it_is() {
    // The dial, the hello, the welcome.
    for before in 0..3 {
        let net = Net::with(Loses(Mutex::new(Some(before))));
        let (_fake, _serve) = net.serve("c", Party::Coordinator);
        let peers = net.peers("s", server(2));
        let env = net.world.node("s").env();
        let arrived = Arc::new(Mutex::new(None));
        let start = env.clock.now();
        let tasks: Vec<_> = (0..20_u32)
            .map(|number| {
                let (peers, env, arrived) = (peers.clone(), env.clone(), arrived.clone());
                let call = async move {
                    env.clock.sleep(EVERY * number).await;
                    let peer = peer(Party::Coordinator, "c");
                    let frame = FrameWriter::new(FrameKind::COORDINATOR);
                    let deadline = env.clock.now() + LEASE;
                    let answer = peers.call(&peer, LaneKind::Heartbeat, frame, deadline).await;
                    // It has arrived when the coordinator finds nothing in it.
                    if matches!(&answer, Err(CallError::Remote(RemoteError::NotDone(why))) if why.contains("decode")) {
                        arrived.lock().get_or_insert(env.clock.now());
                    }
                };
                net.world.node("s").env().spawn.spawn("renewal", Box::pin(call))
            })
            .collect();
        net.world.run_for(Duration::from_secs(2));
        drop(tasks);
        let arrived = arrived.lock().expect("one arrives");
        assert!(arrived.since(start) < LEASE, "{before}: after {:?}", arrived.since(start));
    }
}
