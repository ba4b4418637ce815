//! What clients were told, and so what must be found.
//!
//! # The model
//!
//! Every object is a register with a total order of states: `P(v)`, it is there with version v, then `A(v)`, that one
//! was deleted, then the next version's. The cluster gives a key's versions in the order of its writes (V1), so the
//! answers themselves say where in that order each call stands: a put at the version that it was given, a delete behind
//! the version that it removed, a read and a refused condition at the state that they show. Any number of writers and
//! readers may work on one key. The history is linearizable if and only if
//!
//! * no call stands before a state that some call had shown when it began (*stale*, *a version that goes back*, *a
//!   deleted object that is back*), and writes stand behind it (*a version given twice*);
//! * each version has one write, each write has one version at most, and what a version shows is the value of its write,
//!   which had been sent and was not answered "not done" (*foreign values*, *two versions for one write*);
//! * an absence that was seen, or that made a condition true, was made by a delete which stands between that
//!   version and the next: one that was answered so, or one that is not answered yet. Each makes one at most (*lost
//!   writes*, *two `IfAbsent` done one after the other*);
//! * a condition that was found true is true of the state before, one that was refused is false of what was shown.
//!
//! A write of unknown outcome stays open: it may happen once, at any time, until a read shows it, until its condition
//! can't hold any more, or until it is said that it can't land any more ([`Oracle::tick`], [`Oracle::close_unknown`]):
//! from then on the next state that anybody sees settles it.
//!
//! Values are known by the number of the write that made them. Some are too short to hold it: they are known by their
//! version alone. Where the order of two absences can't be known the oracle believes the cluster: it refuses no true
//! history, and may accept a false one of that kind.
//!
//! 16 bytes per object, and more only for objects with a call under way or a write of unknown outcome.

#[cfg(test)]
mod histories;
mod key;
#[cfg(test)]
mod tests;

use super::{Index, Number};
use key::{Key, Point, What};
use rekindle::{client::Condition, types::Version};
use std::collections::BTreeMap;

/// An object's state, as far as a client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There, as this write left it, with this version; zero for a value that names no write.
    Value(Number, Version),
    /// Not there.
    Absent,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which object.
    pub index: Index,
    /// An acknowledged object is not there; otherwise something is there that must not be.
    pub is_lost: bool,
    /// What was promised, what was seen.
    pub what: String,
}

/// Remembers every answer; says when one contradicts an earlier one.
pub struct Oracle {
    objects: Vec<Object>,
    open: BTreeMap<Index, Key>,
    /// Counts what begins and what ends: an order of all of it.
    now: Event,
    /// The values of writes whose numbers this divides name none.
    unnamed_every: Number,
}

/// A moment: how much had begun or ended.
type Event = u64;

/// What is settled about one object.
#[derive(Clone, Copy, Debug, Default)]
struct Object {
    /// The newest version seen; the object's, if it is there.
    version: Version,
    /// The write whose value is there; zero: none is.
    number: Number,
    /// The newest number given to a write.
    issued: Number,
}

const _: () = assert!(size_of::<Object>() == 16);

/// A read under way.
#[derive(Debug)]
#[must_use = "ends with `read` or `unread`"]
pub struct Reading {
    index: Index,
    began: Event,
}

/// A write under way.
#[derive(Debug)]
#[must_use = "ends with an outcome"]
pub struct Writing {
    /// Of which object.
    pub index: Index,
    /// Of a put: its value's number.
    pub number: Number,
    began: Event,
    condition: Condition,
}

impl Oracle {
    /// Nothing is there yet; every value names its write.
    pub fn new(objects: u64) -> Self {
        Self::with_unnamed(objects, Number::MAX)
    }

    /// Nothing is there yet; the values of writes whose numbers `every` divides name no write.
    pub fn with_unnamed(objects: u64, every: Number) -> Self {
        let objects = vec![Object::default(); objects as usize];
        Self { objects, open: BTreeMap::new(), now: 0, unnamed_every: every }
    }

    /// The newest state that somebody was shown.
    pub fn settled(&self, index: Index) -> Seen {
        let object = &self.objects[index as usize];
        match self.open.get(&index) {
            Some(key) => key.settled(),
            None if object.number == 0 => Seen::Absent,
            None => Seen::Value(object.number, object.version),
        }
    }

    /// Whether writes of unknown outcome may still show.
    pub fn is_unsure(&self, index: Index) -> bool {
        self.open.get(&index).is_some_and(Key::is_unsure)
    }

    /// A put is about to be sent.
    pub fn begin_put(&mut self, index: Index, condition: Condition) -> Writing {
        let number = self.objects[index as usize].issued + 1;
        self.objects[index as usize].issued = number;
        let is_unnamed = number.is_multiple_of(self.unnamed_every);
        let began = self.begin(index);
        self.key(index).begin_put(began, number, is_unnamed, condition);
        Writing { index, number, began, condition }
    }

    /// A delete is about to be sent.
    pub fn begin_delete(&mut self, index: Index, condition: Condition) -> Writing {
        let began = self.begin(index);
        self.key(index).begin_delete(began, condition);
        Writing { index, number: 0, began, condition }
    }

    /// The put was acknowledged.
    pub fn put(&mut self, writing: Writing, version: Version) -> Result<(), Breach> {
        self.end(writing.index, writing.began, |key, from, _| key.put_done(writing.began, from, version))
    }

    /// The delete was acknowledged; `removed` is the version that it found, if any.
    pub fn deleted(&mut self, writing: Writing, removed: Option<Version>) -> Result<(), Breach> {
        self.end(writing.index, writing.began, |key, from, now| {
            if let (Condition::IfVersion(wanted), true) = (writing.condition, removed.is_some())
                && removed != Some(wanted)
            {
                return Err(What::wrong(format!("a delete of {wanted} removed {removed:?}")));
            }
            key.delete_done(writing.began, from, removed, now)
        })
    }

    /// The write's condition did not hold: nothing was changed.
    pub fn refused(&mut self, writing: Writing, present: Option<Version>) -> Result<(), Breach> {
        self.end(writing.index, writing.began, |key, from, now| {
            key.cancel(writing.began)?;
            if writing.condition.holds(present) {
                let condition = writing.condition;
                return Err(What::wrong(format!("{condition:?} was refused where {present:?} is")));
            }
            match present {
                Some(version) => key.see_version(from, version),
                None => key.see_absence(from, now),
            }
        })
    }

    /// The write was surely not done.
    pub fn not_done(&mut self, writing: Writing) -> Result<(), Breach> {
        self.leave(writing.index, writing.began, |key| key.cancel(writing.began))
    }

    /// The write came back with unknown outcome: it may still happen, once, at any time.
    pub fn unknown(&mut self, writing: Writing) {
        let open = self.leave(writing.index, writing.began, |key| {
            key.leave_open(writing.began);
            Ok(())
        });
        debug_assert_eq!(open, Ok(()));
    }

    /// A read is about to be sent.
    pub fn begin_read(&mut self, index: Index) -> Reading {
        Reading { index, began: self.begin(index) }
    }

    /// A read was answered.
    pub fn read(&mut self, reading: Reading, seen: Seen) -> Result<(), Breach> {
        self.end(reading.index, reading.began, |key, from, now| match seen {
            Seen::Value(number, version) => key.see_value(from, number, version),
            Seen::Absent => key.see_absence(from, now),
        })
    }

    /// A read came back without an answer.
    pub fn unread(&mut self, reading: Reading) {
        let left = self.leave(reading.index, reading.began, |_| Ok(()));
        debug_assert_eq!(left, Ok(()));
    }

    /// A second has passed in which everything ran: writes whose outcome is unknown for `ticks_max` of them can't land
    /// any more.
    pub fn tick(&mut self, ticks_max: u32) {
        self.now += 1;
        let now = self.now;
        self.open.values_mut().for_each(|key| key.age(ticks_max, now));
    }

    /// From now on no write of unknown outcome can land any more. What did so has yet to be seen.
    pub fn close_unknown(&mut self) {
        self.tick(0);
    }

    fn key(&mut self, index: Index) -> &mut Key {
        let object = self.objects[index as usize];
        let is_unnamed = object.number.is_multiple_of(self.unnamed_every);
        self.open.entry(index).or_insert_with(|| Key::settled_at(object.version, object.number, is_unnamed))
    }

    fn begin(&mut self, index: Index) -> Event {
        self.now += 1;
        let now = self.now;
        self.key(index).begin(now);
        now
    }

    /// A call with an answer.
    fn end(
        &mut self,
        index: Index,
        began: Event,
        take: impl FnOnce(&mut Key, Point, Event) -> Result<(), What>,
    ) -> Result<(), Breach> {
        self.now += 1;
        let now = self.now;
        let key = self.key(index);
        let from = key.end(began);
        let outcome = take(key, from, now);
        key.overtake(began, now);
        self.close(index, outcome)
    }

    /// A call without one.
    fn leave(
        &mut self,
        index: Index,
        began: Event,
        take: impl FnOnce(&mut Key) -> Result<(), What>,
    ) -> Result<(), Breach> {
        self.now += 1;
        let key = self.key(index);
        key.end(began);
        let outcome = take(key);
        self.close(index, outcome)
    }

    /// Forgets what is not needed any more.
    fn close(&mut self, index: Index, outcome: Result<(), What>) -> Result<(), Breach> {
        let key = self.key(index);
        key.forget();
        if key.is_idle() {
            let (version, number) = key.rest();
            self.open.remove(&index);
            let object = &mut self.objects[index as usize];
            (object.version, object.number) = (version, number);
        }
        outcome.map_err(|What { is_lost, what }| Breach { index, is_lost, what })
    }
}
