//! An event as a line of text.

use super::digest::Digest;
use rekindle_env::{Time, memory::Event};
use std::fmt::{self, Write};

/// Writes all there is to know of an event, and ends the line. Two runs are the same when all their lines are. Of a frame's bytes
/// it writes a digest over all of them.
///
/// # Errors
/// When `out` takes no more.
pub fn write_line(out: &mut impl Write, at: Time, event: &Event<'_>) -> fmt::Result {
    write!(out, "{} ", at.0)?;
    match *event {
        Event::Message { what, from, to, lane, stream, place, due, frame } => {
            let mut digest = Digest::default();
            digest.add(frame);
            writeln!(
                out,
                "message {what} {from}>{to} {lane} {stream}.{place} due {} bytes {} {:016x}",
                due.0,
                frame.len(),
                digest.0
            )
        }
        Event::Disk { node, call, file, offset, bytes, ok } => {
            writeln!(out, "disk {node} {call} {file:?} at {offset} bytes {bytes} ok {ok}")
        }
        Event::Spawn { node, task, name } => writeln!(out, "spawn {node} {name} {task}"),
        Event::Poll { task } => writeln!(out, "poll {task}"),
        Event::End { task } => writeln!(out, "end {task}"),
        Event::Timer { number } => writeln!(out, "timer {number}"),
        ref other => writeln!(out, "{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &Event<'_>) -> String {
        let mut out = String::new();
        write_line(&mut out, Time(5), event).expect("strings take everything");
        out
    }

    #[test]
    fn every_byte_of_a_frame_shows_in_its_line() {
        let frame: Vec<u8> = (0..100).collect();
        let message = |frame: &[u8]| {
            let (what, from, to, lane) = ("sent", "s0", "s1", "replication");
            line(&Event::Message { what, from, to, lane, stream: 3, place: 9, due: Time(7), frame })
        };
        assert!(message(&frame).starts_with("5 message sent s0>s1 replication 3.9 due 7 bytes 100 "));
        for at in 0..frame.len() {
            let mut other = frame.clone();
            other[at] ^= 1;
            assert_ne!(message(&other), message(&frame), "byte {at}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line(&Event::Note("two\nlines")), "5 Note(\"two\\nlines\")\n");
        assert_eq!(line(&Event::Advance), "5 Advance\n");
        let disk = Event::Disk { node: "s0", call: "sync", file: "a\nb", offset: 1, bytes: 2, ok: true };
        assert_eq!(line(&disk), "5 disk s0 sync \"a\\nb\" at 1 bytes 2 ok true\n");
    }
}
