//! Single objects.

use crate::{
    Done,
    args::{PutOptions, ScanOptions},
};
use rekindle::client::{Condition, Conditional, Table};
use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write, stdin, stdout},
    os::unix::ffi::OsStrExt,
};

/// No value is longer: a segment has 8 MiB at most, and takes values of an eighth of that.
const VALUE_BYTES_MAX: u64 = 1 << 20;

pub async fn put(table: &Table, options: &PutOptions) -> Result<Done, String> {
    let value = match &options.value {
        Some(value) => value.as_bytes().to_vec(),
        None => read_value()?,
    };
    let condition = match (options.if_absent, options.if_present, options.if_version) {
        (true, ..) => Condition::IfAbsent,
        (_, true, _) => Condition::IfPresent,
        (.., Some(version)) => Condition::IfVersion(version),
        _ => Condition::Always,
    };
    let key = options.key.as_bytes();
    match table.put_if(key, value, condition).await.map_err(|error| error.to_string())? {
        Conditional::Done(version) => {
            println!("version {}", version.0);
            Ok(Done::Complete)
        }
        Conditional::Failed { present } => {
            let there =
                present.map_or("no such object is there".into(), |v| format!("version {} is there", v.0));
            eprintln!("kv: not written: {there}");
            Ok(Done::Incomplete)
        }
    }
}

fn read_value() -> Result<Vec<u8>, String> {
    let mut value = Vec::new();
    let read = stdin().lock().take(VALUE_BYTES_MAX + 1).read_to_end(&mut value);
    read.map_err(|error| format!("standard input: {error}"))?;
    if value.len() as u64 > VALUE_BYTES_MAX {
        return Err(format!("a value has at most {VALUE_BYTES_MAX} bytes"));
    }
    Ok(value)
}

pub async fn get(table: &Table, key: &OsStr) -> Result<Done, String> {
    match table.get(key.as_bytes()).await.map_err(|error| error.to_string())? {
        Some(object) => {
            let mut output = stdout().lock();
            let written = output.write_all(&object.value).and_then(|()| output.flush());
            written.map_err(|error| format!("standard output: {error}"))?;
            Ok(Done::Complete)
        }
        None => {
            eprintln!("kv: there is no object {:?}", key.to_string_lossy());
            Ok(Done::Incomplete)
        }
    }
}

pub async fn delete(table: &Table, keys: &[OsString]) -> Result<Done, String> {
    let mut done = Done::Complete;
    let outcomes = table.multi_delete(keys.iter().map(|key| key.as_bytes())).await;
    for (key, outcome) in keys.iter().zip(outcomes) {
        let name = key.to_string_lossy();
        match outcome.map_err(|error| format!("{name:?}: {error}"))? {
            Some(version) => println!("{name} version {}", version.0),
            None => {
                eprintln!("kv: there is no object {name:?}");
                done = Done::Incomplete;
            }
        }
    }
    Ok(done)
}

pub async fn scan(table: &Table, options: &ScanOptions) -> Result<Done, String> {
    let mut left = options.limit.unwrap_or(u64::MAX);
    let mut scan = table.scan();
    let mut output = stdout().lock();
    while left > 0 {
        let Some(page) = scan.next_page().await.map_err(|error| error.to_string())? else { break };
        for object in page.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            let value = if options.keys { String::new() } else { format!("\t{}", printable(&object.value)) };
            writeln!(output, "{}{value}", printable(&object.key)).map_err(|error| error.to_string())?;
            left -= 1;
        }
    }
    Ok(Done::Complete)
}

/// Text as it is, all else as in a string of a program.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ if character.is_control() => text.extend(character.escape_default()),
                _ => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_than_text_are_escaped() {
        assert_eq!(printable("é, \"a\" b".as_bytes()), "é, \"a\" b");
        assert_eq!(printable(b"a\tb\n\\\xff\x00"), "a\\tb\\n\\\\\\xff\\u{0}");
    }
}
