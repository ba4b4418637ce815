//! Loads a file into a table.

mod lanes;
mod report;
#[cfg(test)]
mod tests;

use crate::{
    Done,
    args::{Format, LoadOptions},
    progress,
    records::{self, BadLine, CsvOptions, CsvReader, JsonKey, JsonReader, KeyColumn, Records},
};
use lanes::Lanes;
use rekindle::client::Table;
pub use report::Loaded;
use std::{io::BufRead, time::Instant};

/// Lines to be loaded, and bytes of the file, if they are known.
pub type Input = (Box<dyn Records>, Option<u64>);

/// Opens the file, and looks whether the key is where it is said to be.
pub fn open(options: &LoadOptions) -> Result<Input, String> {
    let reading = reading(options)?;
    let (file, bytes) = records::open(&options.file)?;
    Ok((reading.open(file).map_err(|why| format!("{:?}: {why}", options.file))?, bytes))
}

/// How a file is read.
pub enum Reading {
    Csv(CsvOptions),
    Jsonl(JsonKey),
}

impl Reading {
    pub fn open<'a>(self, input: impl BufRead + 'a) -> Result<Box<dyn Records + 'a>, String> {
        Ok(match self {
            Self::Csv(options) => Box::new(CsvReader::open(input, options)?),
            Self::Jsonl(key) => Box::new(JsonReader::new(input, key)),
        })
    }
}

fn reading(options: &LoadOptions) -> Result<Reading, String> {
    let LoadOptions { key_column, key, with_keys, .. } = options;
    match options.format {
        Format::Csv if *with_keys => Err("--with-keys is for --format jsonl".into()),
        Format::Csv => {
            let key = match (key_column, key) {
                (Some(number), _) => KeyColumn::Number(*number),
                (None, Some(name)) if options.header => KeyColumn::Name(name.clone()),
                (None, Some(_)) => {
                    return Err("--key names a column of the header: give --header, or --key-column N".into());
                }
                (None, None) => return Err("which column is the key? Give --key-column N, from 1".into()),
            };
            let (delimiter, has_header, is_quoted) = (options.delimiter, options.header, !options.no_quotes);
            Ok(Reading::Csv(CsvOptions { delimiter, key, has_header, is_quoted }))
        }
        Format::Jsonl if key_column.is_some() => {
            Err("JSON Lines have fields, no columns: give --key FIELD".into())
        }
        Format::Jsonl => match key {
            Some(field) => Ok(Reading::Jsonl(JsonKey::Field(field.clone()))),
            None if *with_keys => Ok(Reading::Jsonl(JsonKey::WithKey)),
            None => Err("which field is the key? Give --key FIELD, or --with-keys".into()),
        },
    }
}

/// Loads, shows how far it is, and tells what came of it.
pub async fn load(
    table: &Table,
    mut records: Box<dyn Records>,
    bytes: Option<u64>,
    options: &LoadOptions,
) -> Result<Done, String> {
    let bar = progress::bar("load", bytes);
    let tell = |bad: &BadLine| bar.suspend(|| eprintln!("{bad}"));
    let began = Instant::now();
    let (loaded, outcome) =
        load_all(table, &mut *records, options.strict, tell, |bytes| bar.set_position(bytes)).await;
    bar.finish_and_clear();
    eprint!("{}", loaded.text(began.elapsed()));
    outcome?;
    Ok(if loaded.bad == 0 { Done::Complete } else { Done::Incomplete })
}

/// Loads every line. What was loaded is told also when it ends early.
pub async fn load_all(
    table: &Table,
    records: &mut dyn Records,
    is_strict: bool,
    tell: impl Fn(&BadLine),
    progress: impl Fn(u64),
) -> (Loaded, Result<(), String>) {
    let mut loaded = Loaded::default();
    let mut lanes = Lanes::new(table);
    let read = read_all(records, &mut lanes, &mut loaded, is_strict, &tell, &progress).await;
    // Also after an error: what was read before it is loaded, so that the report says how far it is.
    let ended = lanes.finish(&mut loaded, &tell).await;
    let is_refused = is_strict && loaded.bad > 0;
    let refused = || "a bad line, and --strict: the lines before it are loaded".to_owned();
    let outcome = read.and(ended).and_then(|()| if is_refused { Err(refused()) } else { Ok(()) });
    (loaded, outcome)
}

async fn read_all(
    records: &mut dyn Records,
    lanes: &mut Lanes<'_>,
    loaded: &mut Loaded,
    is_strict: bool,
    tell: &impl Fn(&BadLine),
    progress: &impl Fn(u64),
) -> Result<(), String> {
    while let Some(found) = records.next().map_err(|error| format!("the file can't be read: {error}"))? {
        match found {
            Ok(line) => lanes.put(line, loaded, tell).await?,
            Err(bad) => loaded.refuse(&bad, tell),
        }
        if is_strict && loaded.bad > 0 {
            return Ok(());
        }
        progress(records.bytes());
    }
    Ok(())
}
