//! Delimited files, with or without quotes (RFC 4180).
//!
//! A record may go over several lines: inside quotes a line break is a byte like any other. A `\r` before the line
//! break belongs to the line, so to the value, but not to the last field, so not to a key.

use super::{
    BadLine, Line, RECORD_BYTES_MAX, Records, check_key,
    lines::{LineRead, Lines},
};
use bytes::Bytes;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use std::io::{self, BufRead};

/// How a file is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    pub delimiter: u8,
    pub key: KeyColumn,
    /// The first record names the columns, and is no object.
    pub has_header: bool,
    /// Quotes around fields mean something.
    pub is_quoted: bool,
}

/// Which column is the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyColumn {
    /// By its number, from 1.
    Number(usize),
    /// By its name in the header.
    Name(String),
}

/// A delimiter as people write it: one character, `\t` or `tab`.
///
/// # Errors
/// What is possible.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("a delimiter is one ASCII character other than a quote, as ';' or '|', or 'tab'".into()),
    }
}

/// Whether a delimited file can hold this value as it is: with a line break behind it, [`CsvReader`] takes it for one
/// record, wherever it stands.
pub fn is_record(value: &[u8], delimiter: u8, is_quoted: bool) -> bool {
    // At the front of a file it would be taken for that of the file.
    let has_mark = value.starts_with(b"\xef\xbb\xbf");
    if value.len() > RECORD_BYTES_MAX || has_mark {
        return false;
    }
    let text = [value, b"\n"].concat();
    if is_blank(&text) || !value.iter().any(|byte| matches!(byte, b'"' | b'\n')) {
        return !is_blank(&text);
    }
    let options = CsvOptions { delimiter, key: KeyColumn::Number(1), has_header: false, is_quoted };
    let mut reader = CsvReader::new(text.as_slice(), options);
    matches!(reader.record(), Ok(Some(Ok(_)))) && reader.raw == text
}

/// Reads a delimited file.
pub struct CsvReader<R> {
    lines: Lines<R>,
    parser: Reader,
    options: CsvOptions,
    /// The key's column, from 0.
    column: usize,
    /// Of the present record: its bytes as they are, its fields without quotes, where these end.
    raw: Vec<u8>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Read already, to look at the file.
    first: Option<Result<Line, BadLine>>,
}

/// A record whose fields are at hand.
struct Record {
    number: u64,
    columns: usize,
}

impl<R: BufRead> CsvReader<R> {
    /// Begins to read, and looks whether the key's column is there.
    ///
    /// # Errors
    /// What to change about the options; or what the system says.
    pub fn open(input: R, options: CsvOptions) -> Result<Self, String> {
        let mut reader = Self::new(input, options);
        reader.begin()?;
        Ok(reader)
    }

    fn new(input: R, options: CsvOptions) -> Self {
        let parser = ReaderBuilder::new()
            .delimiter(options.delimiter)
            .quoting(options.is_quoted)
            .terminator(Terminator::Any(b'\n'))
            .build();
        Self {
            lines: Lines::new(input, RECORD_BYTES_MAX),
            parser,
            column: 0,
            options,
            raw: Vec::new(),
            fields: vec![0; 4096],
            ends: vec![0; 64],
            first: None,
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        let told = |error: io::Error| format!("the file can't be read: {error}");
        let first = match self.record().map_err(told)? {
            // Nothing in it: no column is wrong.
            None => return Ok(()),
            Some(Err(bad)) if self.options.has_header => {
                return Err(format!("line {}, the header: {}", bad.number, bad.reason));
            }
            Some(Err(bad)) => Err(bad),
            Some(Ok(record)) => Ok(record),
        };
        self.column = match (&self.options.key, &first) {
            (KeyColumn::Number(0), _) => return Err("columns are counted from 1".into()),
            (KeyColumn::Number(number), _) => number - 1,
            (KeyColumn::Name(_), _) if !self.options.has_header => {
                return Err(
                    "columns have names only in files with a header: give --header, or --key-column".into()
                );
            }
            (KeyColumn::Name(name), Ok(record)) => self.column_of(name, record)?,
            (KeyColumn::Name(_), Err(_)) => unreachable!("a bad header was refused"),
        };
        if let Ok(record) = &first
            && record.columns <= self.column
        {
            let delimiter = char::from(self.options.delimiter);
            return Err(format!(
                "there is no column {}: line {} has {} with the delimiter {delimiter:?}; columns are counted from 1; \
                 check --key-column and --delimiter",
                self.column + 1,
                record.number,
                counted(record.columns),
            ));
        }
        if !self.options.has_header {
            self.first = Some(first.and_then(|record| self.line(&record)));
        }
        Ok(())
    }

    fn column_of(&self, name: &str, header: &Record) -> Result<usize, String> {
        let names = (0..header.columns).map(|column| self.field(header, column));
        let found: Vec<usize> =
            names.clone().enumerate().filter(|(_, n)| *n == name.as_bytes()).map(|(at, _)| at).collect();
        match found[..] {
            [column] => Ok(column),
            [] => {
                let names: Vec<_> = names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                Err(format!("the header has no column {name:?}; its columns are {}", names.join(", ")))
            }
            _ => Err(format!("{} columns are called {name:?}: give --key-column", found.len())),
        }
    }

    /// Reads one record into the buffers.
    fn record(&mut self) -> io::Result<Option<Result<Record, BadLine>>> {
        self.raw.clear();
        let number = loop {
            match self.lines.read(&mut self.raw)? {
                LineRead::End => return Ok(None),
                LineRead::TooLong => return Ok(Some(Err(too_long(self.lines.number())))),
                LineRead::Line if is_blank(&self.raw) => self.raw.clear(),
                LineRead::Line => break self.lines.number(),
            }
        };
        let (mut fed, mut filled, mut columns) = (0, 0, 0);
        loop {
            let is_last = self.raw.last() != Some(&b'\n');
            let mut is_whole = self.feed(fed, &mut filled, &mut columns);
            // The end of the file ends a line too, but no quotes.
            is_whole |= is_last && self.end(&mut filled, &mut columns);
            if is_whole {
                return Ok(Some(Ok(Record { number, columns })));
            }
            fed = self.raw.len();
            let read = if is_last { LineRead::End } else { self.lines.read(&mut self.raw)? };
            if read != LineRead::Line || self.raw.len() > RECORD_BYTES_MAX {
                return Ok(Some(Err(self.unclosed(number, read))));
            }
        }
    }

    /// Parses what was read from `from` on. Whether the record is whole.
    fn feed(&mut self, from: usize, filled: &mut usize, columns: &mut usize) -> bool {
        let mut at = from;
        loop {
            let input = &self.raw[at..];
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.fields[*filled..], &mut self.ends[*columns..]);
            (at, *filled, *columns) = (at + read, *filled + written, *columns + ended);
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    /// As if the last line had an end. Whether that makes the record whole.
    fn end(&mut self, filled: &mut usize, columns: &mut usize) -> bool {
        let bytes = self.raw.len();
        self.raw.push(b'\n');
        let is_whole = self.feed(bytes, filled, columns);
        self.raw.truncate(bytes);
        is_whole
    }

    /// Gives the line with the quote up, and goes on behind it.
    fn unclosed(&mut self, number: u64, read: LineRead) -> BadLine {
        let first = self.raw.iter().position(|byte| *byte == b'\n').map_or(self.raw.len(), |at| at + 1);
        self.lines.read_again(&self.raw[first..], number + 1, read == LineRead::TooLong);
        self.parser.reset();
        let until = match read {
            LineRead::End => "before the end of the file".to_owned(),
            _ => format!("within {RECORD_BYTES_MAX} bytes"),
        };
        let reason = format!(
            "a quote is opened and not closed {until}; if quotes mean nothing in this file, give --no-quotes"
        );
        BadLine { number, reason }
    }

    fn field(&self, record: &Record, column: usize) -> &[u8] {
        let begin = if column == 0 { 0 } else { self.ends[column - 1] };
        let field = &self.fields[begin..self.ends[column]];
        let is_last = column + 1 == record.columns;
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        if is_last && raw.ends_with(b"\r") { field.strip_suffix(b"\r").unwrap_or(field) } else { field }
    }

    fn line(&self, record: &Record) -> Result<Line, BadLine> {
        let bad = |reason| BadLine { number: record.number, reason };
        if record.columns <= self.column {
            let (have, need) = (counted(record.columns), self.column + 1);
            return Err(bad(format!("it has {have}, the key is column {need}")));
        }
        let key = self.field(record, self.column);
        check_key(key).map_err(bad)?;
        let value = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        Ok(Line {
            number: record.number,
            key: Bytes::copy_from_slice(key),
            value: Bytes::copy_from_slice(value),
        })
    }
}

impl<R: BufRead> Records for CsvReader<R> {
    fn next(&mut self) -> io::Result<Option<Result<Line, BadLine>>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        Ok(self.record()?.map(|record| record.and_then(|record| self.line(&record))))
    }

    fn bytes(&self) -> u64 {
        self.lines.bytes()
    }
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n" | b"\r")
}

fn counted(columns: usize) -> String {
    if columns == 1 { "1 column".into() } else { format!("{columns} columns") }
}

fn too_long(number: u64) -> BadLine {
    BadLine { number, reason: format!("it has more than {RECORD_BYTES_MAX} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(column: usize) -> CsvOptions {
        CsvOptions { delimiter: b',', key: KeyColumn::Number(column), has_header: false, is_quoted: true }
    }

    /// Number, key and value of good lines, number and reason of bad ones.
    type Found = Result<(u64, Vec<u8>, Vec<u8>), (u64, String)>;

    fn read(text: &[u8], options: CsvOptions) -> Result<Vec<Found>, String> {
        let mut reader = CsvReader::open(text, options)?;
        let mut all = Vec::new();
        while let Some(found) = reader.next().unwrap() {
            all.push(match found {
                Ok(line) => Ok((line.number, line.key.to_vec(), line.value.to_vec())),
                Err(bad) => Err((bad.number, bad.reason)),
            });
        }
        assert_eq!(reader.bytes(), text.len() as u64);
        Ok(all)
    }

    fn good(number: u64, key: &[u8], value: &[u8]) -> Found {
        Ok((number, key.to_vec(), value.to_vec()))
    }

    #[test]
    fn the_key_is_a_field_and_the_value_is_the_line() {
        let text = b"1,a\n\"2\",\"b, \"\"c\"\"\"\n\n3,\n\"4\nx\",\xff\xfe\n5,last";
        let found = read(text, options(1)).unwrap();
        let expected = [
            good(1, b"1", b"1,a"),
            good(2, b"2", b"\"2\",\"b, \"\"c\"\"\""),
            good(4, b"3", b"3,"),
            good(5, b"4\nx", b"\"4\nx\",\xff\xfe"),
            good(7, b"5", b"5,last"),
        ];
        assert_eq!(found, expected);
        let found = read(b"1,a\n\"2\",\"b, \"\"c\"\"\"\n3,\xff", options(2)).unwrap();
        let keys: Vec<_> = found.into_iter().map(|found| found.unwrap().1).collect();
        assert_eq!(keys, [b"a".to_vec(), b"b, \"c\"".to_vec(), b"\xff".to_vec()]);
    }

    #[test]
    fn line_ends_of_windows_stay_in_values_and_not_in_keys() {
        let found = read(b"1,a\r\n2,\"b\"\r\n\r\n3,c\r", options(2)).unwrap();
        let expected = [good(1, b"a", b"1,a\r"), good(2, b"b", b"2,\"b\"\r"), good(4, b"c", b"3,c\r")];
        assert_eq!(found, expected);
    }

    #[test]
    fn bad_lines_are_told_by_number_and_the_next_ones_are_read() {
        let found = read(b"1,a\nalone\n,b\n4,d\n", options(2)).unwrap();
        assert_eq!(found[1], Err((2, "it has 1 column, the key is column 2".into())));
        assert_eq!((found[0].is_ok(), found[2].is_ok(), found[3].is_ok()), (true, true, true));
        let found = read(b"1,a\n,b\n", options(1)).unwrap();
        assert_eq!(found[1], Err((2, "the key is empty".into())));
        let long = [b"1,a\n".as_slice(), &[b'x'; 70_000], b",b\n3,c"].concat();
        let found = read(&long, options(1)).unwrap();
        assert!(matches!(&found[1], Err((2, why)) if why.contains("70000 bytes")), "{:?}", found[1]);
        assert_eq!(found[2], good(3, b"3", b"3,c"));
    }

    /// All texts of up to `bytes` of these bytes.
    fn texts(alphabet: &[u8], bytes: usize) -> Vec<Vec<u8>> {
        let mut all = vec![vec![]];
        let mut last = all.clone();
        for _ in 0..bytes {
            last = last
                .iter()
                .flat_map(|text| alphabet.iter().map(move |byte| [text.as_slice(), &[*byte]].concat()))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn what_a_file_can_hold_is_read_back_from_it() {
        for (is_quoted, delimiter) in [(true, b','), (true, b';'), (false, b',')] {
            let all = texts(b"\",\n\ra", 6);
            let values: Vec<_> = all.iter().filter(|value| is_record(value, delimiter, is_quoted)).collect();
            let text: Vec<u8> = values.iter().flat_map(|value| [value.as_slice(), b"\n"].concat()).collect();
            let mut reader =
                CsvReader::new(text.as_slice(), CsvOptions { delimiter, is_quoted, ..options(1) });
            for value in &values {
                assert!(matches!(reader.record(), Ok(Some(Ok(_)))), "{:?}", String::from_utf8_lossy(value));
                assert_eq!(reader.raw.strip_suffix(b"\n").unwrap(), value.as_slice());
            }
            assert!(reader.record().unwrap().is_none());
            // Nothing that a reader gives is refused.
            for text in &all {
                let mut reader =
                    CsvReader::new(text.as_slice(), CsvOptions { delimiter, is_quoted, ..options(1) });
                while let Some(record) = reader.record().unwrap() {
                    let value = reader.raw.strip_suffix(b"\n").unwrap_or(&reader.raw).to_vec();
                    assert!(
                        record.is_err() || is_record(&value, delimiter, is_quoted),
                        "{text:?}: {value:?}"
                    );
                }
            }
        }
        let (longest, longer) = (vec![b'x'; RECORD_BYTES_MAX], vec![b'x'; RECORD_BYTES_MAX + 1]);
        assert!(is_record(&longest, b',', true) && !is_record(&longer, b',', true));
        assert!(!is_record(b"\xef\xbb\xbf1,a", b',', true), "the mark would be the file's");
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_line_only() {
        let found = read(b"1,a\n2,\"b\n3,c\n4\",d\n5,\"e\"\"\n6,f", options(1)).unwrap();
        // Line 2's quote is closed by line 4's; that of line 5 by nothing.
        assert_eq!(found[1], good(2, b"2", b"2,\"b\n3,c\n4\",d"));
        assert!(matches!(&found[2], Err((5, why)) if why.contains("--no-quotes")), "{:?}", found[2]);
        assert_eq!(found[3], good(6, b"6", b"6,f"));
        let found = read(b"1,a\n2,\"b\n3,c\n", CsvOptions { is_quoted: false, ..options(1) }).unwrap();
        assert_eq!(found[1], good(2, b"2", b"2,\"b"));
    }

    #[test]
    fn a_quote_is_searched_for_in_bounded_memory() {
        let mut text = b"1,\"a\n".to_vec();
        while text.len() < 3 * RECORD_BYTES_MAX {
            text.extend_from_slice(b"2,some bytes of a line that is not so short\n");
        }
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let found = read(&text, options(1)).unwrap();
        assert!(matches!(&found[0], Err((1, why)) if why.contains("within")), "{:?}", found[0]);
        assert_eq!(found.len(), lines);
        assert!(found[1..].iter().all(Result::is_ok));

        let text = [b"1,\"a\n2,b\n3,".as_slice(), &vec![b'x'; 2 * RECORD_BYTES_MAX], b"\n4,d\n"].concat();
        let found = read(&text, options(1)).unwrap().into_iter();
        let numbers: Vec<_> =
            found.map(|f| f.map(|(number, ..)| number).map_err(|(number, _)| number)).collect();
        assert_eq!(numbers, [Err(1), Ok(2), Err(3), Ok(4)]);
    }

    #[test]
    fn the_header_names_columns() {
        let named =
            |name: &str| CsvOptions { key: KeyColumn::Name(name.into()), has_header: true, ..options(1) };
        let text = b"id,\"full name\",n,n\n1,x,2,3\n";
        assert_eq!(read(text, named("full name")).unwrap(), [good(2, b"x", b"1,x,2,3")]);
        assert!(read(text, named("ID")).unwrap_err().contains("its columns are id, full name"));
        assert!(read(text, named("n")).unwrap_err().contains("2 columns are called"));
        let skipped = CsvOptions { has_header: true, ..options(3) };
        assert_eq!(read(text, skipped).unwrap(), [good(2, b"2", b"1,x,2,3")]);
        assert!(read(b"a,b\n1,2\n", CsvOptions { has_header: false, ..named("a") }).is_err());
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_at_once() {
        for text in [b"1;2;3\n4,5\n".as_slice(), b"1\n", b"1,2"] {
            let why = read(text, options(3)).unwrap_err();
            assert!(why.contains("no column 3") && why.contains("--delimiter"), "{why}");
        }
        assert!(read(b"1,2\n", options(0)).unwrap_err().contains("counted from 1"));
        assert_eq!(read(b"", options(3)).unwrap(), []);
        assert_eq!(read(b"\n\r\n", options(3)).unwrap(), []);
    }

    #[test]
    fn delimiters_are_one_byte() {
        let good = [",", "\\t", "tab", "|"].map(|text| delimiter(text).unwrap());
        assert_eq!(good, [b',', b'\t', b'\t', b'|']);
        assert!(["", ";;", "\"", "\n", "é"].into_iter().all(|text| delimiter(text).is_err()));
    }

    #[test]
    fn many_columns_and_long_fields_fit() {
        let wide: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let wide = wide.join(",").into_bytes();
        assert_eq!(read(&wide, options(1000)).unwrap(), [good(1, b"999", &wide)]);
        let long = [b"k,".as_slice(), &vec![b'y'; 100_000]].concat();
        assert_eq!(read(&long, options(1)).unwrap(), [good(1, b"k", &long)]);
    }
}
