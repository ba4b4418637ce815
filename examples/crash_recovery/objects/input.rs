//! Objects from a file of lines: the last line of each key.

use crate::{
    checked::Index,
    records::{BadLine, CsvOptions, CsvReader, Records, open},
};
use bytes::Bytes;
use std::{collections::BTreeMap, io::BufRead, path::Path};

/// Longest line: with what is appended to it by later writes it fits into a segment of 8 MiB.
const LINE_BYTES_MAX: usize = (1 << 20) - 64;
/// Objects have numbers of 32 bits.
const KEYS_MAX: usize = 1 << 30;
/// Bad lines that are told one by one.
const TOLD_MAX: u64 = 10;

/// What a file holds.
#[derive(Debug)]
pub struct Input {
    /// Keys and lines, by the order in which keys came first.
    objects: Vec<(Bytes, Bytes)>,
    /// Keys and lines, in bytes.
    bytes: u64,
    /// Good lines.
    lines: u64,
    bad: u64,
}

impl Input {
    /// Reads a file, and tells the first bad lines.
    ///
    /// # Errors
    /// What is wrong with the file or with the options, and what to do.
    pub fn read(path: &Path, options: CsvOptions) -> Result<Self, String> {
        let (file, _) = open(path)?;
        let told = |why| format!("{path:?}: {why}");
        let input = Self::from(file, options, |bad| eprintln!("{bad}"));
        let input = input.map_err(told)?;
        if input.objects.is_empty() {
            return Err(told("there is no line that can be loaded".to_owned()));
        }
        Ok(input)
    }

    fn from(file: impl BufRead, options: CsvOptions, tell: impl Fn(&BadLine)) -> Result<Self, String> {
        let mut reader = CsvReader::open(file, options)?;
        let mut input = Self { objects: Vec::new(), bytes: 0, lines: 0, bad: 0 };
        let mut places = BTreeMap::<Bytes, usize>::new();
        while let Some(found) = reader.next().map_err(|error| format!("it can't be read: {error}"))? {
            let found = found.and_then(|line| match line.value.len() {
                0..=LINE_BYTES_MAX => Ok(line),
                bytes => {
                    let reason = format!("it has {bytes} bytes, at most {LINE_BYTES_MAX} are possible");
                    Err(BadLine { number: line.number, reason })
                }
            });
            match found {
                Ok(line) => {
                    input.lines += 1;
                    let next = places.len();
                    match *places.entry(line.key.clone()).or_insert(next) {
                        at if at == next => input.objects.push((line.key, line.value)),
                        at => input.objects[at].1 = line.value,
                    }
                }
                Err(bad) => {
                    input.bad += 1;
                    if input.bad <= TOLD_MAX {
                        tell(&bad);
                    }
                }
            }
            if places.len() > KEYS_MAX {
                return Err(format!("it has more than {KEYS_MAX} keys"));
            }
        }
        input.bytes = input.objects.iter().map(|(key, line)| (key.len() + line.len()) as u64).sum();
        Ok(input)
    }

    /// How many keys.
    pub fn count(&self) -> u64 {
        self.objects.len() as u64
    }

    /// Keys and lines of all objects.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn key(&self, index: Index) -> &Bytes {
        &self.objects[index as usize].0
    }

    pub fn line(&self, index: Index) -> &Bytes {
        &self.objects[index as usize].1
    }

    /// For people.
    pub fn words(&self) -> String {
        let bad = match self.bad {
            0 => String::new(),
            bad => format!("; {bad} bad lines are left out"),
        };
        format!(
            "{} lines with {} different keys, the last line of a key counts{bad}",
            self.lines,
            self.count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::KeyColumn;

    fn options() -> CsvOptions {
        CsvOptions { delimiter: b';', key: KeyColumn::Number(2), has_header: true, is_quoted: true }
    }

    #[test]
    fn the_last_line_of_a_key_counts() {
        let text = b"n;k\n1;a\n2;\"b\"\n\n3;a\nx\n;\n4;b;\"\xff\n\"";
        let told = std::cell::RefCell::new(Vec::new());
        let input =
            Input::from(text.as_slice(), options(), |bad| told.borrow_mut().push(bad.number)).unwrap();
        assert_eq!(told.into_inner(), [6, 7], "no second column, an empty key");
        let objects: Vec<_> = input.objects.iter().map(|(key, line)| (&key[..], &line[..])).collect();
        assert_eq!(objects, [(&b"a"[..], &b"3;a"[..]), (b"b", b"4;b;\"\xff\n\"")]);
        assert_eq!((input.lines, input.bad, input.count(), input.bytes()), (4, 2, 2, 2 + 3 + 8));
        assert!(input.words().contains("2 bad lines"), "{}", input.words());
    }

    #[test]
    fn what_can_not_be_loaded_is_told_with_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let refusal = |path: &Path| Input::read(path, options()).unwrap_err();
        assert!(refusal(&path).contains("there is no file"));
        assert!(refusal(dir.path()).contains("is a directory"));
        for (text, why) in [("n;k\n", "no line"), ("n,k\n1,2\n", "no column 2"), ("", "no line")] {
            std::fs::write(&path, text).unwrap();
            let refusal = refusal(&path);
            assert!(refusal.contains(why) && refusal.contains("a.csv"), "{refusal}");
        }
    }

    #[test]
    fn lines_that_fit_into_no_value_are_bad() {
        let line = |bytes: usize| [b"n;k\n1;k;".as_slice(), &vec![b'x'; bytes - 4], b"\n2;l\n"].concat();
        let count = |bytes| Input::from(line(bytes).as_slice(), options(), |_| {}).unwrap().count();
        assert_eq!((count(LINE_BYTES_MAX), count(LINE_BYTES_MAX + 1)), (2, 1));
    }
}
