//! The memory meta log does what every meta log must do; and its test crashes are what they say.

use futures_util::FutureExt;
use rekindle_coordinator::meta::{
    AppendError, Batch, EntityId, MemoryMetaLog, MetaLog, Record, Recorded, conformance,
};
use rekindle_types::{Lsn, Rules};

#[test]
fn memory_meta_log_conforms() {
    let checks = conformance::check_all(async || MemoryMetaLog::new(Rules::default()));
    checks.now_or_never().expect("memory never waits");
}

#[test]
fn a_crash_cuts_the_reign_off_with_or_without_the_record() {
    for (recorded, entities) in [(Recorded::Yes, 2), (Recorded::No, 1)] {
        let log = MemoryMetaLog::new(Rules::default());
        let term = log.open().now_or_never().unwrap().unwrap().term;
        let put = |n| {
            let entity = EntityId { kind: 1, first: n, second: 0 };
            Batch { expected: vec![], records: vec![Record { entity, state: Some(vec![1].into()) }] }
        };
        log.crash_after(1, recorded);
        assert_eq!(log.append(term, put(1)).now_or_never().unwrap(), Ok(Lsn(1)));
        assert!(!log.has_crashed());
        for _ in 0..2 {
            let late = log.append(term, put(2)).now_or_never().unwrap();
            assert!(matches!(late, Err(AppendError::Failed(_))), "{late:?}");
        }
        assert!(log.has_crashed());
        let opened = log.open().now_or_never().unwrap().unwrap();
        assert_eq!(opened.entities.len(), entities);
        log.append(opened.term, put(3)).now_or_never().unwrap().unwrap();
    }
}
