//! Checked calls.

use super::{
    Books, Breach, Index, Seen, Values,
    oracle::{Reading, Writing},
};
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle::{
    client::{ClientError, Condition, Conditional, Object, Table},
    env::{Clock, Time},
    types::{KeyHash, KeyRange, Version, key_hash},
};
use std::{collections::BTreeMap, sync::Arc};

/// Calls a table, and tells the books what it was told.
#[derive(Clone)]
pub struct Caller<V> {
    /// The table.
    pub table: Table,
    /// What is in it.
    pub objects: V,
    /// What was promised.
    pub books: Arc<Mutex<Books>>,
    /// Measures calls.
    pub clock: Arc<dyn Clock>,
    /// Is told of every call that has ended.
    pub watch: Arc<dyn Watch>,
}

/// Somebody who wants to know of calls.
pub trait Watch: Send + Sync {
    /// A call has ended.
    fn ended(&self, call: Ended);
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What it was.
    pub kind: Kind,
    /// Of its key; of several keys that of one.
    pub hash: KeyHash,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// What came of it; of several keys the worst.
    pub outcome: Outcome,
    /// Bytes of values that it wrote, if it was done.
    pub bytes: u64,
}

/// Kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reads an object.
    Get,
    /// Writes one.
    Put,
    /// Writes one if a condition holds.
    PutIf,
    /// Removes one.
    Delete,
    /// Removes one if a condition holds.
    DeleteIf,
    /// Reads several.
    MultiGet,
    /// Writes several.
    MultiPut,
    /// Lists a range.
    Scan,
}

impl Kind {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::PutIf => "put if",
            Self::Delete => "delete",
            Self::DeleteIf => "delete if",
            Self::MultiGet => "multi get",
            Self::MultiPut => "multi put",
            Self::Scan => "scan",
        }
    }
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered, and done.
    Done,
    /// Its condition did not hold.
    Refused,
    /// Surely not done.
    NotDone,
    /// Done or not, or to be done later.
    Unknown,
}

impl Outcome {
    fn of<T>(answer: &Result<T, ClientError>) -> Self {
        match answer {
            Ok(_) => Self::Done,
            Err(ClientError::Unknown(_)) => Self::Unknown,
            Err(_) => Self::NotDone,
        }
    }

    fn of_condition<T>(answer: &Result<Conditional<T>, ClientError>) -> Self {
        match answer {
            Ok(Conditional::Failed { .. }) => Self::Refused,
            other => Self::of(other),
        }
    }
}

impl<V: Values> Caller<V> {
    /// The hash that an object's tablet is found by.
    pub fn hash(&self, index: Index) -> KeyHash {
        key_hash(self.table.id(), &self.objects.key(index))
    }

    /// Reads an object. Whether there was an answer.
    pub async fn read(&self, index: Index) -> bool {
        let reading = self.books.lock().oracle.begin_read(index);
        let began = self.clock.now();
        let answer = self.table.get(self.objects.key(index)).await;
        let is_done = answer.is_ok();
        self.tell(Kind::Get, index, began, Outcome::of(&answer), 0);
        self.take_read(reading, index, answer);
        is_done
    }

    /// Reads several objects, in one call.
    pub async fn multi_get(&self, indexes: &[Index]) {
        let readings: Vec<_> = {
            let oracle = &mut self.books.lock().oracle;
            indexes.iter().map(|index| oracle.begin_read(*index)).collect()
        };
        let began = self.clock.now();
        let answers = self.table.multi_get(indexes.iter().map(|index| self.objects.key(*index))).await;
        self.tell_all(Kind::MultiGet, indexes, began, answers.iter().map(Outcome::of), 0);
        for ((index, reading), answer) in indexes.iter().zip(readings).zip(answers) {
            self.take_read(reading, *index, answer);
        }
    }

    /// Judges the answer to a read: whether there is one, and it is as promised.
    pub fn take_read(
        &self,
        reading: Reading,
        index: Index,
        answer: Result<Option<Object>, ClientError>,
    ) -> bool {
        // Outside of the lock: it looks at every byte.
        let seen = answer.map(|object| self.seen(index, object));
        let books = &mut *self.books.lock();
        match seen {
            Ok(Ok(seen)) => {
                books.tally.reads += 1;
                let outcome = books.oracle.read(reading, seen);
                books.note(outcome)
            }
            Ok(Err(what)) => {
                books.tally.reads += 1;
                books.oracle.unread(reading);
                books.note(Err(Breach { index, is_lost: false, what }))
            }
            Err(_) => {
                books.tally.failed += 1;
                books.oracle.unread(reading);
                false
            }
        }
    }

    fn seen(&self, index: Index, object: Option<Object>) -> Result<Seen, String> {
        match object {
            None => Ok(Seen::Absent),
            Some(object) => Ok(Seen::Value(self.objects.check(index, &object.value)?, object.version)),
        }
    }

    /// Puts a new value, if the condition holds.
    pub async fn put(&self, index: Index, condition: Condition) {
        let writing = self.books.lock().oracle.begin_put(index, condition);
        let (key, value) = (self.objects.key(index), self.objects.value(index, writing.number));
        let bytes = value.len() as u64;
        let began = self.clock.now();
        let (kind, answer) = match condition {
            Condition::Always => (Kind::Put, self.table.put(key, value).await.map(Conditional::Done)),
            condition => (Kind::PutIf, self.table.put_if(key, value, condition).await),
        };
        self.tell(kind, index, began, Outcome::of_condition(&answer), bytes);
        self.books.lock().take_put(writing, answer);
    }

    /// Puts new values, in one call. The first of them that could not be put, and why.
    pub async fn multi_put(&self, indexes: &[Index]) -> Result<(), (Index, ClientError)> {
        let writings: Vec<_> = {
            let oracle = &mut self.books.lock().oracle;
            indexes.iter().map(|index| oracle.begin_put(*index, Condition::Always)).collect()
        };
        let object = |index: Index, number| (self.objects.key(index), self.objects.value(index, number));
        let objects: Vec<(Bytes, Bytes)> =
            writings.iter().map(|writing| object(writing.index, writing.number)).collect();
        let bytes = objects.iter().map(|(_, value)| value.len() as u64).sum();
        let began = self.clock.now();
        let answers = self.table.multi_put(objects).await;
        self.tell_all(Kind::MultiPut, indexes, began, answers.iter().map(Outcome::of), bytes);
        let failed = indexes.iter().zip(&answers).find_map(|(index, answer)| match answer {
            Ok(_) => None,
            Err(error) => Some((*index, error.clone())),
        });
        let books = &mut *self.books.lock();
        for (writing, answer) in writings.into_iter().zip(answers) {
            books.take_put(writing, answer.map(Conditional::Done));
        }
        failed.map_or(Ok(()), Err)
    }

    /// Deletes, if the condition holds.
    pub async fn delete(&self, index: Index, condition: Condition) {
        let writing = self.books.lock().oracle.begin_delete(index, condition);
        let (key, began) = (self.objects.key(index), self.clock.now());
        let (kind, answer) = match condition {
            Condition::Always => (Kind::Delete, self.table.delete(key).await.map(Conditional::Done)),
            condition => (Kind::DeleteIf, self.table.delete_if(key, condition).await),
        };
        self.tell(kind, index, began, Outcome::of_condition(&answer), 0);
        self.books.lock().take_delete(writing, answer);
    }

    /// Lists a range, in which these objects are: each is listed once, or is not there. Whether it was listed to the
    /// end.
    pub async fn scan(&self, range: KeyRange, indexes: &[Index]) -> bool {
        let Some(first) = indexes.first() else { return true };
        let mut readings: BTreeMap<Bytes, _> = {
            let oracle = &mut self.books.lock().oracle;
            let reading = |index: &Index| (self.objects.key(*index), (*index, oracle.begin_read(*index)));
            indexes.iter().map(reading).collect()
        };
        let began = self.clock.now();
        let answer = self.table.scan_range(range).collect().await;
        self.tell(Kind::Scan, *first, began, Outcome::of(&answer), 0);
        let is_done = answer.is_ok();
        for listed in answer.into_iter().flatten() {
            let object = Object { value: listed.value, version: listed.version };
            match readings.remove(&listed.key) {
                Some((index, reading)) => _ = self.take_read(reading, index, Ok(Some(object))),
                None => {
                    let what =
                        format!("a scan lists {:?} that is not in its range, or lists it twice", listed.key);
                    self.books.lock().note(Err(Breach { index: *first, is_lost: false, what }));
                }
            }
        }
        for (index, reading) in readings.into_values() {
            let answer = if is_done { Ok(None) } else { Err(ClientError::TimedOut(String::new())) };
            self.take_read(reading, index, answer);
        }
        is_done
    }

    fn tell(&self, kind: Kind, index: Index, began: Time, outcome: Outcome, bytes: u64) {
        let (hash, ended) = (self.hash(index), self.clock.now());
        let bytes = if outcome == Outcome::Done { bytes } else { 0 };
        self.watch.ended(Ended { kind, hash, began, ended, outcome, bytes });
    }

    fn tell_all(
        &self,
        kind: Kind,
        indexes: &[Index],
        began: Time,
        outcomes: impl Iterator<Item = Outcome>,
        bytes: u64,
    ) {
        if let (Some(first), Some(worst)) = (indexes.first(), outcomes.max()) {
            self.tell(kind, *first, began, worst, bytes);
        }
    }
}

impl Books {
    fn take_put(&mut self, writing: Writing, answer: Result<Conditional<Version>, ClientError>) {
        let outcome = match answer {
            Ok(Conditional::Done(version)) => {
                self.tally.writes += 1;
                self.oracle.put(writing, version)
            }
            Ok(Conditional::Failed { present }) => self.take_refusal(writing, present),
            Err(error) => self.take_error(writing, &error),
        };
        self.note(outcome);
    }

    fn take_delete(&mut self, writing: Writing, answer: Result<Conditional<Option<Version>>, ClientError>) {
        let outcome = match answer {
            Ok(Conditional::Done(removed)) => {
                self.tally.writes += 1;
                self.oracle.deleted(writing, removed)
            }
            Ok(Conditional::Failed { present }) => self.take_refusal(writing, present),
            Err(error) => self.take_error(writing, &error),
        };
        self.note(outcome);
    }

    fn take_refusal(&mut self, writing: Writing, present: Option<Version>) -> Result<(), Breach> {
        self.tally.refused += 1;
        self.oracle.refused(writing, present)
    }

    fn take_error(&mut self, writing: Writing, error: &ClientError) -> Result<(), Breach> {
        if let ClientError::Unknown(_) = error {
            self.tally.unknown += 1;
            self.oracle.unknown(writing);
            return Ok(());
        }
        self.tally.failed += 1;
        self.oracle.not_done(writing)
    }
}
