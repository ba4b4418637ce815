//! Tablet statistics: what a will is made of when nothing newer is known.

use super::corrupt::{Corrupt, le_u64};
use super::entry::{EntryType, encode_owned};
use rekindle_types::{KeyHash, KeyRange, TableId};

/// How much one range of a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TabletStat {
    /// The table.
    pub table: TableId,
    /// The hashes.
    pub range: KeyRange,
    /// Bytes of live entries.
    pub bytes: u64,
    /// Live objects.
    pub objects: u64,
}

/// Statistics of the tablets of a log when its head was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TabletStats<'a> {
    stats: &'a [u8],
}

/// Bytes of one.
const STAT: usize = 40;

impl<'a> TabletStats<'a> {
    /// Bytes of a whole entry with this many, at most.
    #[must_use]
    pub const fn encoded_len(stats: usize) -> usize {
        super::EntryHeader::LEN_MAX + 4 + STAT * stats
    }

    /// Most whose entry takes at most so many bytes.
    #[must_use]
    pub const fn most_within(bytes: usize) -> usize {
        bytes.saturating_sub(Self::encoded_len(0)) / STAT
    }

    /// A whole entry.
    #[must_use]
    pub fn encode(stats: &[TabletStat]) -> Vec<u8> {
        encode_owned(EntryType::TABLET_STATS, STAT * stats.len(), |out| {
            for (place, stat) in out.chunks_exact_mut(STAT).zip(stats) {
                let numbers =
                    [stat.table.0, stat.range.first().0, stat.range.last().0, stat.bytes, stat.objects];
                for (place, number) in place.chunks_exact_mut(8).zip(numbers) {
                    place.copy_from_slice(&number.to_le_bytes());
                }
            }
        })
    }

    /// Reads a body, crc32c included but not checked.
    pub fn decode(body: &'a [u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("tablet stats", body, 4)?;
        if !(body.len() - 4).is_multiple_of(STAT) {
            return Err(Corrupt::Value { what: "tablet stats' length", got: body.len() as u64 });
        }
        let stats = Self { stats: &body[4..] };
        let empty = stats.stats.chunks_exact(STAT).find(|s| le_u64(s, 8) > le_u64(s, 16));
        match empty {
            Some(s) => Err(Corrupt::Value { what: "tablet stats' range", got: le_u64(s, 8) }),
            None => Ok(stats),
        }
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = TabletStat> + use<'a> {
        self.stats.chunks_exact(STAT).filter_map(|s| {
            Some(TabletStat {
                table: TableId(le_u64(s, 0)),
                range: KeyRange::new(KeyHash(le_u64(s, 8)), KeyHash(le_u64(s, 16)))?,
                bytes: le_u64(s, 24),
                objects: le_u64(s, 32),
            })
        })
    }
}
