//! Whoever missed changes of the server list gets them in one increment, or the whole list when they are too many
//! or the coordinator was restarted; either way it knows what the coordinator knows.

use rekindle_coordinator::ClusterState;
use rekindle_coordinator::entity::{self, Entity, ServerRecord};
use rekindle_coordinator::meta::{Opened, Record};
use rekindle_types::{ListUpdate, Lsn, ServerEntry, ServerId, ServerList, ServerStatus, Term};

/// More changes than are remembered.
const CHANGES: u64 = 300;

/// Server n joins in the first batch of three, is dead after the second and leaves with the third.
fn change(state: &mut ClusterState, lsn: u64) {
    let id = ServerId(1 + lsn / 3);
    let entry = |status| ServerEntry { status, ..ServerEntry::up(id, format!("server-{}", id.0)) };
    let server = |status| Entity::Server(ServerRecord { entry: entry(status), incarnation: id.0 }).encode();
    let state_of_it = match lsn % 3 {
        0 => Some(server(ServerStatus::Up)),
        1 => Some(server(ServerStatus::Dead)),
        _ => None,
    };
    let members = Entity::Members { next_server: ServerId(id.0 + 1) };
    let records = [
        Record { entity: members.id(), state: Some(members.encode()) },
        Record { entity: entity::id::server(id), state: state_of_it },
    ];
    state.apply(Lsn(lsn), &records).unwrap();
}

/// The state and the list after each batch.
fn history() -> (ClusterState, Vec<ServerList>) {
    let nothing = Opened { term: Term(1), last: Lsn(0), entities: vec![] };
    let mut state = ClusterState::rebuild(&nothing).unwrap();
    let mut lists = vec![state.servers().clone()];
    for lsn in 1..=CHANGES {
        change(&mut state, lsn);
        lists.push(state.servers().clone());
    }
    (state, lists)
}

#[test]
fn any_list_is_brought_up_to_date() {
    let (state, lists) = history();
    let (mut full, mut increments) = (0, 0);
    for mut list in lists {
        let Some(update) = state.list_since(list.version()) else {
            assert_eq!(list, *state.servers(), "nothing to say to who knows all");
            continue;
        };
        match &update {
            ListUpdate::Full(_) => full += 1,
            ListUpdate::Increment { .. } => increments += 1,
        }
        list.apply(&update).unwrap();
        assert_eq!(&list, state.servers());
        assert!(list.is_gone(ServerId(1)), "who came and went unseen is known to be gone");
    }
    assert!(full > 0 && increments > 200, "{full} full lists, {increments} increments");
}

#[test]
fn an_increment_that_does_not_fit_is_refused() {
    let (state, lists) = history();
    let update = state.list_since(lists[290].version()).unwrap();
    assert!(matches!(update, ListUpdate::Increment { .. }));
    for (at, list) in lists.iter().enumerate() {
        let mut list = list.clone();
        let fits = list.apply(&update).is_ok();
        assert_eq!(fits, at >= 290, "a list that lacks change {at} and later ones");
        assert_eq!(list == *state.servers(), fits);
    }
}
