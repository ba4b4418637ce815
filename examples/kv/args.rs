//! The command line.

use crate::records::delimiter;
use clap::{Args, Parser, Subcommand, ValueEnum};
use rekindle::types::Version;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Reads and writes tables of a running cluster.
///
/// Keys and values are bytes: what is given on the command line or in a file goes in as it is, and comes out so.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// The cluster's directory, as `cluster up` made it
    #[arg(long, global = true, value_name = "DIR", default_value = "rekindle-cluster")]
    pub cluster: PathBuf,
    /// How long a call may take; a server that is being recovered is waited for as long
    #[arg(long, global = true, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub timeout: Duration,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples, with a cluster that `cluster up` keeps in ./rekindle-cluster:
  kv create users
  kv put users ada lovelace
  kv get users ada
  kv load users people.csv --header --key-column 2
  kv load users people.tsv --delimiter tab --key-column 1
  kv load events events.jsonl --format jsonl --key id
  kv dump users > people.csv

Exit status: 0 when it was done; 1 when not; 2 for options that can't work; 3 when a part was done: some lines were bad,
or there is no such object.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a table, spread over the servers
    Create {
        table: String,
        /// Hash ranges that servers own one by one [default: two for each server]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
        tablets: Option<u32>,
    },
    /// Remove a table and everything in it
    Drop { table: String },
    /// List the tables
    List,
    /// Write an object
    Put(PutOptions),
    /// Print an object's value, as it is
    Get { table: String, key: OsString },
    /// Remove objects
    Delete {
        table: String,
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<OsString>,
    },
    /// Print keys and values, with a tab between, in no order; bytes that are no text as \xff
    Scan(ScanOptions),
    /// Write every line of a file: the key is a part of the line, the value is the line
    ///
    /// Every line is an object: the key is a field of it, the value is the line, all bytes of it but the line break.
    ///
    /// Of lines with the same key the last one wins. Blank lines are left out. Bad lines are left out too, and told with
    /// their numbers; with --strict the first one ends the load.
    ///
    /// CSV: bytes stay as they are, UTF-8 or not; quoted fields may hold delimiters, quotes ("") and line breaks. A \r before
    /// the line break belongs to the value, and not to a key. JSON Lines are UTF-8, and a line with other bytes is a bad one;
    /// for any bytes use --with-keys on both sides: `dump` writes {"key": .., "value": ..} with other bytes as {"hex": ".."}.
    Load(LoadOptions),
    /// Write the values of a table to a file, one a line, in no order
    ///
    /// With the options of `load` a dump is what was loaded: the last line of every key, byte for byte. Values that `load`
    /// would not read back, such as those with line breaks that no quotes enclose, are left out and counted; --format
    /// jsonl --with-keys writes any keys and values, and `load` with the same options reads all of them.
    Dump(DumpOptions),
}

#[derive(Debug, Args)]
pub struct PutOptions {
    pub table: String,
    pub key: OsString,
    /// The value [default: standard input, to its end]
    pub value: Option<OsString>,
    /// Only if there is no such object
    #[arg(long, conflicts_with_all = ["if_present", "if_version"])]
    pub if_absent: bool,
    /// Only if there is one
    #[arg(long, conflicts_with = "if_version")]
    pub if_present: bool,
    /// Only if it has this version
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub if_version: Option<Version>,
}

#[derive(Debug, Args)]
pub struct ScanOptions {
    pub table: String,
    /// Objects to print at most
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print keys only
    #[arg(long)]
    pub keys: bool,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Fields with a delimiter between them, quotes around those that need them; any bytes
    Csv,
    /// A JSON object on each line; UTF-8
    Jsonl,
}

/// What to load, and how.
#[derive(Debug, Args)]
pub struct LoadOptions {
    pub table: String,
    /// The file; `-` for standard input
    pub file: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// CSV: the key's column, from 1
    #[arg(long, value_name = "N", conflicts_with = "key")]
    pub key_column: Option<usize>,
    /// The key's field: a field of the objects, or a column's name in the header
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,
    /// CSV: what is between fields: one character, or `tab`
    #[arg(long, value_name = "C", default_value = ",", value_parser = delimiter)]
    pub delimiter: u8,
    /// CSV: the first line names the columns, and is no object
    #[arg(long)]
    pub header: bool,
    /// CSV: quotes mean nothing
    #[arg(long)]
    pub no_quotes: bool,
    /// JSON Lines: {"key": .., "value": ..}, as `dump --with-keys` writes
    #[arg(long, conflicts_with_all = ["key", "key_column"])]
    pub with_keys: bool,
    /// Stop at the first bad line
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct DumpOptions {
    pub table: String,
    /// CSV: values as they are, one after another. JSON Lines: the same. What is no record or JSON object, and so would
    /// not come back from the file, is left out and counted
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// JSON Lines: write {"key": .., "value": ..} for every object, other bytes than UTF-8 as {"hex": ".."}
    #[arg(long)]
    pub with_keys: bool,
    /// CSV: what is between fields, as in `load`
    #[arg(long, value_name = "C", default_value = ",", value_parser = delimiter)]
    pub delimiter: u8,
    /// CSV: quotes mean nothing, as in `load`
    #[arg(long)]
    pub no_quotes: bool,
    /// Where to [default: standard output]; it is there when it is whole
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    if (0.001..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("0.001 to 86400 seconds are possible".into())
    }
}

fn version(text: &str) -> Result<Version, String> {
    text.trim_start_matches('v')
        .parse()
        .map(Version)
        .map_err(|_| "a version is a number, as `put` tells it".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &str) -> Result<Cli, String> {
        let words = std::iter::once("kv").chain(words.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_well_formed() {
        Cli::command().debug_assert();
        for good in [
            "create t --tablets 3",
            "put t k v --if-absent",
            "put t k --if-version v7",
            "delete t a b --cluster c",
            "load t f --format jsonl --key id --strict",
            "load t f --key-column 2 --delimiter tab --header --timeout 0.5",
        ] {
            assert!(parse(good).is_ok(), "{good}: {}", parse(good).unwrap_err());
        }
        for bad in [
            "delete t",
            "load t f --key a --key-column 1",
            "load t f --delimiter ab",
            "put t k v --if-absent --if-present",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
