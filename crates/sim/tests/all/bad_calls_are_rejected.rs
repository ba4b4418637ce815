//! Calls between servers that never were, each wrong in one way, and a good one beside it.

use rekindle_cluster::wire::{LaneKind, Party};
use rekindle_env::Time;
use rekindle_sim::check::{
    Addressed, End, LateCall, Misaddressed, ReplicaAnswer, RunCall, SentCall, Unfenced, check_addressed,
    check_fenced, check_run, check_sent,
};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId, SessionNumber};

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

#[test]
fn a_replica_call_that_came_too_late() {
    let call = RunCall {
        backup: Some(BACKUP),
        replica: replica(3),
        session: SessionNumber(2),
        newest_session: None,
        newest_creation: None,
    };
    assert_eq!(check_run(&call), Ok(()), "the first one");
    let next =
        RunCall { newest_session: Some(SessionNumber(2)), newest_creation: Some(CreationNumber(3)), ..call };
    assert_eq!(check_run(&next), Ok(()), "one more of that session and replica");
    let newer =
        RunCall { newest_session: Some(SessionNumber(1)), newest_creation: Some(CreationNumber(2)), ..call };
    assert_eq!(check_run(&newer), Ok(()));
    let late = RunCall { newest_session: Some(SessionNumber(3)), ..next };
    assert_eq!(check_run(&late), Err(LateCall::OldSession(late)));
    let replaced = RunCall { newest_creation: Some(CreationNumber(4)), ..next };
    assert_eq!(check_run(&replaced), Err(LateCall::OldCreation(replaced)));
}

#[test]
fn a_call_that_goes_on_in_a_session_that_should_have_ended() {
    let call = SentCall { backup: BACKUP, replica: replica(3), session: SessionNumber(2), unanswered: None };
    assert_eq!(check_sent(&call), Ok(()));
    assert_eq!(check_sent(&SentCall { unanswered: Some(SessionNumber(1)), ..call }), Ok(()));
    for unanswered in [2, 3] {
        let same = SentCall { unanswered: Some(SessionNumber(unanswered)), ..call };
        assert_eq!(check_sent(&same), Err(LateCall::SameSession(same)));
    }
}
