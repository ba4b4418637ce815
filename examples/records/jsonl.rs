//! JSON Lines: an object on each line.

use super::{
    BadLine, Line, RECORD_BYTES_MAX, Records, check_key,
    lines::{LineRead, Lines},
};
use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::BTreeMap,
    io::{self, BufRead},
    str,
};

/// Longest line with a key and a value of any bytes: JSON writes some of them with six characters.
const WITH_KEY_BYTES_MAX: usize = 8 * RECORD_BYTES_MAX;

/// What is the key, and what the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonKey {
    /// The key is this field, text or a number; the value is the line.
    Field(String),
    /// `{"key": .., "value": ..}`, as [`with_key`] writes: other bytes than UTF-8 are `{"hex": ".."}`.
    WithKey,
}

/// Reads JSON Lines.
pub struct JsonReader<R> {
    lines: Lines<R>,
    line_bytes_max: usize,
    key: JsonKey,
    line: Vec<u8>,
}

impl<R: BufRead> JsonReader<R> {
    pub fn new(input: R, key: JsonKey) -> Self {
        let line_bytes_max = match key {
            JsonKey::Field(_) => RECORD_BYTES_MAX,
            JsonKey::WithKey => WITH_KEY_BYTES_MAX,
        };
        Self { lines: Lines::new(input, line_bytes_max), line_bytes_max, key, line: Vec::new() }
    }
}

impl<R: BufRead> Records for JsonReader<R> {
    fn next(&mut self) -> io::Result<Option<Result<Line, BadLine>>> {
        loop {
            self.line.clear();
            let read = self.lines.read(&mut self.line)?;
            let number = self.lines.number();
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            return Ok(Some(match read {
                LineRead::End => return Ok(None),
                LineRead::Line if line.trim_ascii().is_empty() => continue,
                LineRead::TooLong => {
                    Err(BadLine { number, reason: format!("it has more than {} bytes", self.line_bytes_max) })
                }
                LineRead::Line => match parts(line, &self.key) {
                    Ok((key, value)) => Ok(Line { number, key, value }),
                    Err(reason) => Err(BadLine { number, reason }),
                },
            }));
        }
    }

    fn bytes(&self) -> u64 {
        self.lines.bytes()
    }
}

/// Key and value of a line.
fn parts(line: &[u8], key: &JsonKey) -> Result<(Bytes, Bytes), String> {
    let object = object(line)?;
    let (key, value) = match key {
        JsonKey::Field(field) => {
            let key = object.get(field).ok_or_else(|| format!("it has no field {field:?}"))?;
            (key_of(field, key.get())?, line.to_vec())
        }
        JsonKey::WithKey => (bytes_of(&object, "key")?, bytes_of(&object, "value")?),
    };
    check_key(&key)?;
    Ok((key.into(), value.into()))
}

/// Text without its quotes; a number as it is written, since 64 bits don't hold every one.
fn key_of(field: &str, json: &str) -> Result<Vec<u8>, String> {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) => Ok(text.into_bytes()),
        Ok(Value::Number(_)) => Ok(json.as_bytes().to_vec()),
        _ => Err(format!("{field:?} is neither text nor a number")),
    }
}

/// Fields of an object, as they are written.
type Object<'a> = BTreeMap<String, &'a RawValue>;

fn object(line: &[u8]) -> Result<Object<'_>, String> {
    let text = str::from_utf8(line)
        .map_err(|error| format!("it is not UTF-8 from byte {} on, as JSON is", error.valid_up_to() + 1))?;
    serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))
}

fn bytes_of(object: &Object<'_>, field: &str) -> Result<Vec<u8>, String> {
    let json = object.get(field).ok_or_else(|| format!("it has no field {field:?}"))?;
    match serde_json::from_str(json.get()) {
        Ok(Value::String(text)) => Ok(text.into_bytes()),
        Ok(Value::Object(bytes)) => {
            let hex = bytes.get("hex").and_then(Value::as_str).and_then(from_hex);
            hex.ok_or_else(|| {
                format!("{field:?} is an object without pairs of hexadecimal digits in \"hex\"")
            })
        }
        _ => Err(format!("{field:?} is neither text nor {{\"hex\": ..}}")),
    }
}

/// Whether this can be a line of a file of JSON Lines as it is.
pub fn is_object(value: &[u8]) -> bool {
    !value.contains(&b'\n') && object(value).is_ok()
}

/// A line for any key and value.
pub fn with_key(key: &[u8], value: &[u8]) -> String {
    let text = |bytes| match str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": to_hex(bytes) }),
    };
    json!({ "key": text(key), "value": text(value) }).to_string()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and value of good lines, number and reason of bad ones.
    type Found = Result<(Vec<u8>, Vec<u8>), (u64, String)>;

    fn read(text: &[u8], key: JsonKey) -> Vec<Found> {
        let mut reader = JsonReader::new(text, key);
        let mut all = Vec::new();
        while let Some(found) = reader.next().unwrap() {
            all.push(match found {
                Ok(line) => Ok((line.key.to_vec(), line.value.to_vec())),
                Err(bad) => Err((bad.number, bad.reason)),
            });
        }
        all
    }

    #[test]
    fn the_key_is_a_field_and_the_value_is_the_line() {
        let text = "{\"id\":\"a\\n\", \"x\":1}\n\n {\"id\":17.50} \r\n{\"x\":{},\"id\":\"é\"}".as_bytes();
        let found = read(text, JsonKey::Field("id".into()));
        assert_eq!(found[0], Ok((b"a\n".to_vec(), b"{\"id\":\"a\\n\", \"x\":1}".to_vec())));
        assert_eq!(found[1], Ok((b"17.50".to_vec(), b" {\"id\":17.50} \r".to_vec())));
        assert_eq!(found[2].as_ref().unwrap().0, "é".as_bytes());
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn bad_lines_are_told_by_number_and_reason() {
        let text = b"{\"id\":1}\n[1]\n{\"id\":\n{\"i\":2}\n{\"id\":null}\n{\"id\":\"\"}\n{\"id\":\"\xff\"}\n{\"id\":8}\n";
        let found = read(text, JsonKey::Field("id".into()));
        let reasons =
            ["no JSON object", "no JSON object", "no field \"id\"", "neither text", "empty", "not UTF-8"];
        for (at, reason) in reasons.iter().enumerate() {
            let Err((number, why)) = &found[at + 1] else { panic!("{:?}", found[at + 1]) };
            assert_eq!(*number, at as u64 + 2);
            assert!(why.contains(reason), "{why}");
        }
        assert!(found[0].is_ok() && found[7].is_ok());
    }

    #[test]
    fn any_bytes_survive_with_their_key() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (key, value) in [(&b"k"[..], &b"v\n"[..]), (&bytes[..], &bytes[..]), (b"\"", b"")] {
            let line = with_key(key, value);
            assert!(!line.contains('\n'));
            assert_eq!(read(line.as_bytes(), JsonKey::WithKey), [Ok((key.to_vec(), value.to_vec()))]);
        }
        // Every byte of these takes six.
        let longest = (vec![1; 65_535], vec![0; RECORD_BYTES_MAX]);
        let line = with_key(&longest.0, &longest.1);
        assert!(read(line.as_bytes(), JsonKey::WithKey) == [Ok(longest)], "of {} bytes", line.len());
        for bad in [
            "{\"key\":\"k\",\"value\":{\"hex\":\"0\"}}",
            "{\"key\":\"k\",\"value\":{\"hex\":\"+1\"}}",
            "{\"key\":1}",
        ] {
            assert!(read(bad.as_bytes(), JsonKey::WithKey)[0].is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_that_are_objects_are_told_from_others() {
        assert!(is_object(b"{}") && is_object(b" {\"a\":[1]} "));
        assert!(!is_object(b"1") && !is_object(b"{}\n") && !is_object(b"{} {}") && !is_object(b"\xff"));
    }
}
