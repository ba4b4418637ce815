//! The same calls as on every transport.

use super::host::Town;
use crate::{calls_reach_the_right_service::get, support::*};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::wire::{Party, RemoteControl, RemoteMaster, Role};
use rekindle_coordinator::{Order, OrderKind, Report, ServerControl};
use rekindle_types::Term;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn probe() -> Order {
    Order { term: Term(1), kind: OrderKind::Probe }
}

#[test]
fn clients_and_members_are_answered() {
    let town = Town::new();
    let target = town.host(server(2));
    let (fake, _serve) = target.serve(server(2));
    let client = town.caller("app", Role::Client);
    let other = town.host(server(1));
    let master = RemoteMaster::new(client.peers(Party::Client), target.peer(server(2)));
    let control = RemoteControl::new(other.peers(server(1)), target.peer(server(2)), SECOND, SECOND);
    let request = ObjectRequest { calls: vec![get()], time_left_ms: 1000 };
    assert_eq!(client.block_on(master.call(request)).unwrap().results.len(), 1);
    assert_eq!(other.block_on(control.call(probe())), Ok(Report::Done));
    assert_eq!(fake.seen.lock().len(), 2);
}
