//! One object with calls under way, or with writes of unknown outcome.

use super::{Event, Seen};
use crate::checked::Number;
use rekindle::{client::Condition, types::Version};
use std::{collections::BTreeMap, fmt, mem};

/// A state in the order of all states of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    version: Version,
    /// Behind the version: it was deleted.
    is_absent: bool,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct What {
    pub(super) is_lost: bool,
    pub(super) what: String,
}

#[derive(Debug)]
pub(super) struct Key {
    /// The newest state that an answer has shown.
    floor: Point,
    /// Calls under way, by the moment when they began: the floor then.
    flights: BTreeMap<Event, Point>,
    /// Puts under way or of unknown outcome, by the moment when they began.
    puts: BTreeMap<Event, Put>,
    /// Deletes under way or of unknown outcome.
    deletes: BTreeMap<Event, Delete>,
    /// Whose write made a version. Versions below every floor that still counts are forgotten.
    versions: BTreeMap<Version, Known>,
    /// Versions that were deleted, and when that delete had begun; zero when this one or another delete explains what
    /// was seen, and it is of no more interest which.
    deleted: BTreeMap<Version, Event>,
    /// Versions that were shown by answers that name no write, and whether their value must be an unnamed one.
    claims: BTreeMap<Version, bool>,
    /// Absences that only deletes without an answer explain.
    absences: Vec<Absence>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    number: Number,
    is_unnamed: bool,
    condition: Condition,
    began: Event,
}

#[derive(Debug)]
struct Put {
    made: Known,
    /// The floor when it began: it stands behind that.
    from: Point,
    /// The version under which it was seen.
    shown: Option<Version>,
    open: Option<Unknown>,
}

#[derive(Debug)]
struct Delete {
    condition: Condition,
    from: Point,
    began: Event,
    open: Option<Unknown>,
}

/// The outcome is unknown.
#[derive(Debug, Default)]
struct Unknown {
    ticks: u32,
    /// It can't land later than this.
    latest: Option<Event>,
    /// By this moment somebody was shown a state behind it. Only calls that had begun before may still show it.
    overtaken: Option<Event>,
}

/// Somebody saw no object, or something was done that needed that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Absence {
    /// It stands behind this version,
    from: Version,
    /// and before this one.
    before: Option<Version>,
    /// When it was seen: whatever made it had begun.
    by: Event,
}

impl Point {
    fn there(version: Version) -> Self {
        Self { version, is_absent: false }
    }

    fn behind(version: Version) -> Self {
        Self { version, is_absent: true }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_absent, self.version) {
            (true, Version(0)) => write!(f, "nothing yet"),
            (true, version) => write!(f, "absence after version {}", version.0),
            (false, version) => write!(f, "version {}", version.0),
        }
    }
}

impl What {
    pub(super) fn wrong(what: String) -> Self {
        Self { is_lost: false, what }
    }

    fn lost(what: String) -> Self {
        Self { is_lost: true, what }
    }
}

impl Absence {
    fn contains(&self, version: Version) -> bool {
        self.from <= version && self.before.is_none_or(|before| version < before)
    }
}

impl Delete {
    /// Whether it may have made this absence.
    fn explains(&self, absence: &Absence) -> bool {
        let may_be = match self.condition {
            Condition::Always | Condition::IfPresent => true,
            Condition::IfVersion(version) => absence.contains(version),
            Condition::IfAbsent => false,
        };
        may_be
            && self.began < absence.by
            && absence.before.is_none_or(|before| self.from < Point::there(before))
    }
}

impl Unknown {
    fn age(&mut self, ticks_max: u32, now: Event) {
        self.ticks += 1;
        if self.ticks >= ticks_max {
            self.latest.get_or_insert(now);
        }
    }

    fn overtake(&mut self, began: Event, now: Event) {
        if self.latest.is_some_and(|latest| latest < began) {
            self.overtaken.get_or_insert(now);
        }
    }

    fn is_over(&self, first_flight: Event) -> bool {
        self.overtaken.is_some_and(|overtaken| overtaken < first_flight)
    }
}

impl Key {
    /// Of an object that nobody has called since.
    pub(super) fn settled_at(version: Version, number: Number, is_unnamed: bool) -> Self {
        let floor = Point { version, is_absent: number == 0 };
        let known = Known { number, is_unnamed, condition: Condition::Always, began: 0 };
        Self {
            floor,
            flights: BTreeMap::new(),
            puts: BTreeMap::new(),
            deletes: BTreeMap::new(),
            versions: [(version, known)].into_iter().filter(|_| !floor.is_absent).collect(),
            deleted: [(version, 0)].into_iter().filter(|_| floor.is_absent).collect(),
            claims: BTreeMap::new(),
            absences: Vec::new(),
        }
    }

    pub(super) fn settled(&self) -> Seen {
        match self.rest() {
            _ if self.floor.is_absent => Seen::Absent,
            (version, number) => Seen::Value(number, version),
        }
    }

    /// Newest version, and the number of its write if it is there.
    pub(super) fn rest(&self) -> (Version, Number) {
        let version = self.floor.version;
        let known = self.versions.get(&version).filter(|_| !self.floor.is_absent);
        (version, known.map_or(0, |known| known.number))
    }

    pub(super) fn is_unsure(&self) -> bool {
        let mut opens =
            self.puts.values().map(|put| &put.open).chain(self.deletes.values().map(|delete| &delete.open));
        opens.any(Option::is_some)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty()
            && self.puts.is_empty()
            && self.deletes.is_empty()
            && self.claims.is_empty()
            && (self.floor.is_absent || self.versions.contains_key(&self.floor.version))
    }

    pub(super) fn begin(&mut self, now: Event) {
        self.flights.insert(now, self.floor);
    }

    /// The floor when the call began.
    pub(super) fn end(&mut self, began: Event) -> Point {
        self.flights.remove(&began).expect("a call ends after it has begun, once")
    }

    pub(super) fn begin_put(&mut self, began: Event, number: Number, is_unnamed: bool, condition: Condition) {
        let made = Known { number, is_unnamed, condition, began };
        self.puts.insert(began, Put { made, from: self.floor, shown: None, open: None });
    }

    pub(super) fn begin_delete(&mut self, began: Event, condition: Condition) {
        self.deletes.insert(began, Delete { condition, from: self.floor, began, open: None });
    }

    pub(super) fn put_done(&mut self, began: Event, from: Point, version: Version) -> Result<(), What> {
        let put = self.puts.remove(&began).expect("a put is open until it ends");
        let bound = match put.shown {
            Some(shown) if shown == version => Ok(()),
            Some(shown) => {
                let number = put.made.number;
                Err(What::wrong(format!("write {number} got {version:?}, after it was seen with {shown:?}")))
            }
            None => self.bind(version, put.made, from),
        };
        self.raise(Point::there(version));
        bound.and_then(|()| self.check_claims())
    }

    pub(super) fn delete_done(
        &mut self,
        began: Event,
        from: Point,
        removed: Option<Version>,
        now: Event,
    ) -> Result<(), What> {
        self.deletes.remove(&began);
        let Some(version) = removed else {
            return self.see_absence(from, now).and_then(|()| self.check_absences());
        };
        let point = Point::behind(version);
        let is_again = self.deleted.insert(version, began).is_some_and(|before| before > 0);
        self.raise(point);
        if is_again || point <= from {
            let why = if is_again { "it was deleted before".into() } else { format!("{from} was seen") };
            return Err(What::wrong(format!("a delete removed version {}, but {why}", version.0)));
        }
        if let Some((next, Condition::IfVersion(wanted))) = self.condition_behind(version)
            && wanted == version
        {
            return Err(What::wrong(format!(
                "version {} was deleted, and replaced by version {} that was put if it is there",
                version.0, next.0
            )));
        }
        self.claim(version, false).and_then(|()| self.check_absences())
    }

    /// The write has surely no effect.
    pub(super) fn cancel(&mut self, began: Event) -> Result<(), What> {
        self.deletes.remove(&began);
        if let Some(Put { made, shown: Some(version), .. }) = self.puts.remove(&began) {
            let number = made.number;
            return Err(What::wrong(format!("write {number} was not done, but was seen with {version:?}")));
        }
        self.check_claims().and_then(|()| self.check_absences())
    }

    pub(super) fn leave_open(&mut self, began: Event) {
        if let Some(put) = self.puts.get_mut(&began) {
            put.open = Some(Unknown::default());
        }
        if let Some(delete) = self.deletes.get_mut(&began) {
            delete.open = Some(Unknown::default());
        }
    }

    /// A value was shown.
    pub(super) fn see_value(&mut self, from: Point, number: Number, version: Version) -> Result<(), What> {
        let known = self.versions.get(&version).copied();
        let named = match (number, known) {
            (0, Some(known)) if known.is_unnamed => Ok(()),
            (0, Some(known)) => {
                Err(What::wrong(format!("no value with version {}, of write {}", version.0, known.number)))
            }
            (0, None) => self.claim(version, true),
            (_, Some(known)) if known.number == number => Ok(()),
            (_, Some(known)) => Err(What::wrong(format!(
                "the value of write {number} with version {}, which is that of write {}",
                version.0, known.number
            ))),
            (_, None) => self.show(number, version),
        };
        self.check_fresh(from, Point::there(version)).and(named)?;
        self.raise(Point::there(version));
        Ok(())
    }

    /// A version was shown.
    pub(super) fn see_version(&mut self, from: Point, version: Version) -> Result<(), What> {
        let claimed = self.claim(version, false);
        self.check_fresh(from, Point::there(version)).and(claimed)?;
        self.raise(Point::there(version));
        Ok(())
    }

    /// No object was there.
    pub(super) fn see_absence(&mut self, from: Point, now: Event) -> Result<(), What> {
        self.need_absence(Absence { from: from.version, before: None, by: now })?;
        self.raise(Point::behind(from.version));
        Ok(())
    }

    pub(super) fn age(&mut self, ticks_max: u32, now: Event) {
        self.opens().for_each(|open| open.age(ticks_max, now));
    }

    /// A call that began then was answered now: what can't land any more stands before it.
    pub(super) fn overtake(&mut self, began: Event, now: Event) {
        self.opens().for_each(|open| open.overtake(began, now));
    }

    fn opens(&mut self) -> impl Iterator<Item = &mut Unknown> {
        let puts = self.puts.values_mut().filter_map(|put| put.open.as_mut());
        puts.chain(self.deletes.values_mut().filter_map(|delete| delete.open.as_mut()))
    }

    fn raise(&mut self, point: Point) {
        self.floor = self.floor.max(point);
    }

    fn check_fresh(&self, from: Point, point: Point) -> Result<(), What> {
        if point >= from {
            return Ok(());
        }
        let what = if from.version == point.version { "deleted, and back" } else { "stale" };
        Err(What::wrong(format!("{what}: {point} was shown, after {from} had been shown")))
    }

    /// The value of a write that is not answered yet.
    fn show(&mut self, number: Number, version: Version) -> Result<(), What> {
        let put = self.puts.values_mut().find(|put| put.made.number == number);
        match put {
            Some(Put { shown: Some(shown), .. }) => {
                let shown = shown.0;
                Err(What::wrong(format!(
                    "write {number} with version {}, after it was seen with {shown}",
                    version.0
                )))
            }
            Some(put) => {
                put.shown = Some(version);
                let (made, from) = (put.made, put.from);
                self.bind(version, made, from).and_then(|()| self.check_claims())
            }
            None => Err(What::wrong(format!(
                "the value of write {number} with version {}: that write has another version, was not done, or was \
                 never sent",
                version.0
            ))),
        }
    }

    /// A version has its write.
    fn bind(&mut self, version: Version, made: Known, from: Point) -> Result<(), What> {
        let (number, v) = (made.number, version.0);
        if let Some(other) = self.versions.get(&version).filter(|other| other.number != number) {
            let other = other.number;
            return Err(What::wrong(format!("writes {other} and {number} both have version {v}")));
        }
        self.versions.insert(version, made);
        if self.claims.remove(&version) == Some(true) && !made.is_unnamed {
            return Err(What::wrong(format!("no value was seen with version {v}, of write {number}")));
        }
        if Point::there(version) <= from {
            return Err(What::wrong(format!("write {number} got version {v}, after {from} had been shown")));
        }
        if let Condition::IfVersion(wanted) = made.condition
            && Point::there(wanted) < from
        {
            let wanted = wanted.0;
            return Err(What::wrong(format!(
                "version {v} was put on version {wanted}, after {from} had been shown"
            )));
        }
        // Who had seen nothing before this one was sent saw an older nothing.
        for absence in self.absences.iter_mut().filter(|a| a.by < made.began && a.from < version) {
            absence.before = Some(absence.before.map_or(version, |before| before.min(version)));
        }
        let before = self.versions.range(..version).next_back().map(|(version, _)| *version);
        self.check_step(before, version, made)?;
        let next = self.versions.range(version..).nth(1).map(|(next, known)| (*next, *known));
        next.map_or(Ok(()), |(next, known)| self.check_step(Some(version), next, known))?;
        self.check_absences()
    }

    /// Whether a write's condition held of the version before it, as far as it is known.
    fn check_step(&mut self, before: Option<Version>, version: Version, made: Known) -> Result<(), What> {
        let is_absent = before.map_or(!self.deleted.is_empty(), |before| self.deleted.contains_key(&before));
        let v = version.0;
        match (made.condition, before) {
            (Condition::IfVersion(wanted), Some(before)) if before > wanted => {
                let wanted = wanted.0;
                Err(What::wrong(format!("version {v} was put on version {wanted}, which had been replaced")))
            }
            (Condition::IfVersion(wanted), _) if self.deleted.contains_key(&wanted) => {
                let wanted = wanted.0;
                Err(What::wrong(format!("version {v} was put on version {wanted}, which had been deleted")))
            }
            (Condition::IfAbsent, Some(before)) => {
                self.need_absence(Absence { from: before, before: Some(version), by: Event::MAX })
            }
            (Condition::IfPresent, _) if is_absent && !self.may_be_more() => {
                Err(What::wrong(format!("version {v} was put if it is there, where nothing was")))
            }
            _ => Ok(()),
        }
    }

    /// Whether there may be versions that nobody has seen.
    fn may_be_more(&self) -> bool {
        !self.claims.is_empty() || self.puts.values().any(|put| put.shown.is_none())
    }

    /// The condition of the version behind this one.
    fn condition_behind(&self, version: Version) -> Option<(Version, Condition)> {
        let mut later = self.versions.range(version..).filter(|(later, _)| **later > version);
        later.next().map(|(later, known)| (*later, known.condition))
    }

    /// Somebody knows of a version, and not whose it is.
    fn claim(&mut self, version: Version, is_unnamed: bool) -> Result<(), What> {
        // What is forgotten was seen, and is told of as stale.
        let is_forgotten = self.versions.keys().next().is_some_and(|oldest| version < *oldest);
        if self.versions.contains_key(&version) || is_forgotten {
            return Ok(());
        }
        *self.claims.entry(version).or_default() |= is_unnamed;
        self.check_claims()
    }

    /// Every version that was seen has a put of its own that may have made it.
    fn check_claims(&mut self) -> Result<(), What> {
        let puts = || self.puts.values().filter(|put| put.shown.is_none());
        let may_be = |(version, is_unnamed): (&Version, &bool)| {
            puts().any(|put| put.from < Point::there(*version) && (!*is_unnamed || put.made.is_unnamed))
        };
        let orphan = match self.claims.iter().find(|claim| !may_be(*claim)) {
            None if self.claims.len() <= puts().count() => return Ok(()),
            None => self.claims.keys().next_back().copied(),
            Some((version, _)) => Some(*version),
        };
        let orphan = orphan.expect("there are more claims than puts");
        self.claims.remove(&orphan);
        Err(What::wrong(format!("version {} was shown, which no write has made", orphan.0)))
    }

    fn need_absence(&mut self, absence: Absence) -> Result<(), What> {
        let is_known =
            |(version, began): (&Version, &Event)| *began < absence.by && absence.contains(*version);
        let mut known =
            self.deleted.range(absence.from..).take_while(|(version, _)| absence.contains(**version));
        if known.any(is_known) {
            return Ok(());
        }
        if !self.absences.iter().any(|other| (other.from, other.before) == (absence.from, absence.before)) {
            self.absences.push(absence);
        }
        self.check_absences()
    }

    /// Every absence has a delete that may have made it, and there are deletes enough for all of them.
    fn check_absences(&mut self) -> Result<(), What> {
        let deleted = &self.deleted;
        self.absences.retain(|absence| {
            !deleted.iter().any(|(version, began)| *began < absence.by && absence.contains(*version))
        });
        let is_explained = |absence: &Absence| self.deletes.values().any(|delete| delete.explains(absence));
        let orphan = match self.absences.iter().position(|absence| !is_explained(absence)) {
            None if self.deletes_needed() <= self.deletes.len() => return Ok(()),
            None => self.absences.len() - 1,
            Some(at) => at,
        };
        let Absence { from, before, .. } = self.absences.swap_remove(orphan);
        Err(What::lost(match before {
            None => format!("absent, where {} was promised", Point::there(from)),
            Some(before) => format!(
                "absent between version {} and version {}, and no delete has made that so",
                from.0, before.0
            ),
        }))
    }

    /// The fewest deletes that make all these absences: one makes those that have a moment in common.
    fn deletes_needed(&self) -> usize {
        let mut ranges: Vec<_> =
            self.absences.iter().map(|a| (a.before.unwrap_or(Version(u64::MAX)), a.from)).collect();
        ranges.sort_unstable();
        let mut last: Option<Version> = None;
        let mut needed = 0;
        for (before, from) in ranges {
            if last.is_none_or(|last| last <= from) {
                (needed, last) = (needed + 1, Some(before));
            }
        }
        needed
    }

    /// Drops what no call can show any more.
    pub(super) fn forget(&mut self) {
        let low = self.flights.values().min().copied().unwrap_or(self.floor).min(self.floor);
        self.versions.retain(|version, _| *version >= low.version);
        self.deleted.retain(|version, _| *version >= low.version);
        self.claims.retain(|version, _| *version >= low.version);
        let first_flight = self.flights.keys().next().copied().unwrap_or(Event::MAX);
        let has_claims = !self.claims.is_empty();
        self.puts.retain(|_, put| {
            let Some(open) = &put.open else { return true };
            let is_too_late =
                matches!(put.made.condition, Condition::IfVersion(wanted) if low > Point::there(wanted));
            put.shown.is_none() && (has_claims || !is_too_late && !open.is_over(first_flight))
        });
        let is_over = |delete: &Delete| {
            let is_too_late =
                matches!(delete.condition, Condition::IfVersion(wanted) if low.version > wanted);
            delete.open.as_ref().is_some_and(|open| open.is_over(first_flight) || is_too_late)
        };
        let (over, left) = mem::take(&mut self.deletes).into_iter().partition(|(_, delete)| is_over(delete));
        self.deletes = left;
        if over.is_empty() {
            return;
        }
        let over: BTreeMap<Event, Delete> = over;
        // What it may have made is made.
        self.absences.retain(|absence| !over.values().any(|delete| delete.explains(absence)));
        if self.floor.is_absent {
            self.deleted.entry(self.floor.version).or_insert(0);
        }
    }
}
