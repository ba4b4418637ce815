//! Where a partition goes whose place was none.

use super::{ClusterRoom, MasterRoom, RecoveryPlanner};
use rekindle_types::ServerId;

/// What to do about a partition that has no master, or whose attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextPlace {
    /// Give it to this one.
    Master(ServerId),
    /// Cut it: its parts have room, or some of them.
    Cut,
    /// What is being replayed elsewhere may leave room when it ends.
    Wait,
    /// There is no room for it.
    Park,
}

/// A master that has tried a partition, and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Who.
    pub master: ServerId,
    /// Its memory was short, with so many bytes free: it counts again when it has more.
    pub short_of: Option<u64>,
}

/// How often a partition is cut in two at most before all its parts have room.
const CUTS_MAX: u32 = 6;

/// Finds a place for a partition of so many bytes. Others are tried before those in `tried`, and these in turn, but for
/// those whose memory was short. Where it fits nowhere it is cut: at once when all its parts fit; when some do,
/// once nothing `is_under_way` that may leave more room.
pub fn next_place(
    planner: &dyn RecoveryPlanner,
    bytes: u64,
    room: &ClusterRoom,
    tried: &[Tried],
    is_under_way: bool,
) -> NextPlace {
    let mut able = room.clone();
    able.masters.retain(|id, master| !is_short(tried, *id, master));
    if let Some(master) = place_avoiding(planner, bytes, &able, tried) {
        return NextPlace::Master(master);
    }
    // L2: what is short of room is cut, not tried for ever. A part of it takes less memory where one that takes as
    // little as any has room, and the whole takes more.
    let least = |m: &MasterRoom| m.taken_by(1);
    let cut_helps = |m: &MasterRoom| m.free_bytes >= least(m) && m.taken_by(bytes) > least(m);
    if !room.masters.values().any(cut_helps) {
        return NextPlace::Park;
    }
    let all_fit = |cuts: u32| {
        let parts = vec![(bytes >> cuts).max(1); 1 << cuts];
        planner.place(&parts, &mut room.clone()).iter().all(Option::is_some)
    };
    if (1..=CUTS_MAX).any(all_fit) || !is_under_way { NextPlace::Cut } else { NextPlace::Wait }
}

fn is_short(tried: &[Tried], id: ServerId, room: &MasterRoom) -> bool {
    tried.iter().any(|t| t.master == id && t.short_of.is_some_and(|free| room.free_bytes <= free))
}

/// Who has room, but for those who have tried; failing that one of these, the first of them first: whoever can't do
/// it must not keep it from another.
fn place_avoiding(
    planner: &dyn RecoveryPlanner,
    bytes: u64,
    room: &ClusterRoom,
    tried: &[Tried],
) -> Option<ServerId> {
    let place = |mut room: ClusterRoom| planner.place(&[bytes], &mut room).first().copied().flatten();
    let mut others = room.clone();
    others.masters.retain(|id, _| !tried.iter().any(|t| t.master == *id));
    place(others).or_else(|| {
        tried.iter().find_map(|t| {
            let mut only = room.clone();
            only.masters.retain(|id, _| *id == t.master);
            place(only)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvenPlanner;

    const SEGMENT: u32 = 2 << 20;

    fn room(free: &[u64]) -> ClusterRoom {
        let master = |free: &u64| MasterRoom { free_bytes: *free, busy_bytes: 0, segment_bytes: SEGMENT };
        let masters = free.iter().enumerate().map(|(at, free)| (ServerId(1 + at as u64), master(free)));
        ClusterRoom { masters: masters.collect(), ..ClusterRoom::default() }
    }

    fn next(bytes: u64, free: &[u64], tried: &[Tried], is_under_way: bool) -> NextPlace {
        next_place(&EvenPlanner, bytes, &room(free), tried, is_under_way)
    }

    fn tried(master: u64, short_of: Option<u64>) -> Tried {
        Tried { master: ServerId(master), short_of }
    }

    #[test]
    fn a_partition_that_fits_is_not_cut() {
        assert_eq!(next(100 << 20, &[60 << 20, 120 << 20], &[], true), NextPlace::Master(ServerId(2)));
    }

    #[test]
    fn what_fits_nowhere_is_cut_when_its_parts_fit() {
        assert_eq!(next(100 << 20, &[60 << 20; 3], &[], true), NextPlace::Cut);
    }

    #[test]
    fn what_may_fit_later_is_cut_for_some_of_it_only_when_nothing_is_under_way() {
        assert_eq!(next(100 << 20, &[40 << 20], &[], true), NextPlace::Wait);
        assert_eq!(next(100 << 20, &[40 << 20], &[], false), NextPlace::Cut);
    }

    #[test]
    fn it_is_parked_when_parts_of_it_would_not_fit_either() {
        assert_eq!(next(100 << 20, &[2 << 20, 0], &[], false), NextPlace::Park);
        assert_eq!(next(100 << 20, &[], &[], false), NextPlace::Park);
        // It takes as little as a part of it.
        assert_eq!(next(1, &[60 << 20], &[tried(1, Some(60 << 20))], false), NextPlace::Park);
    }

    #[test]
    fn who_was_short_counts_again_with_more_room() {
        let short = [tried(1, Some(60 << 20))];
        assert_eq!(next(20 << 20, &[60 << 20], &short, true), NextPlace::Cut);
        assert_eq!(next(20 << 20, &[62 << 20], &short, true), NextPlace::Master(ServerId(1)));
        assert_eq!(next(20 << 20, &[60 << 20, 60 << 20], &short, true), NextPlace::Master(ServerId(2)));
    }

    #[test]
    fn who_failed_for_another_reason_is_tried_when_all_others_did() {
        let failed = [tried(2, None), tried(1, None)];
        assert_eq!(next(20 << 20, &[60 << 20; 3], &failed, true), NextPlace::Master(ServerId(3)));
        assert_eq!(next(20 << 20, &[60 << 20; 2], &failed, true), NextPlace::Master(ServerId(2)));
    }
}
