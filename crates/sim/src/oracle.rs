//! What clients were told, and so what must be found.
//!
//! Holds for clients that have at most one call outstanding per key, and write a different value each time.

use bytes::Bytes;
use rekindle_types::Version;
use std::collections::BTreeMap;

/// A key's state, as far as a client can see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There, with this value and version.
    Value(Bytes, Version),
    /// Not there.
    Absent,
}

/// A write, as far as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// A put of this value.
    Put(Bytes),
    /// A delete.
    Delete,
}

/// A broken promise, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {key:?}: {what}")]
pub struct Breach {
    /// Which key.
    pub key: Bytes,
    /// What was promised, what was seen.
    pub what: String,
}

/// Remembers every answer; says when one contradicts an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    keys: BTreeMap<Bytes, History>,
}

#[derive(Clone, Debug)]
struct History {
    /// What the last answer left.
    settled: Seen,
    /// Writes of unknown outcome: each may still happen, once, at any time.
    maybe: Vec<Wrote>,
    /// No later write may get a version up to this one (V1).
    highest: Version,
    /// Values by version: a version never names two (V1).
    values: BTreeMap<Version, Bytes>,
}

impl Default for History {
    fn default() -> Self {
        Self { settled: Seen::Absent, maybe: Vec::new(), highest: Version(0), values: BTreeMap::new() }
    }
}

impl Oracle {
    /// A put was acknowledged.
    pub fn put(&mut self, key: &Bytes, value: Bytes, version: Version) -> Result<(), Breach> {
        let history = self.keys.entry(key.clone()).or_default();
        if version <= history.highest {
            return breach(key, format!("a put got {version}, after {} was seen", history.highest));
        }
        history.observe(Seen::Value(value, version)).map_err(|what| Breach { key: key.clone(), what })
    }

    /// A delete was acknowledged; `removed` is the version that it found, if any.
    pub fn delete(&mut self, key: &Bytes, removed: Option<Version>) -> Result<(), Breach> {
        self.version(key, removed)?;
        self.keys.entry(key.clone()).or_default().settled = Seen::Absent;
        Ok(())
    }

    /// A write came back with unknown outcome.
    pub fn unknown(&mut self, key: &Bytes, write: Wrote) {
        self.keys.entry(key.clone()).or_default().maybe.push(write);
    }

    /// A read was answered.
    pub fn read(&mut self, key: &Bytes, seen: Seen) -> Result<(), Breach> {
        let history = self.keys.entry(key.clone()).or_default();
        if history.settled == seen || history.take_maybe(&seen) {
            return history.observe(seen).map_err(|what| Breach { key: key.clone(), what });
        }
        let (settled, maybe) = (&history.settled, &history.maybe);
        breach(key, format!("saw {seen:?}, where {settled:?} was promised (unknown: {maybe:?})"))
    }

    /// Only the version was seen: a refused condition, or what a delete removed.
    pub fn version(&mut self, key: &Bytes, seen: Option<Version>) -> Result<(), Breach> {
        let history = self.keys.entry(key.clone()).or_default();
        let settled = match &history.settled {
            Seen::Value(_, version) => Some(*version),
            Seen::Absent => None,
        };
        if settled == seen || !history.maybe.is_empty() {
            return Ok(());
        }
        breach(key, format!("saw version {seen:?}, where {settled:?} was promised"))
    }

    /// Every key that was ever written or asked for.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.keys.keys()
    }

    /// How many of them are surely there.
    #[must_use]
    pub fn present(&self) -> usize {
        self.keys.values().filter(|h| matches!(h.settled, Seen::Value(..))).count()
    }

    /// What the key's last answer left.
    #[must_use]
    pub fn settled(&self, key: &Bytes) -> Seen {
        self.keys.get(key).map_or(Seen::Absent, |h| h.settled.clone())
    }
}

impl History {
    /// A write of unknown outcome explains `seen`: then it has happened, and will not again.
    fn take_maybe(&mut self, seen: &Seen) -> bool {
        let explains = |write: &Wrote| match (write, seen) {
            (Wrote::Put(value), Seen::Value(now, version)) => value == now && *version > self.highest,
            (Wrote::Delete, Seen::Absent) => true,
            _ => false,
        };
        let Some(at) = self.maybe.iter().position(explains) else { return false };
        self.maybe.swap_remove(at);
        true
    }

    fn observe(&mut self, seen: Seen) -> Result<(), String> {
        if let Seen::Value(value, version) = &seen {
            let known = self.values.entry(*version).or_insert_with(|| value.clone());
            if known != value {
                return Err(format!("{version} named {known:?} before, and {value:?} now"));
            }
            self.highest = self.highest.max(*version);
        }
        self.settled = seen;
        Ok(())
    }
}

fn breach<T>(key: &Bytes, what: String) -> Result<T, Breach> {
    Err(Breach { key: key.clone(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Bytes {
        Bytes::from_static(b"k")
    }

    fn value(v: &'static str) -> Bytes {
        Bytes::from_static(v.as_bytes())
    }

    fn seen(v: &'static str, version: u64) -> Seen {
        Seen::Value(value(v), Version(version))
    }

    #[test]
    fn a_lost_acknowledged_write_is_noticed() {
        let mut oracle = Oracle::default();
        oracle.put(&key(), value("one"), Version(1)).unwrap();
        oracle.put(&key(), value("two"), Version(2)).unwrap();
        assert!(oracle.clone().read(&key(), Seen::Absent).is_err());
        assert!(oracle.clone().read(&key(), seen("one", 1)).is_err());
        assert!(oracle.clone().read(&key(), seen("two", 3)).is_err());
        oracle.read(&key(), seen("two", 2)).unwrap();
    }

    #[test]
    fn a_deleted_object_stays_absent() {
        let mut oracle = Oracle::default();
        oracle.put(&key(), value("one"), Version(1)).unwrap();
        oracle.delete(&key(), Some(Version(1))).unwrap();
        assert!(oracle.read(&key(), seen("one", 1)).is_err());
    }

    #[test]
    fn an_unknown_write_happens_once_or_never() {
        let mut oracle = Oracle::default();
        oracle.put(&key(), value("one"), Version(1)).unwrap();
        oracle.unknown(&key(), Wrote::Put(value("maybe")));
        oracle.read(&key(), seen("one", 1)).unwrap();
        oracle.read(&key(), seen("maybe", 2)).unwrap();
        assert!(oracle.clone().read(&key(), seen("one", 1)).is_err());
        oracle.put(&key(), value("two"), Version(3)).unwrap();
        assert!(oracle.read(&key(), seen("maybe", 2)).is_err());
    }

    #[test]
    fn a_repeated_version_is_noticed() {
        let mut oracle = Oracle::default();
        oracle.put(&key(), value("one"), Version(7)).unwrap();
        oracle.delete(&key(), Some(Version(7))).unwrap();
        assert!(oracle.put(&key(), value("two"), Version(7)).is_err());
    }
}
