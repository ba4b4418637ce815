//! A command-line client of a running cluster.
//!
//! `cargo run --release --example kv -- --cluster DIR list` talks to the cluster that `cluster up` has started there.
//! `--help` says what else it does.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is the world around the cluster: it has files and a terminal"
)]

mod args;
mod dump;
mod load;
mod objects;
mod progress;
#[path = "../records/mod.rs"]
mod records;
mod tables;

use args::{Cli, Command};
use clap::Parser;
use futures_util::future::{Either, select};
use rekindle::{
    client::{ClientConfig, ClientError},
    cluster::local::{ClusterClient, ClusterDir},
};
use std::{pin::pin, process::ExitCode, time::Duration};

/// Done, but some lines were bad, or there was no such object.
const INCOMPLETE: u8 = 3;

/// Longer than anything takes while nothing is wrong.
const MOMENT: Duration = Duration::from_secs(3);

/// What a command has come to.
enum Done {
    /// All of it.
    Complete,
    /// What could be done; what could not was told.
    Incomplete,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(Done::Complete) => ExitCode::SUCCESS,
        Ok(Done::Incomplete) => ExitCode::from(INCOMPLETE),
        Err(why) => {
            eprintln!("kv: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<Done, String> {
    // What is wrong about a file needs no cluster.
    let input = match &cli.command {
        Command::Load(options) => Some(load::open(options)?),
        _ => None,
    };
    let dir = ClusterDir::open(&cli.cluster).map_err(|error| error.to_string())?;
    let config = ClientConfig { timeout: cli.timeout, ..ClientConfig::default() };
    let client = dir.client(config).map_err(|error| error.to_string())?;
    let told = |error| explain(error, cli);
    client.block_on(async {
        match &cli.command {
            Command::Load(options) => {
                let table = patiently(cli, &client, client.table(&options.table)).await.map_err(told)?;
                let (records, bytes) = input.expect("opened above");
                load::load(&table, records, bytes, options).await
            }
            Command::Dump(options) => {
                let table = patiently(cli, &client, client.table(&options.table)).await.map_err(told)?;
                dump::dump(&table, options).await
            }
            _ => patiently(cli, &client, brief(cli, &client)).await,
        }
    })
}

/// Commands that take a moment.
async fn brief(cli: &Cli, client: &ClusterClient) -> Result<Done, String> {
    let told = |error| explain(error, cli);
    let table = async |name: &str| client.table(name).await.map_err(told);
    match &cli.command {
        Command::Create { table, tablets } => tables::create(client, table, *tablets).await.map_err(told),
        Command::Drop { table } => tables::drop(client, table).await.map_err(told),
        Command::List => tables::list(client).await,
        Command::Put(options) => objects::put(&table(&options.table).await?, options).await,
        Command::Get { table: name, key } => objects::get(&table(name).await?, key).await,
        Command::Delete { table: name, keys } => objects::delete(&table(name).await?, keys).await,
        Command::Scan(options) => objects::scan(&table(&options.table).await?, options).await,
        Command::Load(_) | Command::Dump(_) => unreachable!("these take longer"),
    }
}

/// Waits, and says so when it takes longer than a moment.
async fn patiently<T>(cli: &Cli, client: &ClusterClient, calls: impl Future<Output = T>) -> T {
    let mut calls = pin!(calls);
    // From the first look at the calls on: a value may be typed until then.
    let moment = pin!(async { client.env().clock.sleep(MOMENT).await });
    match select(&mut calls, moment).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => {
            eprintln!(
                "kv: no answer yet, waiting for {:?} at most; `cluster status --cluster {}` shows how it is",
                cli.timeout,
                cli.cluster.display()
            );
            calls.await
        }
    }
}

/// What a person can do about it.
fn explain(error: ClientError, cli: &Cli) -> String {
    let dir = cli.cluster.display();
    match error {
        ClientError::NoSuchTable(name) => {
            format!(
                "there is no table {name}: `kv --cluster {dir} list` shows those that are; `create` makes one"
            )
        }
        ClientError::TableExists(name) => format!("table {name:?} exists: use it, or `drop` it first"),
        ClientError::TimedOut(why) => format!(
            "not done in time: {why}; does the cluster run? `cluster status --cluster {dir}` shows how it is, \
             --timeout waits longer"
        ),
        other => other.to_string(),
    }
}
