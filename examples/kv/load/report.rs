//! What came of a load.

use crate::records::BadLine;
use std::time::Duration;

/// Bad lines that are told one by one; the others are counted.
const TOLD_MAX: u64 = 20;

/// Lines so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Lines that are in the table, or were replaced by later ones of the same key.
    pub lines: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Lines that are no objects.
    pub bad: u64,
    /// Of the lines, those of which a later one with the same key was met before they were sent.
    pub replaced: u64,
}

impl Loaded {
    /// Counts a bad line, and tells it, if it is among the first.
    pub fn refuse(&mut self, bad: &BadLine, tell: &impl Fn(&BadLine)) {
        self.bad += 1;
        if self.bad <= TOLD_MAX {
            tell(bad);
        }
    }

    /// For people.
    pub fn text(&self, time: Duration) -> String {
        let seconds = time.as_secs_f64().max(1e-3);
        let Self { lines, bytes, bad, .. } = self;
        let megabytes = *bytes as f64 / 1e6;
        let mut text = format!(
            "{:>12}  {lines} lines, {megabytes:.1} MB, in {seconds:.2} s: {:.1} MB/s, {:.0} lines/s\n",
            "loaded",
            megabytes / seconds,
            *lines as f64 / seconds
        );
        match bad {
            0 => {}
            1 => text += &format!("{:>12}  1 line, left out\n", "bad"),
            bad if *bad > TOLD_MAX => {
                text +=
                    &format!("{:>12}  {bad} lines, left out; the first {TOLD_MAX} are told above\n", "bad");
            }
            bad => text += &format!("{:>12}  {bad} lines, left out\n", "bad"),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_first_bad_lines_are_told_and_all_are_counted() {
        let told = Cell::new(0);
        let mut loaded = Loaded { lines: 10, bytes: 2_000_000, ..Loaded::default() };
        for number in 1..=50 {
            let bad = BadLine { number, reason: "bad".into() };
            loaded.refuse(&bad, &|_| told.set(told.get() + 1));
        }
        assert_eq!((told.get(), loaded.bad), (TOLD_MAX, 50));
        let text = loaded.text(Duration::from_secs(2));
        assert!(text.contains("10 lines, 2.0 MB, in 2.00 s: 1.0 MB/s, 5 lines/s"), "{text}");
        assert!(text.contains("50 lines, left out; the first 20"), "{text}");
    }
}
