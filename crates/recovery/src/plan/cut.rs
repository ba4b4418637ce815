//! Where to cut.

use super::PlanInput;
use rekindle_types::{
    KeyHash, KeyRange, Partition, Rule, SegmentId, ServerId, Tablet, TabletMap, TabletState, TabletVersion,
};

/// A partition and the bytes expected in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) partition: Partition,
    pub(super) bytes: u64,
}

/// Most partitions of one plan.
pub(super) const PARTITIONS_MAX: u64 = 4096;

/// Cuts the owned tablets into partitions of at most `target` bytes each, as far as can be told: along the will
/// where there is one, evenly by hash where not.
pub(super) fn cut(input: &PlanInput, target: u64) -> Vec<Cut> {
    let total = input.log.bytes();
    let Some(will) = &input.will else { return cut_even(&input.owned, total, target) };
    if !input.rules.on(Rule::T1) {
        return will.pieces.iter().map(|piece| as_the_will_says(input, piece)).collect();
    }
    // T1: the map says what is recovered, the will only where to cut. Pieces of ranges that are not owned (any
    // more) vanish, owned ranges that no piece covers are cut as without a will.
    let mut rest: TabletMap = input.owned.iter().copied().collect();
    let mut cuts = Vec::new();
    for piece in &will.pieces {
        let taken: Vec<_> =
            piece.ranges.iter().flat_map(|(table, range)| rest.take(*table, *range)).collect();
        if !taken.is_empty() {
            cuts.extend(cut_even(&taken, piece.bytes, target));
        }
    }
    let willed: u64 = cuts.iter().map(|c| c.bytes).sum();
    let rest: Vec<_> = rest.tablets().copied().collect();
    cuts.extend(cut_even(&rest, total.saturating_sub(willed), target));
    cuts
}

/// Cuts tablets into partitions of even width, so many that each has at most `target` of the bytes.
fn cut_even(tablets: &[Tablet], bytes: u64, target: u64) -> Vec<Cut> {
    if tablets.is_empty() {
        return Vec::new();
    }
    let width = |range: KeyRange| u128::from(range.last().0 - range.first().0) + 1;
    let total: u128 = tablets.iter().map(|t| width(t.range)).sum();
    let parts = u128::from(bytes.div_ceil(target.max(1)).clamp(1, PARTITIONS_MAX)).min(total);
    let mut cuts: Vec<Partition> = (0..parts).map(|_| Partition::default()).collect();
    let mut start = 0;
    for tablet in tablets {
        let end = start + width(tablet.range);
        // Every part that begins before this tablet ends and ends after it begins.
        let first = start * parts / total;
        for part in first..parts {
            let (low, high) = (bound(part, total, parts).max(start), bound(part + 1, total, parts).min(end));
            if low >= end {
                break;
            }
            if low < high {
                let hash = |at: u128| KeyHash(tablet.range.first().0 + (at - start) as u64);
                let range = KeyRange::new(hash(low), hash(high - 1)).expect("low is below high");
                cuts[part as usize].pieces.push(Tablet { range, ..*tablet });
            }
        }
        start = end;
    }
    let bytes = u64::try_from(u128::from(bytes).div_ceil(parts)).unwrap_or(u64::MAX);
    cuts.into_iter().map(|partition| Cut { partition, bytes }).collect()
}

/// Where part `part` of `parts` begins.
fn bound(part: u128, total: u128, parts: u128) -> u128 {
    // total * part would not overflow before 2^52 full tablets.
    total * part / parts
}

/// Without T1: whatever the will names.
fn as_the_will_says(input: &PlanInput, piece: &super::WillPiece) -> Cut {
    let of_will = |&(table, range)| Tablet {
        table,
        range,
        owner: ServerId(input.log.log.server.0),
        version: TabletVersion::default(),
        state: TabletState::Recovering,
        created: SegmentId::default(),
    };
    Cut { partition: Partition { pieces: piece.ranges.iter().map(of_will).collect() }, bytes: piece.bytes }
}
