//! Files to read.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, stdin},
    path::Path,
};

/// What is read in one piece.
const BUFFER_BYTES: usize = 1 << 20;

/// Opens a file, `-` for standard input; and its length, if it has one.
///
/// # Errors
/// What is there instead of a file, and what to do.
pub fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), String> {
    if path == Path::new("-") {
        return Ok((Box::new(stdin().lock()), None));
    }
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path:?}: check the path"),
        _ => format!("{path:?} can't be read: {error}"),
    };
    let file = File::open(path).map_err(told)?;
    let metadata = file.metadata().map_err(told)?;
    if metadata.is_dir() {
        return Err(format!("{path:?} is a directory: give a file in it"));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, file)), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        match open(path) {
            Ok(_) => panic!("{path:?} is a file"),
            Err(why) => why,
        }
    }

    #[test]
    fn what_is_no_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refusal(dir.path()).contains("is a directory"));
        assert!(refusal(&dir.path().join("none.csv")).contains("there is no file"));
        std::fs::write(dir.path().join("a.csv"), "1,2\n").unwrap();
        assert_eq!(open(&dir.path().join("a.csv")).unwrap().1, Some(4));
        assert!(refusal(&dir.path().join("a.csv/b")).contains("can't be read"));
    }
}
