//! A call whose future is held, but not polled, or is dropped, holds nobody else up: the lane that all wait for is
//! dialled by a task of its own.

use crate::calls_reach_the_right_service::get;
use crate::support::*;
use futures_util::poll;
use parking_lot::Mutex;
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::{LaneKind, Party, RemoteMaster},
};
use rekindle_types::RemoteError;
use std::{pin::pin, sync::Arc, time::Duration};

/// Counts the client's dials and frames.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<usize>>);

impl Weather for Counted {
    fn fate(&self, from: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        *self.0.lock() += usize::from(from == "client");
        Fate::Deliver { after: DELAY }
    }
}

async fn call(master: &RemoteMaster) -> Result<(), RemoteError> {
    master.call(ObjectRequest { calls: vec![get()], time_left_ms: 200 }).await.map(drop)
}

#[test]
fn in_the_middle_of_a_dial() {
    let net = Net::calm();
    let (_fake, _serve) = net.serve("s", server(2));
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    net.world.block_on(async {
        let mut sleeping = pin!(call(&master));
        assert!(poll!(&mut sleeping).is_pending());
        assert_eq!(call(&master).await, Ok(()));
        assert_eq!(sleeping.await, Ok(()));
    });
}

/// The first to call gives up: the others get the lane that it had dialled.
#[test]
fn nor_does_one_that_gives_up_in_the_middle_of_a_dial() {
    let frames = Counted::default();
    let net = Net::with(frames.clone());
    let (_fake, _serve) = net.serve("s", server(2));
    let peers = net.peers("client", Party::Client);
    let master = RemoteMaster::new(peers.clone(), peer(server(2), "s"));
    let env = net.world.node("client").env();
    net.world.block_on(async {
        let mut first = Box::pin(call(&master));
        let mut second = pin!(call(&master));
        while *frames.0.lock() == 0 {
            assert!(poll!(&mut first).is_pending());
            env.clock.sleep(DELAY / 10).await;
        }
        assert!(poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await, Ok(()));
    });
    assert_eq!(*frames.0.lock(), 3, "a dial, a hello and a call");
    assert_eq!(peers.lanes(), 1);
}

/// Everybody gives up, and the server goes away: the lane that was made for nobody is not taken for a good one.
#[test]
fn nor_do_all_who_give_up() {
    let net = Net::calm();
    let (_fake, serve) = net.serve("s", server(2));
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    let env = net.world.node("client").env();
    net.world.block_on(async {
        let mut first = Box::pin(call(&master));
        assert!(poll!(&mut first).is_pending());
        drop(first);
        env.clock.sleep(Duration::from_millis(10)).await;
        drop(serve);
        env.clock.sleep(Duration::from_millis(10)).await;
        let (_fake, _serve) = net.serve("s", server(2));
        assert_eq!(call(&master).await, Ok(()));
    });
}
