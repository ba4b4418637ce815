//! Where two traces part.

use std::{collections::VecDeque, io::BufRead};

/// Lines shown before and after the first that differ.
const CONTEXT: usize = 8;

/// The first lines that differ, with those around them; none when the two are equal to the last byte.
pub fn first_difference(mut one: impl BufRead, mut other: impl BufRead) -> Option<String> {
    let mut before = VecDeque::new();
    for number in 1_u64.. {
        let lines = [next_line(&mut one), next_line(&mut other)];
        if lines[0] == lines[1] {
            let [line, _] = lines;
            if line.is_empty() {
                return None;
            }
            before.push_back(line);
            if before.len() > CONTEXT {
                before.pop_front();
            }
            continue;
        }
        let [first, second] = lines;
        let mut text = format!("in line {number}:\n");
        before.iter().for_each(|line| text += &format!("   {}", show(line)));
        for (sign, line, rest) in [('-', first, &mut one as &mut dyn BufRead), ('+', second, &mut other)] {
            text += &format!(" {sign} {}", show(&line));
            for _ in 0..CONTEXT {
                text += &format!(" {sign} {}", show(&next_line(rest)));
            }
        }
        return Some(text);
    }
    unreachable!("no trace has so many lines")
}

/// With its end; empty after the last.
fn next_line(from: &mut (impl BufRead + ?Sized)) -> Vec<u8> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).expect("the trace can be read");
    line
}

fn show(line: &[u8]) -> String {
    match line {
        [] => "(the end)\n".to_owned(),
        [.., b'\n'] => String::from_utf8_lossy(line).into_owned(),
        _ => format!("{} (no end of line)\n", String::from_utf8_lossy(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(one: &str, other: &str) -> Option<String> {
        first_difference(one.as_bytes(), other.as_bytes())
    }

    #[test]
    fn equal_traces_have_no_difference() {
        assert_eq!(difference("", ""), None);
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn the_first_lines_that_differ_are_shown_between_their_neighbours() {
        let text = difference("1 a\n2 b\n3 c\n", "1 a\n2 x\n3 c\n").unwrap();
        assert!(text.starts_with("in line 2:\n   1 a\n - 2 b\n - 3 c\n - (the end)\n"), "{text}");
        assert!(text.contains(" + 2 x\n + 3 c\n"), "{text}");
    }

    #[test]
    fn a_missing_end_is_a_difference() {
        assert!(difference("1 a\n2 b\n", "1 a\n").unwrap().contains(" + (the end)\n"));
        assert!(difference("1 a\n", "1 a").unwrap().contains(" + 1 a (no end of line)\n"));
        assert!(difference("1 a\n", "1 a\n\n").is_some());
    }
}
