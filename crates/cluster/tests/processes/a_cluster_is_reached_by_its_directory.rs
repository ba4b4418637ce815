//! Who can read a cluster's directory finds its coordinator there, and certificates to call it with; only operators
//! are told how everything is.

use crate::cluster::{LONG, NODE, config};
use rekindle_client::{ClientConfig, ClientError};
use rekindle_cluster::{
    local::{Cluster, ClusterDir, ClusterRecord, ClusterSettings, Launcher, new_id},
    wire::Role,
};
use rekindle_types::{RemoteError, Reply, Request};
use std::fs;

fn record() -> ClusterRecord {
    ClusterRecord::new(new_id(), 1, ClusterSettings::from(&config(4, 2)))
}

#[test]
fn applications_call_and_operators_see() {
    let place = tempfile::tempdir().unwrap();
    let mut dir = ClusterDir::create(&place.path().join("c"), record()).unwrap();
    dir.certify().unwrap();
    let cluster = Cluster::start(Launcher::new(NODE), dir.record().config(dir.path())).unwrap();
    assert_eq!(cluster.id(), dir.record().cluster);
    dir.change(|record| record.coordinators = vec![cluster.address().unwrap()]).unwrap();

    let dir = ClusterDir::open(dir.path()).unwrap();
    let config = || ClientConfig { timeout: LONG, ..ClientConfig::default() };
    let client = dir.client(config()).unwrap();
    client.block_on(async {
        let table = client.create_table("t", 8).await.unwrap();
        table.put("k", "v").await.unwrap();
        let told = client.coordinator().call(Request::Status).await;
        assert!(matches!(told, Err(RemoteError::Unauthorised(_))), "{told:?}");
    });
    let admin = dir.admin(config()).unwrap();
    admin.block_on(async {
        let Ok(Reply::Status(status)) = admin.coordinator().call(Request::Status).await else { panic!() };
        assert_eq!((status.servers.len(), status.tablets.len(), status.failures), (4, 8, 1));
        assert!(status.servers.iter().all(|server| server.renewed_ms_ago.is_some()));
    });

    // A certificate of another cluster's authority.
    let stranger = rekindle_cluster::local::Authority::new().unwrap().issue("client", Role::Client).unwrap();
    for (file, text) in [("client.pem", &stranger.certificate_pem), ("client.key", &stranger.key_pem)] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    let config = ClientConfig { timeout: std::time::Duration::from_secs(1), ..ClientConfig::default() };
    let client = dir.client(config).unwrap();
    let error = client.block_on(client.table("t")).map(|table| table.id()).unwrap_err();
    assert!(matches!(error, ClientError::Unauthorised(_) | ClientError::TimedOut(_)), "{error}");
}
