//! What clients were told, and so what must be found.
//!
//! 16 bytes per object, and more only for objects with a call under way or a write of unknown outcome. Holds when each
//! object has at most one write under way; reads may come at any time. Values are known by the number of the write
//! that made them.

mod open;
#[cfg(test)]
mod tests;

use crate::objects::{Index, Number};
use open::{Open, Writing};
use rekindle::{client::Condition, types::Version};
use std::collections::BTreeMap;

/// An object's state, as far as a client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There, as this write left it, with this version.
    Value(Number, Version),
    /// Not there.
    Absent,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts the value of this number.
    Put(Number),
    /// Removes.
    Delete,
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
    open: BTreeMap<Index, Open>,
}

/// What is settled about one object.
#[derive(Clone, Copy, Debug, Default)]
struct Object {
    /// The newest version seen; the object's, if it is there. Later writes get higher ones (V1).
    version: Version,
    /// The write whose value is there; zero: none is.
    number: Number,
    /// The newest number given to a write.
    issued: Number,
}

const _: () = assert!(size_of::<Object>() == 16);

impl Object {
    fn seen(&self) -> Seen {
        if self.number == 0 { Seen::Absent } else { Seen::Value(self.number, self.version) }
    }
}

/// A read under way.
#[derive(Debug)]
#[must_use = "ends with `read` or `unread`"]
pub struct Reading {
    index: Index,
    /// How many states had been settled while somebody read, when it began.
    from: usize,
}

impl Oracle {
    /// Nothing is there yet.
    pub fn new(objects: u64) -> Self {
        Self { objects: vec![Object::default(); objects as usize], open: BTreeMap::new() }
    }

    /// What the object's last answer left.
    pub fn settled(&self, index: Index) -> Seen {
        self.objects[index as usize].seen()
    }

    /// Whether a write is under way.
    pub fn is_writing(&self, index: Index) -> bool {
        self.open.get(&index).is_some_and(|open| open.writing.is_some())
    }

    /// Whether writes of unknown outcome may still show.
    pub fn is_unsure(&self, index: Index) -> bool {
        self.open.get(&index).is_some_and(|open| !open.maybe.is_empty())
    }

    /// A number for a put that is about to be sent.
    pub fn begin_put(&mut self, index: Index, condition: Condition) -> Number {
        let number = self.objects[index as usize].issued + 1;
        self.objects[index as usize].issued = number;
        self.begin(index, Write::Put(number), condition);
        number
    }

    /// A delete is about to be sent.
    pub fn begin_delete(&mut self, index: Index, condition: Condition) {
        self.begin(index, Write::Delete, condition);
    }

    fn begin(&mut self, index: Index, write: Write, condition: Condition) {
        let before = self.settled(index);
        let open = self.open.entry(index).or_default();
        assert!(open.writing.is_none(), "one write at a time");
        let is_unsure = !open.maybe.is_empty();
        open.writing = Some(Writing { write, condition, before, is_unsure, shown: None });
    }

    /// The put was acknowledged.
    pub fn put(&mut self, index: Index, version: Version) -> Result<(), Breach> {
        let (writing, highest) = (self.take_writing(index), self.objects[index as usize].version);
        let Write::Put(number) = writing.write else { unreachable!("a put was begun") };
        let is_right = match writing.shown {
            Some(shown) => shown == Seen::Value(number, version),
            None => version > highest,
        };
        let held = self.check_held(index, &writing);
        // A reader that has seen it may have seen later things too: settled by then.
        if writing.shown.is_none() {
            self.settle(index, Seen::Value(number, version));
        }
        self.close(index);
        held?;
        if is_right {
            return Ok(());
        }
        wrong(index, format!("write {number} got {version}, after {highest} was seen"))
    }

    /// The delete was acknowledged; `removed` is the version that it found, if any.
    pub fn deleted_version(&mut self, index: Index, removed: Option<Version>) -> Result<(), Breach> {
        let writing = self.take_writing(index);
        let held = self.check_held(index, &writing);
        if writing.shown.is_none() {
            self.settle(index, Seen::Absent);
        }
        self.close(index);
        held?;
        if removed == version(writing.before) || writing.is_unsure {
            return Ok(());
        }
        let is_lost = removed.is_none();
        let what = format!("a delete found {removed:?}, where {:?} was promised", writing.before);
        Err(Breach { index, is_lost, what })
    }

    /// The write's condition did not hold: nothing was changed.
    pub fn refused(&mut self, index: Index, present: Option<Version>) -> Result<(), Breach> {
        let writing = self.take_writing(index);
        self.close(index);
        if writing.condition.holds(present) {
            return wrong(index, format!("{:?} was refused where {present:?} is", writing.condition));
        }
        if present == version(writing.before) || writing.is_unsure {
            return Ok(());
        }
        let is_lost = present.is_none();
        let what = format!("a refusal shows {present:?}, where {:?} was promised", writing.before);
        Err(Breach { index, is_lost, what })
    }

    /// The write was surely not done.
    pub fn not_done(&mut self, index: Index) -> Result<(), Breach> {
        let writing = self.take_writing(index);
        self.close(index);
        match writing.shown {
            None => Ok(()),
            Some(shown) => wrong(index, format!("{shown:?} was seen, of a write that was not done")),
        }
    }

    /// The write came back with unknown outcome: it may still happen, once, at any time.
    pub fn unknown(&mut self, index: Index) {
        let writing = self.take_writing(index);
        if writing.shown.is_none() {
            let settled = self.settled(index);
            let open = self.open.entry(index).or_default();
            open.maybe.push((writing.write, writing.condition));
            open.prune(settled);
        }
        self.close(index);
    }

    /// A read is about to be sent.
    pub fn begin_read(&mut self, index: Index) -> Reading {
        let settled = self.settled(index);
        let open = self.open.entry(index).or_default();
        if open.readers == 0 {
            open.since = vec![settled];
        }
        open.readers += 1;
        Reading { index, from: open.since.len() - 1 }
    }

    /// A read was answered.
    pub fn read(&mut self, reading: Reading, seen: Seen) -> Result<(), Breach> {
        let Reading { index, from } = reading;
        let outcome = self.judge(index, from, seen);
        self.unread(Reading { index, from });
        outcome
    }

    /// A read came back without an answer.
    pub fn unread(&mut self, reading: Reading) {
        self.open.entry(reading.index).or_default().readers -= 1;
        self.close(reading.index);
    }

    fn judge(&mut self, index: Index, from: usize, seen: Seen) -> Result<(), Breach> {
        let highest = self.objects[index as usize].version;
        let open = self.open.entry(index).or_default();
        // Settled when the read began, or while it was under way.
        if open.since[from..].contains(&seen) {
            return Ok(());
        }
        if open.take_explanation(seen, highest) {
            self.settle(index, seen);
            return Ok(());
        }
        let promised = open.since[from..].to_vec();
        let may_be_absent = promised.contains(&Seen::Absent);
        let what = format!("saw {seen:?}, where {promised:?} was promised (under way or unknown: {open})");
        Err(Breach { index, is_lost: seen == Seen::Absent && !may_be_absent, what })
    }

    /// Whether the condition of a write that was done held, as far as that is known.
    fn check_held(&self, index: Index, writing: &Writing) -> Result<(), Breach> {
        if writing.is_unsure || writing.condition.holds(version(writing.before)) {
            return Ok(());
        }
        wrong(index, format!("{:?} was found true of {:?}", writing.condition, writing.before))
    }

    fn settle(&mut self, index: Index, seen: Seen) {
        let object = &mut self.objects[index as usize];
        match seen {
            Seen::Value(number, version) => {
                (object.number, object.version) = (number, version.max(object.version));
            }
            Seen::Absent => object.number = 0,
        }
        if let Some(open) = self.open.get_mut(&index) {
            open.prune(seen);
            if open.readers > 0 {
                open.since.push(seen);
            }
        }
    }

    fn take_writing(&mut self, index: Index) -> Writing {
        let writing = self.open.get_mut(&index).and_then(|open| open.writing.take());
        writing.expect("a write ends after it has begun")
    }

    /// Forgets what is not needed any more.
    fn close(&mut self, index: Index) {
        if self.open.get(&index).is_some_and(Open::is_idle) {
            self.open.remove(&index);
        }
    }
}

fn version(seen: Seen) -> Option<Version> {
    match seen {
        Seen::Value(_, version) => Some(version),
        Seen::Absent => None,
    }
}

fn wrong<T>(index: Index, what: String) -> Result<T, Breach> {
    Err(Breach { index, is_lost: false, what })
}
