//! A cluster's directory, for the people and programs that use it.
//!
//! | what | for whom |
//! |---|---|
//! | `cluster.json` | everybody: [`ClusterRecord`] |
//! | `ca.pem` | everybody: the authority's certificate |
//! | `client.pem`, `client.key` | applications |
//! | `admin.pem`, `admin.key` | operators |
//! | `certificates/` | those who start processes: whoever can read it can be anybody in the cluster |
//! | a folder for each process | that process |

mod error;
mod record;

pub use error::DirectoryError;
pub use record::{ClusterRecord, ClusterSettings};

use super::{
    Access, ClusterClient, Issued, NodeConfig,
    cluster::{Certificates, Nodes},
    durable_file,
};
use crate::wire::Role;
use rekindle_client::ClientConfig;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A directory that is a cluster's.
pub struct ClusterDir {
    path: PathBuf,
    record: ClusterRecord,
}

const RECORD: &str = "cluster.json";
const AUTHORITY: &str = "ca.pem";
/// A record is small: a larger file is none.
const RECORD_BYTES_MAX: u64 = 1 << 20;

impl ClusterDir {
    /// The directory of a cluster.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let path = path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DirectoryError::Missing(path.to_owned()),
            _ => DirectoryError::file(path)(error),
        })?;
        match read(&path.join(RECORD))? {
            Some(record) => Ok(Self { path, record }),
            None => Err(DirectoryError::NotACluster(path)),
        }
    }

    /// Makes the directory of a new cluster, in a place that is empty or not there. Who is killed meanwhile leaves
    /// either nothing, or a directory that [`ClusterDir::open`] opens.
    pub fn create(path: &Path, record: ClusterRecord) -> Result<Self, DirectoryError> {
        fs::create_dir_all(path).map_err(DirectoryError::file(path))?;
        let path = path.canonicalize().map_err(DirectoryError::file(path))?;
        let _lock = durable_file::lock(&path).map_err(DirectoryError::file(&path))?;
        let mut entries = fs::read_dir(&path).map_err(DirectoryError::file(&path))?;
        // What a writer that was killed has left is as good as nothing.
        if entries.any(|entry| entry.is_ok_and(|entry| !durable_file::is_unfinished(&entry.file_name()))) {
            return Err(DirectoryError::Occupied(path));
        }
        let dir = Self { path, record };
        dir.write()?;
        Ok(dir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    #[must_use]
    pub fn record(&self) -> &ClusterRecord {
        &self.record
    }

    /// Changes what it says, in one step.
    pub fn change(&mut self, change: impl FnOnce(&mut ClusterRecord)) -> Result<(), DirectoryError> {
        let _lock = durable_file::lock(&self.path).map_err(DirectoryError::file(&self.path))?;
        if let Some(present) = read(&self.path.join(RECORD))? {
            self.record = present;
        }
        let before = self.record.clone();
        change(&mut self.record);
        if self.record == before { Ok(()) } else { self.write() }
    }

    /// Makes the certificates of clients and operators that are not there.
    pub fn certify(&self) -> Result<(), DirectoryError> {
        let certificates = self.certificates()?;
        let _lock = durable_file::lock(&self.path).map_err(DirectoryError::file(&self.path))?;
        for (name, role) in [("client", Role::Client), ("admin", Role::Admin)] {
            if self.path.join(format!("{name}.pem")).exists() && self.path.join(AUTHORITY).exists() {
                continue;
            }
            let issued = certificates.issue(name, role)?;
            self.write_file(AUTHORITY, &issued.authority_pem, 0o644)?;
            self.write_file(&format!("{name}.key"), &issued.key_pem, 0o600)?;
            self.write_file(&format!("{name}.pem"), &issued.certificate_pem, 0o644)?;
        }
        Ok(())
    }

    /// A coordinator of this cluster, at these two addresses, or at any that are free.
    pub fn coordinator(&self, at: Option<(SocketAddr, SocketAddr)>) -> Result<NodeConfig, DirectoryError> {
        Ok(self.nodes()?.coordinator(at)?)
    }

    /// A storage server of this cluster.
    pub fn storage(&self, name: &str) -> Result<NodeConfig, DirectoryError> {
        Ok(self.nodes()?.storage(name, self.coordinators()?)?)
    }

    /// A connected application.
    pub fn client(&self, config: ClientConfig) -> Result<ClusterClient, DirectoryError> {
        self.connect("client", config)
    }

    /// A connected operator.
    pub fn admin(&self, config: ClientConfig) -> Result<ClusterClient, DirectoryError> {
        self.connect("admin", config)
    }

    fn connect(&self, name: &str, config: ClientConfig) -> Result<ClusterClient, DirectoryError> {
        let read = |file: String| {
            let path = self.path.join(file);
            fs::read_to_string(&path).map_err(DirectoryError::file(&path))
        };
        let issued = Issued {
            authority_pem: read(AUTHORITY.to_owned())?,
            certificate_pem: read(format!("{name}.pem"))?,
            key_pem: read(format!("{name}.key"))?,
        };
        let access = Access {
            cluster: self.record.cluster,
            coordinators: self.coordinators()?,
            credentials: issued.credentials()?,
            times: self.record.settings.times,
        };
        Ok(ClusterClient::connect(&access, config)?)
    }

    fn coordinators(&self) -> Result<Vec<String>, DirectoryError> {
        match &self.record.coordinators[..] {
            [] => Err(DirectoryError::NeverStarted(self.path.clone())),
            coordinators => Ok(coordinators.to_vec()),
        }
    }

    fn nodes(&self) -> Result<Nodes, DirectoryError> {
        let config = self.record.config(&self.path);
        let certificates = self.certificates()?;
        Ok(Nodes { cluster: self.record.cluster, config, dir: self.path.clone(), certificates })
    }

    fn certificates(&self) -> Result<Certificates, DirectoryError> {
        Ok(Certificates::of(&Certificates::in_cluster(&self.path))?)
    }

    fn write(&self) -> Result<(), DirectoryError> {
        let json = serde_json::to_string_pretty(&self.record).expect("a record is plain data");
        self.write_file(RECORD, &(json + "\n"), 0o644)
    }

    fn write_file(&self, name: &str, text: &str, mode: u32) -> Result<(), DirectoryError> {
        let path = self.path.join(name);
        durable_file::write(&path, text, mode).map_err(DirectoryError::file(&path))
    }
}

/// The record, if it is there.
fn read(path: &Path) -> Result<Option<ClusterRecord>, DirectoryError> {
    let unreadable = |why: String| DirectoryError::Unreadable { path: path.to_owned(), why };
    let bytes = match fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        found => found.map_err(DirectoryError::file(path))?.len(),
    };
    if bytes > RECORD_BYTES_MAX {
        return Err(unreadable(format!("it has {bytes} bytes, at most {RECORD_BYTES_MAX} are a record")));
    }
    let json = fs::read_to_string(path).map_err(DirectoryError::file(path))?;
    let value: serde_json::Value = serde_json::from_str(&json).map_err(|e| unreadable(e.to_string()))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(ClusterRecord::FORMAT) => {}
        format => {
            let format = format.map_or("none".to_owned(), |format| format.to_string());
            let known = ClusterRecord::FORMAT;
            return Err(unreadable(format!("its format is {format}, this program reads format {known}")));
        }
    }
    serde_json::from_value(value).map(Some).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{local::Durability, wire::ClusterId};

    fn record() -> ClusterRecord {
        let settings = ClusterSettings { durability: Durability::Buffered, ..ClusterSettings::default() };
        ClusterRecord::new(ClusterId(u128::MAX - 7), 12, settings)
    }

    #[test]
    fn a_directory_says_what_was_written() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let mut dir = ClusterDir::create(&path, record()).unwrap();
        assert_eq!(ClusterDir::open(&path).unwrap().record(), &record());
        dir.change(|record| record.coordinators = vec!["127.0.0.1:1/2".into()]).unwrap();
        assert_eq!(ClusterDir::open(&path).unwrap().record().coordinators, ["127.0.0.1:1/2"]);
        assert!(matches!(ClusterDir::create(&path, record()), Err(DirectoryError::Occupied(_))));
    }

    #[test]
    fn what_is_no_cluster_is_refused_and_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        assert!(matches!(ClusterDir::open(&path.join("none")), Err(DirectoryError::Missing(_))));
        assert!(matches!(ClusterDir::open(path), Err(DirectoryError::NotACluster(_))));
        fs::write(path.join("letters.txt"), "dear").unwrap();
        assert!(matches!(ClusterDir::create(path, record()), Err(DirectoryError::Occupied(_))));
        assert!(matches!(ClusterDir::open(&path.join("letters.txt")), Err(DirectoryError::NotACluster(_))));
        assert_eq!(fs::read_dir(path).unwrap().count(), 1);
    }

    #[test]
    fn damaged_records_are_refused_with_their_path() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        let whole = serde_json::to_string(&record()).unwrap();
        for bad in
            ["", "{}", "[1]", &whole[..whole.len() / 2], &whole.replace("\"format\":1", "\"format\":2")]
        {
            fs::write(path.join(RECORD), bad).unwrap();
            let Err(error) = ClusterDir::open(path) else { panic!("{bad}") };
            assert!(error.to_string().contains("cluster.json"), "{error}");
        }
    }

    #[test]
    fn who_was_killed_while_making_it_is_in_nobodys_way() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("cluster.json.new"), "{").unwrap();
        let dir = ClusterDir::create(place.path(), record()).unwrap();
        dir.certify().unwrap();
        // Killed before the certificate, after the key.
        fs::remove_file(place.path().join("client.pem")).unwrap();
        fs::write(place.path().join("client.key"), "half a k").unwrap();
        dir.certify().unwrap();
        let key = fs::read_to_string(place.path().join("client.key")).unwrap();
        dir.certify().unwrap();
        assert_eq!(fs::read_to_string(place.path().join("client.key")).unwrap(), key, "made once");
        let Err(error) = dir.client(ClientConfig::default()) else { panic!("nothing runs") };
        assert!(matches!(error, DirectoryError::NeverStarted(_)), "{error}");
    }
}
