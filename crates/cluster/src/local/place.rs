//! Where a cluster keeps everything.

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A directory that was given, or a temporary one that goes when this is dropped.
pub(super) enum Place {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Place {
    /// Makes what is not there.
    pub fn take(given: Option<&Path>, keep: bool) -> io::Result<Self> {
        let Some(path) = given else {
            let temporary = tempfile::Builder::new().prefix("rekindle-").tempdir()?;
            return Ok(if keep { Self::Given(temporary.keep()) } else { Self::Temporary(temporary) });
        };
        fs::create_dir_all(path)?;
        path.canonicalize().map(Self::Given)
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_unless_it_is_kept() {
        let place = Place::take(None, false).unwrap();
        let path = place.path().to_owned();
        assert!(path.is_dir());
        drop(place);
        assert!(!path.exists());

        let kept = Place::take(None, true).unwrap().path().to_owned();
        assert!(kept.is_dir());
        fs::remove_dir(kept).unwrap();
    }

    #[test]
    fn a_given_directory_is_made_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        drop(Place::take(Some(&path), false).unwrap());
        assert!(path.is_dir());
    }
}
