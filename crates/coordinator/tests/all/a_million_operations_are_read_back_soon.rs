//! COO-4 in figures: how long the next coordinator reads. Printed, and not asserted: no test depends on the clock.
//!
//! `cargo test --release -p rekindle-coordinator --all-features --test all million -- --ignored --nocapture`

use rekindle_coordinator::ClusterState;
use rekindle_coordinator::entity::{Entity, Operation, OperationId, OperationState};
use rekindle_coordinator::meta::{Batch, FileMetaLog, FileMetaLogConfig, MetaLog, Record};
use rekindle_env::memory::World;
use rekindle_types::{Lsn, TableId, TableInfo};
use std::time::Instant;

const OPERATIONS: u64 = 1_000_000;

fn operation(n: u64) -> Record {
    let table = TableInfo { id: TableId(n), name: format!("table-{n}") };
    let state = OperationState::CreateTable { table, tablets: 4 };
    let operation = Operation { id: OperationId(n), begun: Lsn(0), outcome: None, state };
    let entity = Entity::Operation(operation);
    Record { entity: entity.id(), state: Some(entity.encode()) }
}

#[test]
#[ignore = "a figure, in release: see above"]
fn a_million_operations_are_read_back_soon() {
    let world = World::new(1);
    let node = world.node("c");
    world.block_on(async {
        let env = node.env();
        let log = FileMetaLog::new(&env, FileMetaLogConfig::new(1));
        let term = log.open().await.unwrap().term;
        let counters =
            Entity::Counters { next_table: TableId(OPERATIONS), next_operation: OperationId(OPERATIONS) };
        let counters = Record { entity: counters.id(), state: Some(counters.encode()) };
        log.append(term, Batch { expected: vec![], records: vec![counters] }).await.unwrap();
        // Each a batch of its own, as they came.
        for n in 0..OPERATIONS {
            log.append(term, Batch { expected: vec![], records: vec![operation(n)] }).await.unwrap();
        }
        drop(log);
        for what in ["batches", "snapshot"] {
            let bytes = node.disk().used_bytes();
            let begun = Instant::now();
            let log = FileMetaLog::new(&env, FileMetaLogConfig::new(1));
            let opened = log.open().await.unwrap();
            let read = begun.elapsed();
            let state = ClusterState::rebuild(&opened).unwrap();
            assert_eq!(state.unfinished().count() as u64, OPERATIONS);
            println!(
                "{bytes} bytes of {what}: read and begun anew in {read:?}, in office after {:?}",
                begun.elapsed()
            );
        }
    });
}
