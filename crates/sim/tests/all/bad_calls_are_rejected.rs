//! Calls between servers that never were, each wrong in one way, and a good one beside it.

use rekindle_cluster::wire::{LaneKind, Party};
use rekindle_sim::check::{Addressed, End, Misaddressed, check_addressed};
use rekindle_types::ServerId;

const BACKUP: ServerId = ServerId(9);

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
