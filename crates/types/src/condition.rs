//! What a write may ask of the object that is there.

use crate::Version;

/// When a write may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// The object is there.
    IfPresent,
    /// The object is not there.
    IfAbsent,
    /// The object is there with this version.
    IfVersion(Version),
}

impl Condition {
    /// Whether a write may happen on what is there.
    #[inline]
    #[must_use]
    pub fn holds(self, present: Option<Version>) -> bool {
        match self {
            Self::Always => true,
            Self::IfPresent => present.is_some(),
            Self::IfAbsent => present.is_none(),
            Self::IfVersion(version) => present == Some(version),
        }
    }
}
