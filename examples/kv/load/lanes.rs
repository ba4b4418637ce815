//! Many writes at once, those of one key one after another.
//!
//! Calls under way together are done in any order. So every key has its lane, a lane has one call under way, and of the
//! lines in a call each key has only its last one: the last line of a key in the file wins.

use super::Loaded;
use crate::records::{BadLine, Line};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rekindle::{
    client::{ClientError, Table},
    types::{TableId, Version, key_hash},
};
use std::{collections::BTreeMap, mem};

/// Calls under way.
const LANES: usize = 16;
/// Lines and bytes of one call.
const CALL_LINES: usize = 1024;
const CALL_BYTES: usize = 512 << 10;
/// A write whose outcome is unknown is repeated so often: the same value again does no harm.
const REPEATS: u32 = 3;

/// Writes to one table.
pub struct Lanes<'a> {
    table: &'a Table,
    lanes: Vec<Lane>,
    calls: FuturesUnordered<BoxFuture<'a, Answered>>,
}

/// Keys of some hashes.
#[derive(Default)]
struct Lane {
    waiting: Lines,
    is_calling: bool,
}

/// The last line of each key.
#[derive(Default)]
struct Lines {
    lines: BTreeMap<Bytes, (u64, Bytes)>,
    bytes: usize,
    /// Lines taken, replaced ones too.
    taken: u64,
}

/// A call that is over.
struct Answered {
    lane: usize,
    outcomes: Vec<(u64, Result<Version, ClientError>)>,
}

impl Lines {
    /// Whether the line replaced an earlier one.
    fn put(&mut self, line: Line) -> bool {
        self.taken += 1;
        self.bytes += line.key.len() + line.value.len();
        let (key, value) = (line.key, line.value);
        let key_bytes = key.len();
        match self.lines.insert(key, (line.number, value)) {
            Some((_, replaced)) => {
                self.bytes -= key_bytes + replaced.len();
                true
            }
            None => false,
        }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= CALL_LINES || self.bytes >= CALL_BYTES
    }
}

impl<'a> Lanes<'a> {
    pub fn new(table: &'a Table) -> Self {
        let lanes = (0..LANES).map(|_| Lane::default()).collect();
        Self { table, lanes, calls: FuturesUnordered::new() }
    }

    /// Takes a line; waits while its lane has a call under way and enough for the next one.
    pub async fn put(
        &mut self,
        line: Line,
        loaded: &mut Loaded,
        tell: &impl Fn(&BadLine),
    ) -> Result<(), String> {
        let at = lane_of(&line.key);
        loaded.lines += 1;
        loaded.bytes += line.value.len() as u64 + 1;
        loaded.replaced += u64::from(self.lanes[at].waiting.put(line));
        while self.lanes[at].waiting.is_full() && self.lanes[at].is_calling {
            self.wait(loaded, tell).await?;
        }
        if self.lanes[at].waiting.is_full() {
            self.call(at);
            // Calls go out when they are looked at.
            if let Some(Some(answered)) = self.calls.next().now_or_never() {
                return self.settle(answered, loaded, tell);
            }
        }
        Ok(())
    }

    /// Writes what is left, and waits for all.
    pub async fn finish(&mut self, loaded: &mut Loaded, tell: &impl Fn(&BadLine)) -> Result<(), String> {
        let mut outcome = Ok(());
        loop {
            if outcome.is_ok() {
                for at in 0..LANES {
                    if !self.lanes[at].is_calling && !self.lanes[at].waiting.lines.is_empty() {
                        self.call(at);
                    }
                }
            }
            if self.calls.is_empty() {
                // After an error some are left, which nobody writes.
                loaded.lines -= self.lanes.iter().map(|lane| lane.waiting.taken).sum::<u64>();
                return outcome;
            }
            let waited = self.wait(loaded, tell).await;
            outcome = outcome.and(waited);
        }
    }

    fn call(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        lane.is_calling = true;
        let lines = mem::take(&mut lane.waiting).lines;
        let table = self.table;
        self.calls.push(async move { Answered { lane: at, outcomes: write(table, lines).await } }.boxed());
    }

    /// Waits for one call.
    async fn wait(&mut self, loaded: &mut Loaded, tell: &impl Fn(&BadLine)) -> Result<(), String> {
        match self.calls.next().await {
            Some(answered) => self.settle(answered, loaded, tell),
            None => Ok(()),
        }
    }

    /// Takes the outcome of a call.
    fn settle(
        &mut self,
        answered: Answered,
        loaded: &mut Loaded,
        tell: &impl Fn(&BadLine),
    ) -> Result<(), String> {
        let Answered { lane, outcomes } = answered;
        self.lanes[lane].is_calling = false;
        let mut outcome = Ok(());
        for (number, written) in outcomes {
            match written {
                Ok(_) => continue,
                // What the cluster never takes is a bad line.
                Err(ClientError::Invalid(why)) => loaded.refuse(&BadLine { number, reason: why }, tell),
                Err(error) if outcome.is_ok() => outcome = Err(failure(number, error)),
                Err(_) => {}
            }
            loaded.lines -= 1;
        }
        outcome
    }
}

fn failure(number: u64, error: ClientError) -> String {
    let why = match error {
        ClientError::Full => {
            "memory is full: delete something, or start servers or a cluster with more".into()
        }
        other => other.to_string(),
    };
    format!("line {number} could not be written: {why}")
}

/// Not by the table's own hash of it: those of one tablet would share a lane.
fn lane_of(key: &[u8]) -> usize {
    (key_hash(TableId(0), key).0 % LANES as u64) as usize
}

/// Writes lines, and says what came of each.
async fn write(
    table: &Table,
    lines: BTreeMap<Bytes, (u64, Bytes)>,
) -> Vec<(u64, Result<Version, ClientError>)> {
    let mut outcomes = Vec::with_capacity(lines.len());
    let mut left: Vec<_> = lines.into_iter().collect();
    for repeats in 0..=REPEATS {
        let objects = left.iter().map(|(key, (_, value))| (key.clone(), value.clone()));
        let answers = table.multi_put(objects).await;
        let mut unknown = Vec::new();
        for (line, answer) in mem::take(&mut left).into_iter().zip(answers) {
            match answer {
                Err(ClientError::Unknown(_)) if repeats < REPEATS => unknown.push(line),
                answer => outcomes.push((line.1.0, answer)),
            }
        }
        if unknown.is_empty() {
            break;
        }
        left = unknown;
    }
    outcomes
}
