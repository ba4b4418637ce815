//! Names of processes.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A process of a cluster that `up` keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    Coordinator,
    /// A storage server, by its number.
    Storage(u32),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse().ok().filter(|n: &u32| n.to_string() == digits);
        match name.strip_prefix("server-").and_then(number) {
            Some(number) => Ok(Self::Storage(number)),
            None if name == "coordinator" => Ok(Self::Coordinator),
            None => Err("processes are called coordinator, server-0, server-1 and so on; \
                         `cluster status` lists them"
                .into()),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("coordinator"),
            Self::Storage(number) => write!(f, "server-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for target in [Target::Coordinator, Target::Storage(0), Target::Storage(17)] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for other in ["", "server-", "server-01", "server-x", "Server-1", "1"] {
            assert!(other.parse::<Target>().is_err(), "{other}");
        }
    }
}
