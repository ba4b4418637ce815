//! Names of the files.

use rekindle_types::Term;

/// The exclusive lock of whoever reigns.
pub(super) const LOCK: &str = "meta.lock";

/// Ends the name of a file that is not whole yet.
const UNFINISHED: &str = ".new";

/// Which file of the log: the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    pub term: Term,
    pub turn: u64,
}

impl FileId {
    pub fn name(self) -> String {
        format!("meta-{:016x}-{:016x}.log", self.term.0, self.turn)
    }

    /// Its name until it is whole.
    pub fn unfinished(self) -> String {
        self.name() + UNFINISHED
    }

    pub fn parse(name: &str) -> Option<Self> {
        let (term, turn) = name.strip_prefix("meta-")?.strip_suffix(".log")?.split_once('-')?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        let id = Self { term: Term(number(term)?), turn: number(turn)? };
        (id.name() == name).then_some(id)
    }
}

/// Whether a crash left the file behind before it was whole.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED).is_some_and(|name| FileId::parse(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_files_and_nothing_else_is_one() {
        let id = |term, turn| FileId { term: Term(term), turn };
        let ids = [id(1, 0), id(1, 16), id(9, 2), id(16, 0), id(u64::MAX, 0)];
        assert!(ids.is_sorted_by_key(|id| id.name()));
        assert_eq!(ids.map(|id| FileId::parse(&id.name())), ids.map(Some));
        assert!(is_unfinished(&ids[0].unfinished()) && !is_unfinished(&ids[0].name()));
        for other in ["meta.lock", "meta-1-0.log", "meta-000000000000000A-0000000000000000.log", "x.new"] {
            assert!(FileId::parse(other).is_none() && !is_unfinished(other), "{other}");
        }
    }
}
