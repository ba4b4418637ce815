//! Lines of a file, of bounded length, some of which can be read again.

use std::{
    io::{self, BufRead, Read},
    mem,
};

/// Reads lines.
pub struct Lines<R> {
    input: R,
    line_bytes_max: usize,
    /// Lines that are read again, before the input goes on.
    back: Vec<u8>,
    /// How far in them.
    back_at: usize,
    /// Behind them comes a line that is too long, which the input has left out already.
    is_too_long_behind: bool,
    /// Number of the line that was read last.
    number: u64,
    bytes: u64,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineRead {
    /// A line, with its `\n` unless the file ends without one.
    Line,
    /// A line of more bytes than are read; it is left out.
    TooLong,
    /// Nothing: the file is over.
    End,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most so many bytes, without their `\n`.
    pub fn new(input: R, line_bytes_max: usize) -> Self {
        Self {
            input,
            line_bytes_max,
            back: Vec::new(),
            back_at: 0,
            is_too_long_behind: false,
            number: 0,
            bytes: 0,
        }
    }

    /// Number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the input read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends the next line.
    pub fn read(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let again = &self.back[self.back_at..];
        if !again.is_empty() {
            let end = again.iter().position(|byte| *byte == b'\n').map_or(again.len(), |at| at + 1);
            line.extend_from_slice(&again[..end]);
            self.back_at += end;
            self.number += 1;
            return Ok(LineRead::Line);
        }
        if mem::take(&mut self.is_too_long_behind) {
            self.number += 1;
            return Ok(LineRead::TooLong);
        }
        let limit = self.line_bytes_max as u64 + 1;
        let read = (&mut self.input).take(limit).read_until(b'\n', line)? as u64;
        self.bytes += read;
        if read == 0 {
            return Ok(LineRead::End);
        }
        self.number += 1;
        if read < limit || line.last() == Some(&b'\n') {
            return Ok(LineRead::Line);
        }
        line.truncate(line.len() - read as usize);
        self.skip()?;
        Ok(LineRead::TooLong)
    }

    /// Goes to the end of the line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let read = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(read);
            self.bytes += read as u64;
            if end.is_some() || read == 0 {
                return Ok(());
            }
        }
    }

    /// These whole lines, the last that were read, are to be read again; the first has this number. Whether one that is
    /// too long was read behind them.
    pub fn read_again(&mut self, lines: &[u8], number: u64, is_too_long_behind: bool) {
        self.is_too_long_behind |= is_too_long_behind;
        let mut back = lines.to_vec();
        back.extend_from_slice(&self.back[self.back_at..]);
        (self.back, self.back_at) = (back, 0);
        self.number = number - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::RECORD_BYTES_MAX, *};

    fn all(lines: &mut Lines<&[u8]>) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let mut line = Vec::new();
            match lines.read(&mut line).unwrap() {
                LineRead::Line => all.push((lines.number(), line)),
                LineRead::TooLong => all.push((lines.number(), b"too long".to_vec())),
                LineRead::End => return all,
            }
        }
    }

    #[test]
    fn lines_are_numbered_and_the_last_needs_no_end() {
        let found = all(&mut Lines::new(b"a\n\n\xff b".as_slice(), RECORD_BYTES_MAX));
        assert_eq!(found, [(1, b"a\n".to_vec()), (2, b"\n".to_vec()), (3, b"\xff b".to_vec())]);
        assert!(all(&mut Lines::new(b"".as_slice(), RECORD_BYTES_MAX)).is_empty());
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        for (bytes, fits) in
            [(RECORD_BYTES_MAX, true), (RECORD_BYTES_MAX + 1, false), (RECORD_BYTES_MAX * 3, false)]
        {
            let text = [vec![b'x'; bytes], b"\nb\n".to_vec()].concat();
            let mut lines = Lines::new(text.as_slice(), RECORD_BYTES_MAX);
            let found = all(&mut lines);
            assert_eq!((found[0].1.len() > 10, found[1].clone()), (fits, (2, b"b\n".to_vec())), "{bytes}");
            assert_eq!(lines.bytes(), text.len() as u64);
        }
    }

    #[test]
    fn lines_are_read_again_under_their_numbers() {
        let mut lines = Lines::new(b"a\nb\nc\nd\n".as_slice(), RECORD_BYTES_MAX);
        let mut raw = Vec::new();
        for _ in 0..3 {
            lines.read(&mut raw).unwrap();
        }
        lines.read_again(&raw[2..], 2, false);
        let mut line = Vec::new();
        lines.read(&mut line).unwrap();
        assert_eq!((lines.number(), line.as_slice()), (2, b"b\n".as_slice()));
        lines.read_again(b"b\n", 2, false);
        let found = all(&mut lines);
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3, 4]);
        let bytes: Vec<u8> = found.into_iter().flat_map(|(_, line)| line).collect();
        assert_eq!(bytes, b"b\nc\nd\n");
        lines.read_again(b"d\n", 4, true);
        let again = all(&mut lines);
        assert_eq!(again, [(4, b"d\n".to_vec()), (5, b"too long".to_vec())]);
    }
}
