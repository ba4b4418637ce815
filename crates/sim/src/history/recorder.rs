//! Writes histories down while they happen.

use super::{Ask, Call, Moment, TableAsk, TableCall, TableTold, Told, ValueId};
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_env::Time;
use rekindle_types::Version;
use std::collections::{BTreeMap, BTreeSet};

/// A call that has begun, and its place in the history.
#[derive(Debug)]
#[must_use = "a call whose end is not recorded stays of unknown outcome"]
pub struct Ticket(usize);

/// The same of a call about a table.
#[derive(Debug)]
#[must_use = "a call whose end is not recorded stays of unknown outcome"]
pub struct TableTicket(usize);

/// The calls of all clients of a run, up to [`Recorder::CALLS_MAX`].
#[derive(Default)]
pub struct Recorder(Mutex<Book>);

#[derive(Default)]
struct Book {
    calls: Vec<Call>,
    /// By id, from 1: what was written.
    values: Vec<Bytes>,
    tables: Vec<TableCall>,
    /// Calls that have not ended, in the order in which they began.
    open: BTreeSet<(Time, u64)>,
    moments: u64,
}

impl Recorder {
    /// Beyond this, [`Recorder::has_room`] is false: clients stop.
    pub const CALLS_MAX: usize = 1 << 20;

    /// Whether more calls may be made.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.lock().calls.len() < Self::CALLS_MAX
    }

    /// A value that was never written before: its number, and `padding` bytes that go with it.
    pub fn new_value(&self, padding: usize) -> (ValueId, Bytes) {
        let mut book = self.0.lock();
        let id = ValueId(book.values.len() as u64 + 1);
        let letter = char::from(b'a' + (id.0 % 26) as u8);
        let value = Bytes::from(format!("{}:{}", id.0, letter.to_string().repeat(padding)));
        book.values.push(value.clone());
        (id, value)
    }

    /// The name of a value that was read. None for bytes that nobody wrote.
    #[must_use]
    pub fn value_id(&self, value: &[u8]) -> Option<ValueId> {
        let colon = value.iter().position(|byte| *byte == b':')?;
        let id: u64 = std::str::from_utf8(&value[..colon]).ok()?.parse().ok()?;
        let book = self.0.lock();
        let written = book.values.get(usize::try_from(id).ok()?.checked_sub(1)?)?;
        (written == value).then_some(ValueId(id))
    }

    /// A client asks.
    pub fn begin(&self, now: Time, client: u32, key: &Bytes, ask: Ask) -> Ticket {
        let mut book = self.0.lock();
        let from = book.begin(now);
        let key = key.clone();
        book.calls.push(Call { client, key, ask, told: Told::Unknown, from, to: None });
        Ticket(book.calls.len() - 1)
    }

    /// It was told.
    pub fn end(&self, now: Time, ticket: Ticket, told: Told) {
        let mut book = self.0.lock();
        let from = book.calls[ticket.0].from;
        let to = book.end(now, from, told != Told::Unknown);
        let call = &mut book.calls[ticket.0];
        (call.told, call.to) = (told, to);
    }

    /// An instant from which on something is seen.
    pub fn moment(&self, now: Time) -> Moment {
        self.0.lock().moment(now)
    }

    /// A client saw a key as it was at some instant since `from`, by a call that is not about this key alone.
    pub fn saw(&self, now: Time, client: u32, key: &Bytes, from: Moment, seen: Option<(ValueId, Version)>) {
        let mut book = self.0.lock();
        let to = Some(book.moment(now));
        let key = key.clone();
        book.calls.push(Call { client, key, ask: Ask::Get, told: Told::Saw(seen), from, to });
    }

    /// A client asks something about a table.
    pub fn begin_table(&self, now: Time, client: u32, name: &str, ask: TableAsk) -> TableTicket {
        let mut book = self.0.lock();
        let from = book.begin(now);
        let name = name.to_owned();
        book.tables.push(TableCall { client, name, ask, told: TableTold::Unknown, from, to: None });
        TableTicket(book.tables.len() - 1)
    }

    /// It was told.
    pub fn end_table(&self, now: Time, ticket: TableTicket, told: TableTold) {
        let mut book = self.0.lock();
        let from = book.tables[ticket.0].from;
        let to = book.end(now, from, told != TableTold::Unknown);
        let call = &mut book.tables[ticket.0];
        (call.told, call.to) = (told, to);
    }

    /// When the oldest of the calls began that have not ended.
    #[must_use]
    pub fn oldest_open(&self) -> Option<Time> {
        self.0.lock().open.first().map(|(from, _)| *from)
    }

    /// The calls about each table, by name.
    #[must_use]
    pub fn by_table(&self) -> BTreeMap<String, Vec<TableCall>> {
        let mut tables: BTreeMap<String, Vec<TableCall>> = BTreeMap::new();
        for call in &self.0.lock().tables {
            tables.entry(call.name.clone()).or_default().push(call.clone());
        }
        tables
    }

    /// How many calls have begun.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().calls.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The calls of each key, in the order in which they began.
    #[must_use]
    pub fn by_key(&self) -> BTreeMap<Bytes, Vec<Call>> {
        let mut keys: BTreeMap<Bytes, Vec<Call>> = BTreeMap::new();
        for call in &self.0.lock().calls {
            keys.entry(call.key.clone()).or_default().push(call.clone());
        }
        // What a scan saw is written down when it is seen.
        keys.values_mut().for_each(|calls| calls.sort_by_key(|call| call.from));
        keys
    }
}

impl Book {
    fn begin(&mut self, now: Time) -> Moment {
        let from = self.moment(now);
        self.open.insert((from.time, from.order));
        from
    }

    /// The call that began at `from` is over. An outcome that is not known has no end.
    fn end(&mut self, now: Time, from: Moment, is_known: bool) -> Option<Moment> {
        self.open.remove(&(from.time, from.order));
        is_known.then(|| self.moment(now))
    }

    fn moment(&mut self, time: Time) -> Moment {
        self.moments += 1;
        Moment { order: self.moments, time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::Condition;

    #[test]
    fn values_are_known_by_all_their_bytes() {
        let recorder = Recorder::default();
        let (one, bytes) = recorder.new_value(3);
        let (two, empty) = recorder.new_value(0);
        assert_eq!((recorder.value_id(&bytes), recorder.value_id(&empty)), (Some(one), Some(two)));
        for foreign in ["", ":", "0:", "3:", "1:", "1:bbbb", "1:bbc", "x:bbb"] {
            assert_eq!(recorder.value_id(foreign.as_bytes()), None, "{foreign}");
        }
    }

    #[test]
    fn a_call_without_an_answer_has_no_end() {
        let (recorder, key) = (Recorder::default(), Bytes::from_static(b"k"));
        let put = |value| Ask::Put { value: ValueId(value), condition: Condition::Always };
        let first = recorder.begin(Time(1), 0, &key, put(1));
        let _lost = recorder.begin(Time(1), 1, &key, put(2));
        let unknown = recorder.begin(Time(2), 2, &key, Ask::Get);
        recorder.end(Time(3), unknown, Told::Unknown);
        recorder.end(Time(3), first, Told::Wrote(Version(1)));
        let calls = &recorder.by_key()[&key];
        let ends: Vec<_> = calls.iter().map(|call| (call.told, call.to.map(|to| to.order))).collect();
        assert_eq!(ends, [(Told::Wrote(Version(1)), Some(4)), (Told::Unknown, None), (Told::Unknown, None)]);
    }
}
