//! The default planner.

use super::{
    ClusterRoom, PlanError, PlanInput, PlannedPartition, RecoveryPlan, RecoveryPlanner,
    cut::{Cut, PARTITIONS_MAX, cut},
    place::place,
    read_order::plan_reads,
};
use rekindle_types::{Partition, PartitionIndex, ServerId};
use std::collections::BTreeMap;

/// Cuts along the will, or evenly by hash; places by what masters have to replay and by their room; reads from
/// the backups that are done first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvenPlanner;

impl RecoveryPlanner for EvenPlanner {
    fn plan(&self, input: &PlanInput, room: &mut ClusterRoom) -> Result<RecoveryPlan, PlanError> {
        let (cuts, masters, mut after) = cut_to_fit(input, room);
        if !cuts.is_empty() && masters.iter().all(Option::is_none) {
            return Err(PlanError::NoRoom { bytes_missing: cuts.iter().map(|c| c.bytes).sum() });
        }
        let all: Vec<Partition> = cuts.iter().map(|c| c.partition.clone()).collect();
        let bytes_missing =
            cuts.iter().zip(&masters).filter(|(_, m)| m.is_none()).map(|(c, _)| c.bytes).sum();
        let (segments, reads) = plan_reads(&input.log, &all, &mut after);
        *room = after;
        Ok(RecoveryPlan { partitions: number(cuts, &masters), segments, reads, bytes_missing })
    }

    fn place(&self, bytes: &[u64], room: &mut ClusterRoom) -> Vec<Option<ServerId>> {
        place(bytes, room)
    }
}

/// How often the cut is made finer when partitions fit nowhere: down to 1/64 of the wanted size.
const FINER_MAX: u32 = 6;

/// Cuts as wanted, and finer as long as something fits nowhere: many small rooms may hold what few large
/// partitions don't.
fn cut_to_fit(input: &PlanInput, room: &ClusterRoom) -> (Vec<Cut>, Vec<Option<ServerId>>, ClusterRoom) {
    let wanted = wanted_bytes(input, room);
    let mut best = None;
    for finer in 0..=FINER_MAX {
        let cuts = cut(input, (wanted >> finer).max(1));
        let count = cuts.len();
        let mut after = room.clone();
        let bytes: Vec<u64> = cuts.iter().map(|c| c.bytes).collect();
        let masters = place(&bytes, &mut after);
        let missing: u64 = bytes.iter().zip(&masters).filter(|(_, m)| m.is_none()).map(|(b, _)| b).sum();
        if best.as_ref().is_none_or(|(least, _)| missing < *least) {
            best = Some((missing, (cuts, masters, after)));
        }
        if missing == 0 || count as u64 >= PARTITIONS_MAX {
            break;
        }
    }
    best.expect("one cut at least was made").1
}

/// Bytes of a partition, when all of it fits: as many partitions as keep every master equally busy, but none above the
/// most that one can replay in time, and none below what is worth a master of its own.
fn wanted_bytes(input: &PlanInput, room: &ClusterRoom) -> u64 {
    let total = input.log.bytes();
    let most = input.partition_bytes.max(1);
    let least = input.partition_bytes_min.clamp(1, most);
    let masters =
        room.masters.values().filter(|m| m.free_bytes >= m.taken_by(least.min(total))).count() as u64;
    let rounds = total.div_ceil(most).div_ceil(masters.max(1)).max(1);
    let parts = (rounds * masters).min(total / least).max(total.div_ceil(most)).max(1);
    total.div_ceil(parts).max(1)
}

fn number(cuts: Vec<Cut>, masters: &[Option<ServerId>]) -> Vec<PlannedPartition> {
    let mut rounds: BTreeMap<ServerId, u32> = BTreeMap::new();
    let numbered = cuts.into_iter().zip(masters).enumerate();
    numbered
        .map(|(index, (cut, master))| {
            let next = master.map(|master| rounds.entry(master).or_default());
            let round = next.as_ref().map_or(0, |next| **next);
            if let Some(next) = next {
                *next += 1;
            }
            PlannedPartition {
                index: PartitionIndex(index as u32),
                partition: cut.partition,
                bytes: cut.bytes,
                master: *master,
                round,
            }
        })
        .collect()
}
