//! The objects of the run: keys by number, values that anybody can check who knows the seed.

mod input;

pub use input::Input;

use crate::checked::{Index, Number, SplitMix, Values};
use bytes::Bytes;
use std::sync::Arc;

/// The write that loads an object.
const LOADED: Number = 1;

const KEY_BYTES: u64 = 16;
/// At the front of each value: the object's number and the write's.
const HEAD_BYTES: usize = 8;

/// All keys, and every value that a key may ever get.
#[derive(Clone, Debug)]
pub struct Objects {
    kind: Kind,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Drawn from the seed: nothing is stored.
    Drawn { count: u64, value_bytes: usize, is_mixed: bool },
    /// Lines of a file. What is put later is the line with a mark behind it.
    Lines(Arc<Input>),
}

/// Behind a line: the object's number and the write's, and bytes that only this seed, object and write make.
const MARK_BYTES: usize = 16;

impl Values for Objects {
    fn count(&self) -> u64 {
        match &self.kind {
            Kind::Drawn { count, .. } => *count,
            Kind::Lines(input) => input.count(),
        }
    }

    fn object_bytes(&self) -> u64 {
        self.bytes_of(1)
    }

    fn key(&self, index: Index) -> Bytes {
        if let Kind::Lines(input) = &self.kind {
            return input.key(index).clone();
        }
        let key = format!("object{index:010}");
        debug_assert_eq!(key.len() as u64, KEY_BYTES);
        Bytes::from(key)
    }

    /// What write `number` puts into object `index`: both numbers, then bytes that only this seed, object and write
    /// make. Of a file: the line, and from the second write on such bytes behind it.
    fn value(&self, index: Index, number: Number) -> Bytes {
        match &self.kind {
            Kind::Drawn { value_bytes, is_mixed, .. } => {
                let bytes = self.drawn_bytes(*value_bytes, *is_mixed, index, number);
                Bytes::from(self.drawn(bytes, index, number))
            }
            Kind::Lines(input) if number == LOADED => input.line(index).clone(),
            Kind::Lines(input) => {
                Bytes::from([&input.line(index)[..], &self.drawn(MARK_BYTES, index, number)].concat())
            }
        }
    }

    fn check(&self, index: Index, value: &[u8]) -> Result<Number, String> {
        match &self.kind {
            Kind::Drawn { value_bytes, is_mixed, .. } => {
                let number = value
                    .get(4..HEAD_BYTES)
                    .map_or(0, |number| Number::from_le_bytes(number.try_into().expect("four bytes")));
                let bytes = self.drawn_bytes(*value_bytes, *is_mixed, index, number);
                self.check_drawn(bytes, index, value)
            }
            Kind::Lines(input) => match value.strip_prefix(&input.line(index)[..]) {
                Some([]) => Ok(LOADED),
                Some(mark) => self.check_drawn(MARK_BYTES, index, mark),
                None => Err(format!("{} bytes that don't begin as the line of its key", value.len())),
            },
        }
    }
}

impl Objects {
    /// As many objects as `bytes` of keys and values make.
    pub fn new(bytes: u64, value_bytes: u32, seed: u64) -> Self {
        let count = bytes / (KEY_BYTES + u64::from(value_bytes));
        Self { kind: Kind::Drawn { count, value_bytes: value_bytes as usize, is_mixed: false }, seed }
    }

    /// As [`Objects::new`], with values of any size from their front to twice `value_bytes`, so that about as many
    /// bytes come together.
    pub fn mixed(bytes: u64, value_bytes: u32, seed: u64) -> Self {
        let count = bytes / (KEY_BYTES + u64::from(value_bytes));
        Self { kind: Kind::Drawn { count, value_bytes: value_bytes as usize, is_mixed: true }, seed }
    }

    /// Those of a file.
    pub fn of(input: Arc<Input>, seed: u64) -> Self {
        Self { kind: Kind::Lines(input), seed }
    }

    /// Their numbers.
    pub fn indexes(&self) -> std::ops::Range<Index> {
        0..self.count() as Index
    }

    /// Keys and first values of so many, on average.
    pub fn bytes_of(&self, objects: u64) -> u64 {
        match &self.kind {
            Kind::Drawn { value_bytes, .. } => objects * (KEY_BYTES + *value_bytes as u64),
            Kind::Lines(input) => {
                let bytes =
                    u128::from(objects) * u128::from(input.bytes()) / u128::from(input.count().max(1));
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }

    /// Keys and first values of all.
    pub fn bytes(&self) -> u64 {
        self.bytes_of(self.count())
    }

    /// Bytes of the value that this write makes.
    fn drawn_bytes(&self, value_bytes: usize, is_mixed: bool, index: Index, number: Number) -> usize {
        if !is_mixed {
            return value_bytes;
        }
        let sizes = (2 * value_bytes).saturating_sub(HEAD_BYTES) as u64 + 1;
        HEAD_BYTES + SplitMix(self.filler(index, number).0 ^ sizes).below(sizes) as usize
    }

    fn drawn(&self, bytes: usize, index: Index, number: Number) -> Vec<u8> {
        let mut value = Vec::with_capacity(bytes.next_multiple_of(8));
        value.extend_from_slice(&index.to_le_bytes());
        value.extend_from_slice(&number.to_le_bytes());
        let mut filler = self.filler(index, number);
        while value.len() < bytes {
            value.extend_from_slice(&filler.next().to_le_bytes());
        }
        value.truncate(bytes);
        value
    }

    fn check_drawn(&self, bytes: usize, index: Index, value: &[u8]) -> Result<Number, String> {
        if value.len() != bytes {
            return Err(format!("a value of {} bytes instead of {bytes}", value.len()));
        }
        let (head, rest) = value.split_at(HEAD_BYTES);
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (named, number) = (word(0), word(4));
        if named != index {
            return Err(format!("the value of object {named}"));
        }
        let mut filler = self.filler(index, number);
        for (at, bytes) in rest.chunks(8).enumerate() {
            if filler.next().to_le_bytes()[..bytes.len()] != *bytes {
                return Err(format!("a value of write {number} damaged near byte {}", HEAD_BYTES + at * 8));
            }
        }
        Ok(number)
    }

    fn filler(&self, index: Index, number: Number) -> SplitMix {
        let object = u64::from(index) << 32 | u64::from(number);
        SplitMix(SplitMix(self.seed ^ object.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_their_object_and_write() {
        for value_bytes in [8, 9, 100, 1024] {
            let objects = Objects::new(1 << 20, value_bytes, 7);
            let value = objects.value(3, 9);
            assert_eq!(value.len(), value_bytes as usize);
            assert_eq!(objects.check(3, &value), Ok(9));
            assert!(objects.check(4, &value).is_err(), "another key's value");
        }
    }

    #[test]
    fn mixed_sizes_are_as_long_on_average() {
        let objects = Objects::mixed(1 << 20, 100, 7);
        let sizes: Vec<usize> = (1..=1000).map(|number| objects.value(3, number).len()).collect();
        assert!(sizes.iter().all(|size| (8..=200).contains(size)), "{sizes:?}");
        let mean = sizes.iter().sum::<usize>() / 1000;
        assert!((95..115).contains(&mean), "{mean}");
        for number in 1..100 {
            let value = objects.value(3, number);
            assert_eq!(objects.check(3, &value), Ok(number));
            assert!(objects.check(3, &value[..value.len() - 1]).is_err());
        }
    }

    #[test]
    fn every_changed_byte_and_length_is_noticed() {
        let objects = Objects::new(1 << 20, 61, 7);
        let value = objects.value(3, 9);
        for at in 0..value.len() {
            let mut bad = value.to_vec();
            bad[at] ^= 1;
            assert!(objects.check(3, &bad).is_err(), "byte {at}");
            assert!(objects.check(3, &value[..at]).is_err(), "length {at}");
        }
        assert!(Objects::new(1 << 20, 61, 8).check(3, &value).is_err(), "another seed's value");
    }

    #[test]
    fn lines_are_what_is_loaded_and_later_writes_are_told_from_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"1,a\n2,\xff\n3,\n").unwrap();
        let key = crate::records::KeyColumn::Number(1);
        let options = crate::records::CsvOptions { delimiter: b',', key, has_header: false, is_quoted: true };
        let objects = Objects::of(Arc::new(Input::read(file.path(), options).unwrap()), 7);
        assert_eq!((objects.count(), objects.bytes()), (3, 3 + 3 + 3 + 2));
        assert_eq!((objects.key(1), objects.value(1, LOADED)), ("2".into(), Bytes::from_static(b"2,\xff")));
        for (index, number) in [(0, 1), (1, 1), (2, 2), (1, 3), (0, Number::MAX)] {
            let value = objects.value(index, number);
            assert_eq!(objects.check(index, &value), Ok(number));
            for other in (0..3).filter(|other| *other != index) {
                assert!(objects.check(other, &value).is_err(), "another key's value");
            }
            for at in 0..value.len() {
                let mut bad = value.to_vec();
                bad[at] ^= 1;
                assert!(objects.check(index, &bad).is_err(), "byte {at} of write {number}");
            }
        }
    }

    #[test]
    fn the_data_is_keys_and_values() {
        let objects = Objects::new(256 << 20, 1024, 1);
        assert_eq!(objects.object_bytes(), objects.key(0).len() as u64 + objects.value(0, 1).len() as u64);
        assert_eq!(objects.count(), (256 << 20) / 1040);
        assert_eq!(objects.key(1), Bytes::from_static(b"object0000000001"));
    }
}
