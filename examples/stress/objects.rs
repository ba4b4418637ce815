//! The objects of a table: values of many sizes that name their key, their write and their table, with a checksum.

use crate::checked::{Index, Number, SplitMix, Values};
use bytes::Bytes;

/// Key and value of an object, on average.
pub const OBJECT_BYTES: u64 = 3_700;
/// Longest value.
const VALUE_BYTES_MAX: u64 = 64 << 10;
/// Object, write, table and checksum: at the front of each value that is not empty.
const HEAD_BYTES: usize = 24;
/// Values of writes whose numbers this divides are empty.
pub const EMPTY_EVERY: Number = 16;

/// All keys of a table, and every value that a key may ever get.
#[derive(Clone, Debug)]
pub struct Objects {
    count: u32,
    /// Different for each life of each table of each run.
    salt: u64,
}

impl Objects {
    /// So many, in the table of this number.
    pub fn new(count: u32, seed: u64, table: u32) -> Self {
        Self { count, salt: SplitMix(SplitMix(seed).next() ^ u64::from(table)).next() }
    }

    /// Their numbers.
    pub fn indexes(&self) -> std::ops::Range<Index> {
        0..self.count
    }

    /// Bytes of a write's value: mostly few, now and then many.
    pub fn value_bytes(&self, index: Index, number: Number) -> usize {
        if number.is_multiple_of(EMPTY_EVERY) {
            return 0;
        }
        let mut rng = self.rng(index, number);
        let (from, to) = match rng.below(100) {
            0..50 => (HEAD_BYTES as u64, 256),
            50..80 => (256, 4 << 10),
            80..96 => (4 << 10, 16 << 10),
            _ => (16 << 10, VALUE_BYTES_MAX + 1),
        };
        (from + rng.below(to - from)) as usize
    }

    fn rng(&self, index: Index, number: Number) -> SplitMix {
        let object = u64::from(index) << 32 | u64::from(number);
        SplitMix(SplitMix(self.salt ^ object.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next())
    }

    fn head(&self, index: Index, number: Number) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&index.to_le_bytes());
        head[4..8].copy_from_slice(&number.to_le_bytes());
        head[8..16].copy_from_slice(&self.salt.to_le_bytes());
        let sum = head[..16].iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        head[16..].copy_from_slice(&sum.to_le_bytes());
        head
    }
}

/// FNV-1a: of 16 bytes, to tell a damaged head from a foreign one.
fn fnv(sum: u64, byte: &u8) -> u64 {
    (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
}

impl Values for Objects {
    fn count(&self) -> u64 {
        u64::from(self.count)
    }

    fn object_bytes(&self) -> u64 {
        OBJECT_BYTES
    }

    fn key(&self, index: Index) -> Bytes {
        Bytes::from(format!("key-{index:06}"))
    }

    /// Behind the head come bytes that only this table, object and write make.
    fn value(&self, index: Index, number: Number) -> Bytes {
        let bytes = self.value_bytes(index, number);
        if bytes == 0 {
            return Bytes::new();
        }
        let mut value = Vec::with_capacity(bytes + 8);
        value.extend_from_slice(&self.head(index, number));
        let mut filler = self.rng(index, number);
        while value.len() < bytes {
            value.extend_from_slice(&filler.next().to_le_bytes());
        }
        value.truncate(bytes);
        Bytes::from(value)
    }

    fn check(&self, index: Index, value: &[u8]) -> Result<Number, String> {
        if value.is_empty() {
            return Ok(0);
        }
        let Some((head, _)) = value.split_at_checked(HEAD_BYTES) else {
            return Err(format!("a value of {} bytes, too short for any write's", value.len()));
        };
        let sum = head[..16].iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        if head[16..] != sum.to_le_bytes() {
            return Err(format!("a value of {} bytes with a damaged head", value.len()));
        }
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (named, number) = (word(0), word(4));
        if head[8..16] != self.salt.to_le_bytes() {
            return Err(format!(
                "a value of object {named} of another table, or of another life of this one"
            ));
        }
        if named != index {
            return Err(format!("the value of object {named}"));
        }
        let whole = self.value(index, number);
        if whole.len() != value.len() {
            return Err(format!("{} of the {} bytes of write {number}", value.len(), whole.len()));
        }
        match whole.iter().zip(value).position(|(a, b)| a != b) {
            None => Ok(number),
            Some(at) => Err(format!("the value of write {number}, damaged at byte {at}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_their_table_object_and_write() {
        let objects = Objects::new(10, 7, 0);
        for number in 1..EMPTY_EVERY {
            let value = objects.value(3, number);
            assert_eq!(objects.check(3, &value), Ok(number));
            assert!(objects.check(4, &value).is_err(), "another key's");
            assert!(Objects::new(10, 7, 1).check(3, &value).is_err(), "another table's");
            assert!(Objects::new(10, 8, 0).check(3, &value).is_err(), "another run's");
        }
        assert_eq!(objects.check(3, &objects.value(3, EMPTY_EVERY)), Ok(0), "no name");
    }

    #[test]
    fn every_changed_byte_and_length_is_noticed() {
        let objects = Objects::new(10, 7, 0);
        let number = (1..).find(|number| (100..200).contains(&objects.value_bytes(3, *number))).unwrap();
        let value = objects.value(3, number);
        for at in 0..value.len() {
            let mut bad = value.to_vec();
            bad[at] ^= 1;
            assert!(objects.check(3, &bad).is_err(), "byte {at}");
            assert!(at == 0 || objects.check(3, &value[..at]).is_err(), "length {at}");
        }
    }

    #[test]
    fn sizes_are_mixed_and_of_the_average_that_is_planned_with() {
        let objects = Objects::new(1000, 1, 0);
        let sizes: Vec<usize> = (0..1000)
            .flat_map(|index| (1..33).map(move |number| (index, number)))
            .map(|(index, number)| objects.value_bytes(index, number))
            .collect();
        let average = sizes.iter().sum::<usize>() as u64 / sizes.len() as u64;
        assert!(average.abs_diff(OBJECT_BYTES) < OBJECT_BYTES / 10, "{average}");
        let (min, max) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(*min == 0 && *max > 60 << 10 && *max <= VALUE_BYTES_MAX as usize, "{min} to {max}");
    }
}
