//! One checked call at a time.

use super::{Books, window::Ended};
use crate::{
    objects::{Index, Objects},
    oracle::{Breach, Reading, Seen},
};
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle::{
    client::{ClientError, Condition, Conditional, Object, Table},
    env::{Clock, Time},
    types::{KeyHash, Version, key_hash},
};
use std::sync::Arc;

/// Calls a table, and tells the books what it was told.
#[derive(Clone)]
pub struct Caller {
    /// The table.
    pub table: Table,
    /// What is in it.
    pub objects: Objects,
    /// What was promised.
    pub books: Arc<Mutex<Books>>,
    /// Measures calls.
    pub clock: Arc<dyn Clock>,
}

impl Caller {
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
        let ended = self.ended(index, began, is_done);
        self.take_read(index, reading, answer);
        self.books.lock().window.note_read(ended);
        is_done
    }

    /// Judges the answer to a read: whether there is one, and it is as promised.
    pub fn take_read(
        &self,
        index: Index,
        reading: Reading,
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

    /// Puts a new value, if the condition holds; does nothing while another write of the object is under way.
    pub async fn put(&self, index: Index, condition: Condition) {
        let number = {
            let oracle = &mut self.books.lock().oracle;
            if oracle.is_writing(index) {
                return;
            }
            oracle.begin_put(index, condition)
        };
        let (key, value) = (self.objects.key(index), self.objects.value(index, number));
        let began = self.clock.now();
        let answer = match condition {
            Condition::Always => self.table.put(key, value).await.map(Conditional::Done),
            condition => self.table.put_if(key, value, condition).await,
        };
        let ended = self.ended(index, began, answer.is_ok());
        let books = &mut *self.books.lock();
        books.window.note_write(ended);
        books.take_put(index, answer);
    }

    /// Deletes, if the condition holds; does nothing while another write of the object is under way.
    pub async fn delete(&self, index: Index, condition: Condition) {
        {
            let oracle = &mut self.books.lock().oracle;
            if oracle.is_writing(index) {
                return;
            }
            oracle.begin_delete(index, condition);
        }
        let (key, began): (Bytes, Time) = (self.objects.key(index), self.clock.now());
        let answer = match condition {
            Condition::Always => self.table.delete(key).await.map(Conditional::Done),
            condition => self.table.delete_if(key, condition).await,
        };
        let ended = self.ended(index, began, answer.is_ok());
        let books = &mut *self.books.lock();
        books.window.note_write(ended);
        books.take_delete(index, answer);
    }

    fn ended(&self, index: Index, began: Time, is_done: bool) -> Ended {
        Ended { hash: self.hash(index), began, ended: self.clock.now(), is_done }
    }
}

impl Books {
    /// Judges the answer to a put.
    pub fn take_put(&mut self, index: Index, answer: Result<Conditional<Version>, ClientError>) {
        let outcome = match answer {
            Ok(Conditional::Done(version)) => {
                self.tally.writes += 1;
                self.oracle.put(index, version)
            }
            Ok(Conditional::Failed { present }) => self.take_refusal(index, present),
            Err(error) => self.take_error(index, &error),
        };
        self.note(outcome);
    }

    fn take_delete(&mut self, index: Index, answer: Result<Conditional<Option<Version>>, ClientError>) {
        let outcome = match answer {
            Ok(Conditional::Done(removed)) => {
                self.tally.writes += 1;
                self.oracle.deleted_version(index, removed)
            }
            Ok(Conditional::Failed { present }) => self.take_refusal(index, present),
            Err(error) => self.take_error(index, &error),
        };
        self.note(outcome);
    }

    fn take_refusal(&mut self, index: Index, present: Option<Version>) -> Result<(), Breach> {
        self.tally.refused += 1;
        self.oracle.refused(index, present)
    }

    fn take_error(&mut self, index: Index, error: &ClientError) -> Result<(), Breach> {
        if let ClientError::Unknown(_) = error {
            self.tally.unknown += 1;
            self.oracle.unknown(index);
            return Ok(());
        }
        self.tally.failed += 1;
        self.oracle.not_done(index)
    }
}
