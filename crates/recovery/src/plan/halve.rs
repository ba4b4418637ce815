//! Cutting a partition in two.

use rekindle_types::{KeyHash, KeyRange, Partition, Tablet};

/// A part of a partition that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    /// What it consists of.
    pub partition: Partition,
    /// Bytes expected in it.
    pub bytes: u64,
}

/// Cuts pieces of `bytes` in all into two parts with as many bytes each, as far as that is known. `known` are bytes
/// that were seen of each piece; nothing is known when there are not as many, or none was seen: then the hashes count.
/// `None` for a single hash, which can't be cut.
#[must_use]
pub fn halve(pieces: &[Tablet], bytes: u64, known: &[u64]) -> Option<[Half; 2]> {
    let widths: Vec<u128> = pieces.iter().map(|piece| width(piece.range)).collect();
    let total: u128 = widths.iter().sum();
    if total < 2 {
        return None;
    }
    // T1: the parts are exactly the pieces; what is known of bytes only says where to cut.
    let is_known = known.len() == pieces.len() && known.iter().any(|bytes| *bytes > 0);
    let weights: Vec<u128> =
        if is_known { known.iter().map(|bytes| u128::from(*bytes)).collect() } else { widths.clone() };
    let at = middle(&widths, &weights).clamp(1, total - 1);
    let (mut first, mut second) = (Partition::default(), Partition::default());
    let (mut start, mut weight_first) = (0, 0.0);
    for ((piece, width), weight) in pieces.iter().zip(&widths).zip(&weights) {
        let cut = at.saturating_sub(start).min(*width);
        let (low, high) = split(piece.range, cut);
        let with = |range: KeyRange| Tablet { range, ..*piece };
        first.pieces.extend(low.map(with));
        second.pieces.extend(high.map(with));
        weight_first += *weight as f64 * (cut as f64 / *width as f64);
        start += width;
    }
    let share = weight_first / weights.iter().sum::<u128>() as f64;
    let bytes_first = ((bytes as f64 * share).ceil() as u64).min(bytes);
    let second = Half { partition: second, bytes: bytes - bytes_first };
    Some([Half { partition: first, bytes: bytes_first }, second])
}

/// How many hashes, from the first of the first piece on, have half of the weight.
fn middle(widths: &[u128], weights: &[u128]) -> u128 {
    let half = weights.iter().sum::<u128>() as f64 / 2.0;
    let (mut at, mut before) = (0, 0.0);
    for (width, weight) in widths.iter().zip(weights) {
        let weight = *weight as f64;
        if before + weight > half {
            // In one piece the hashes are even.
            let share = (half - before) / weight;
            return at + ((*width as f64 * share) as u128).min(*width);
        }
        (at, before) = (at + width, before + weight);
    }
    at
}

/// The first `at` hashes of a range, and the others.
fn split(range: KeyRange, at: u128) -> (Option<KeyRange>, Option<KeyRange>) {
    let (first, last) = (range.first(), range.last());
    let Ok(at) = u64::try_from(at) else { return (Some(range), None) };
    if u128::from(at) >= width(range) {
        return (Some(range), None);
    }
    let low = at.checked_sub(1).and_then(|at| KeyRange::new(first, KeyHash(first.0 + at)));
    (low, KeyRange::new(KeyHash(first.0 + at), last))
}

fn width(range: KeyRange) -> u128 {
    u128::from(range.last().0 - range.first().0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rekindle_types::{SegmentId, ServerId, TableId, TabletState, TabletVersion};

    fn piece(table: u64, first: u64, last: u64) -> Tablet {
        Tablet {
            table: TableId(table),
            range: KeyRange::new(KeyHash(first), KeyHash(last)).unwrap(),
            owner: ServerId(1),
            version: TabletVersion(1),
            state: TabletState::Recovering,
            created: SegmentId(7),
        }
    }

    /// Joins neighbours that were cut.
    fn joined(halves: &[Half; 2]) -> Vec<Tablet> {
        let mut all: Vec<Tablet> = Vec::new();
        for piece in halves.iter().flat_map(|half| &half.partition.pieces) {
            match all.last_mut() {
                Some(last)
                    if last.table == piece.table
                        && last.range.last().0.checked_add(1) == Some(piece.range.first().0) =>
                {
                    last.range = KeyRange::new(last.range.first(), piece.range.last()).unwrap();
                }
                _ => all.push(*piece),
            }
        }
        all
    }

    #[test]
    fn without_knowledge_the_hashes_are_halved() {
        let [first, second] = halve(&[piece(1, 0, u64::MAX)], 11, &[]).unwrap();
        assert_eq!(first.partition.pieces, [piece(1, 0, u64::MAX / 2)]);
        assert_eq!(second.partition.pieces, [piece(1, u64::MAX / 2 + 1, u64::MAX)]);
        assert_eq!((first.bytes, second.bytes), (6, 5));
    }

    #[test]
    fn the_cut_goes_through_the_middle_of_the_bytes_that_were_seen() {
        let pieces = [piece(1, 0, 99), piece(2, 0, u64::MAX)];
        let [first, second] = halve(&pieces, 100, &[60, 0]).unwrap();
        assert_eq!(first.partition.pieces, [piece(1, 0, 49)]);
        assert_eq!(second.partition.pieces, [piece(1, 50, 99), piece(2, 0, u64::MAX)]);
        assert_eq!((first.bytes, second.bytes), (50, 50));
    }

    #[test]
    fn one_hash_is_not_cut() {
        assert_eq!(halve(&[piece(1, 5, 5)], 1 << 30, &[1 << 30]), None);
        assert_eq!(halve(&[], 0, &[]), None);
    }

    proptest! {
        #[test]
        fn halves_are_never_empty_and_lose_nothing(
            ranges in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 1..6),
            bytes in any::<u64>(),
        ) {
            let range = |at: usize, a: u64, b: u64| piece(at as u64, a.min(b), a.max(b));
            let pieces: Vec<_> = ranges.iter().enumerate().map(|(at, (a, b, _))| range(at, *a, *b)).collect();
            let known: Vec<u64> = ranges.iter().map(|(_, _, bytes)| *bytes).collect();
            prop_assume!(pieces.len() > 1 || pieces[0].range.first() != pieces[0].range.last());
            let halves = halve(&pieces, bytes, &known).unwrap();
            prop_assert!(halves.iter().all(|half| !half.partition.pieces.is_empty()));
            prop_assert_eq!(u128::from(halves[0].bytes) + u128::from(halves[1].bytes), u128::from(bytes));
            prop_assert_eq!(joined(&halves), pieces);
        }
    }
}
