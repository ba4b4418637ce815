//! The directory of a run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A directory that goes with all that is in it when this is dropped, unless it is to be kept.
pub struct RunDir {
    path: PathBuf,
    keep: bool,
}

impl RunDir {
    /// A new or empty directory: this one, or a temporary one.
    ///
    /// # Errors
    /// Why it can't be taken.
    pub fn take(given: Option<&Path>, keep: bool) -> Result<Self, String> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| format!("the directory {path:?} can't be used: {error}")
        };
        let Some(path) = given else {
            let temporary = tempfile::Builder::new().prefix("rekindle-").tempdir();
            let temporary = temporary.map_err(failed(&std::env::temp_dir()))?;
            return Ok(Self { path: temporary.keep(), keep });
        };
        fs::create_dir_all(path).map_err(failed(path))?;
        if fs::read_dir(path).map_err(failed(path))?.next().is_some() {
            return Err(format!("the directory {path:?} is not empty: take another one"));
        }
        Ok(Self { path: path.canonicalize().map_err(failed(path))?, keep })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it there.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        self.keep
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("{:?} is left: {error}", self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_unless_it_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let given = place.path().join("a/b");
        for path in [None, Some(given.as_path())] {
            let dir = RunDir::take(path, false).unwrap();
            let path = dir.path().to_owned();
            fs::write(path.join("file"), "").unwrap();
            drop(dir);
            assert!(!path.exists());
        }
        for keeps in [true, false] {
            let mut dir = RunDir::take(Some(&given), keeps).unwrap();
            dir.keep();
            drop(dir);
            assert!(given.exists());
        }
    }

    #[test]
    fn what_is_somebody_elses_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("mine"), "").unwrap();
        assert!(RunDir::take(Some(place.path()), false).err().unwrap().contains("not empty"));
        assert!(place.path().join("mine").exists());
        assert!(RunDir::take(Some(&place.path().join("mine/b")), false).is_err());
    }
}
