//! Writes a table to a file.

use crate::{
    Done,
    args::{DumpOptions, Format},
    progress,
    records::{is_object, is_record, with_key},
};
use rekindle::client::{Listed, Table};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write, stdout},
    path::{Path, PathBuf},
};

/// How a value becomes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// As it is, if it is one delimited record.
    Record { delimiter: u8, is_quoted: bool },
    /// As it is, if it is a JSON object.
    Object,
    /// With its key, as JSON.
    WithKey,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    pub objects: u64,
    pub bytes: u64,
    /// Values that are no line in this form.
    pub left_out: u64,
}

pub async fn dump(table: &Table, options: &DumpOptions) -> Result<Done, String> {
    let form = match (options.format, options.with_keys) {
        (Format::Jsonl, true) => LineForm::WithKey,
        (Format::Jsonl, false) => LineForm::Object,
        (Format::Csv, false) => {
            LineForm::Record { delimiter: options.delimiter, is_quoted: !options.no_quotes }
        }
        (Format::Csv, true) => return Err("--with-keys is for --format jsonl".into()),
    };
    let dumped = match &options.output {
        None => write_all(table, form, &mut BufWriter::new(stdout().lock())).await?,
        Some(path) => to_file(table, form, path).await?,
    };
    eprintln!("{:>12}  {} objects, {:.1} MB", "dumped", dumped.objects, dumped.bytes as f64 / 1e6);
    if dumped.left_out == 0 {
        return Ok(Done::Complete);
    }
    let what = match form {
        LineForm::Record { .. } => {
            "would not be read back as they are, and were left out: give --delimiter and --no-quotes as to `load`, or"
        }
        _ => "are no JSON objects, and were left out:",
    };
    eprintln!("kv: {} values {what} `dump --format jsonl --with-keys` writes all", dumped.left_out);
    Ok(Done::Incomplete)
}

/// Under a temporary name, until it is whole.
async fn to_file(table: &Table, form: LineForm, path: &Path) -> Result<Dumped, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let told = |error: io::Error| format!("{path:?}: {error}");
    if path.is_dir() {
        return Err(format!("{path:?} is a directory: give a file"));
    }
    let mut output = BufWriter::new(File::create(&part).map_err(told)?);
    let dumped = write_all(table, form, &mut output).await;
    let kept = match &dumped {
        Ok(_) => output.into_inner().map_err(|error| error.into_error()).and_then(|file| file.sync_all()),
        Err(_) => Ok(()),
    };
    match (dumped, kept) {
        (Ok(dumped), Ok(())) => fs::rename(&part, path).map_err(told).map(|()| dumped),
        (dumped, kept) => {
            let _ = fs::remove_file(&part);
            dumped.and_then(|dumped| kept.map_err(told).map(|()| dumped))
        }
    }
}

/// Writes every object, a page at a time.
pub async fn write_all(table: &Table, form: LineForm, output: &mut impl Write) -> Result<Dumped, String> {
    let bar = progress::bar("dump", None);
    let mut dumped = Dumped::default();
    let mut scan = table.scan();
    while let Some(page) = scan.next_page().await.map_err(|error| error.to_string())? {
        for object in &page {
            match line(object, form) {
                Some(line) => {
                    let written = output.write_all(&line).and_then(|()| output.write_all(b"\n"));
                    written.map_err(|error| format!("it can't be written: {error}"))?;
                    dumped.objects += 1;
                    dumped.bytes += line.len() as u64 + 1;
                }
                None => dumped.left_out += 1,
            }
        }
        bar.set_position(dumped.bytes);
    }
    output.flush().map_err(|error| format!("it can't be written: {error}"))?;
    bar.finish_and_clear();
    Ok(dumped)
}

fn line(object: &Listed, form: LineForm) -> Option<Vec<u8>> {
    match form {
        LineForm::Record { delimiter, is_quoted } => {
            is_record(&object.value, delimiter, is_quoted).then(|| object.value.to_vec())
        }
        LineForm::Object => is_object(&object.value).then(|| object.value.to_vec()),
        LineForm::WithKey => Some(with_key(&object.key, &object.value).into_bytes()),
    }
}
