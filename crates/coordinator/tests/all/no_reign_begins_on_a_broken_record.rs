//! What the meta log holds is believed as a whole or not at all; what is wrong is named.

use futures_util::FutureExt;
use rekindle_coordinator::entity::{self, Entity, ServerRecord};
use rekindle_coordinator::meta::{EntityId, MemoryMetaLog, MetaLog, Record};
use rekindle_coordinator::{Batch, ClusterState};
use rekindle_types::{
    KeyHash, KeyRange, Rules, SegmentId, ServerEntry, ServerId, ServerStatus, TableId, TableInfo, Tablet,
    TabletState, TabletVersion,
};

/// What a reign says that begins on these records.
fn rebuilt(records: Vec<Record>) -> Result<ClusterState, String> {
    let meta = MemoryMetaLog::new(Rules::default());
    let opened = async {
        let term = meta.open().await.unwrap().term;
        meta.append(term, Batch { expected: vec![], records }).await.unwrap();
        meta.open().await.unwrap()
    };
    let opened = opened.now_or_never().expect("memory never waits");
    ClusterState::rebuild(&opened).map_err(|error| error.to_string())
}

fn record(entity: &Entity) -> Record {
    Record { entity: entity.id(), state: Some(entity.encode()) }
}

fn tablet(first: u64, last: u64) -> Entity {
    Entity::Tablet(Tablet {
        table: TableId(1),
        range: KeyRange::new(KeyHash(first), KeyHash(last)).unwrap(),
        owner: ServerId(1),
        version: TabletVersion(1),
        state: TabletState::Normal,
        created: SegmentId(0),
    })
}

fn table(id: u64, name: &str) -> Entity {
    Entity::Table(TableInfo { name: name.into(), id: TableId(id) })
}

fn server(id: u64, name: &str, status: ServerStatus) -> Entity {
    let entry = ServerEntry { status, ..ServerEntry::up(ServerId(id), name) };
    Entity::Server(ServerRecord { entry, incarnation: id })
}

fn refused(records: Vec<Record>, named: EntityId) {
    let error = rebuilt(records).unwrap_err();
    assert!(error.contains(&named.to_string()), "{error} does not name {named}");
}

#[test]
fn an_unreadable_entity_is_named() {
    let id = entity::id::table(TableId(3));
    refused(vec![Record { entity: id, state: Some(vec![6, 1, 0].into()) }], id);
}

#[test]
fn an_entity_under_the_id_of_another_is_named() {
    let id = entity::id::server(ServerId(3));
    let other = server(4, "a", ServerStatus::Up).encode();
    refused(vec![record(&server(4, "a", ServerStatus::Up)), Record { entity: id, state: Some(other) }], id);
}

#[test]
fn two_owners_of_a_key_are_named() {
    let well = vec![record(&tablet(0, 9)), record(&tablet(10, 19))];
    assert!(rebuilt(well).is_ok());
    let overlapping = vec![record(&tablet(0, 10)), record(&tablet(10, 19))];
    refused(overlapping, entity::id::tablet(TableId(1), KeyHash(10)));
}

#[test]
fn two_tables_or_servers_of_one_name_are_named() {
    refused(vec![record(&table(1, "t")), record(&table(2, "t"))], entity::id::table(TableId(2)));
    let up = |id| record(&server(id, "a", ServerStatus::Up));
    refused(vec![up(1), up(2)], entity::id::server(ServerId(2)));
    let former = record(&server(1, "a", ServerStatus::Dead));
    assert!(rebuilt(vec![former, up(2)]).is_ok(), "a former self that is not recovered yet");
}
