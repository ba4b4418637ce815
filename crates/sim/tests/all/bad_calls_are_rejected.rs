//! Calls between servers that never were, each wrong in one way, and a good one beside it.

use rekindle_cluster::wire::{LaneKind, Party};
use rekindle_env::Time;
use rekindle_sim::check::{
    Addressed, End, Misaddressed, ReplicaAnswer, Unfenced, check_addressed, check_fenced,
};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

const BACKUP: ServerId = ServerId(9);

fn replica(creation: u64) -> ReplicaId {
    let log = LogId { server: ServerId(1), index: 0 };
    ReplicaId { log, segment: SegmentId(5), creation: CreationNumber(creation) }
}

#[test]
fn a_lane_that_is_for_somebody_else() {
    let (named, former) = (Party::Server(BACKUP), Party::Server(ServerId(4)));
    for end in [End::Answers, End::Calls] {
        let lane = Addressed { lane: LaneKind::Replication, end, named, there: named };
        assert_eq!(check_addressed(&lane), Ok(()));
        assert_eq!(check_addressed(&Addressed { named: former, there: former, ..lane }), Ok(()));
        let wrong = check_addressed(&Addressed { named: former, ..lane });
        let is_of_its_end = match wrong {
            Err(Misaddressed::Welcomed { .. }) => end == End::Answers,
            Err(Misaddressed::Called { .. }) => end == End::Calls,
            _ => false,
        };
        assert!(is_of_its_end, "{wrong:?}");
        let nobody_yet = Addressed { there: Party::Newcomer, ..lane };
        assert!(check_addressed(&nobody_yet).is_err());
    }
}

#[test]
fn a_replica_call_that_a_backup_should_have_refused() {
    let answer = ReplicaAnswer {
        backup: Some(BACKUP),
        replica: replica(1),
        taken: Time(100),
        fenced: None,
        removed: None,
    };
    assert_eq!(check_fenced(&answer), Ok(()));
    let fenced = ReplicaAnswer { fenced: Some(Time(99)), ..answer };
    assert_eq!(check_fenced(&fenced), Err(Unfenced::DeadMaster(fenced)));
    let too_early = ReplicaAnswer { backup: None, ..answer };
    assert_eq!(check_fenced(&too_early), Err(Unfenced::NoList(too_early)));
    let removed = ReplicaAnswer { removed: Some(Time(99)), ..answer };
    assert_eq!(check_fenced(&removed), Err(Unfenced::DeadBackup(removed)));
}
