//! Tables as such.

use crate::Done;
use rekindle::{
    client::ClientError,
    cluster::local::ClusterClient,
    types::{Reply, Request, ServerList, TabletMap, TabletVersion},
};

/// Tablets of a new table for each server.
const TABLETS_PER_SERVER: u32 = 2;

pub async fn create(client: &ClusterClient, table: &str, tablets: Option<u32>) -> Result<Done, ClientError> {
    let tablets = match tablets {
        Some(tablets) => tablets,
        None => {
            let (_, servers) = look(client).await.map_err(ClientError::TimedOut)?;
            TABLETS_PER_SERVER * u32::try_from(servers.up().count()).unwrap_or(1).clamp(1, 1024)
        }
    };
    client.create_table(table, tablets).await?;
    println!("table {table:?} with {tablets} tablets");
    Ok(Done::Complete)
}

pub async fn drop(client: &ClusterClient, table: &str) -> Result<Done, ClientError> {
    client.drop_table(table).await?;
    println!("table {table:?} is gone");
    Ok(Done::Complete)
}

pub async fn list(client: &ClusterClient) -> Result<Done, String> {
    let (map, _) = look(client).await?;
    for table in map.tables() {
        println!("{}  {} tablets", table.name, map.tablets_of(table.id).count());
    }
    Ok(Done::Complete)
}

/// The tablet map and the servers.
async fn look(client: &ClusterClient) -> Result<(TabletMap, ServerList), String> {
    let request = Request::TabletMap { newer_than: TabletVersion(0) };
    match client.coordinator().call(request).await {
        Ok(Reply::TabletMap { map, servers }) => Ok((map.unwrap_or_default(), servers)),
        Ok(other) => Err(format!("the coordinator answers {other:?}")),
        Err(error) => Err(format!("the coordinator does not answer: {error}; does the cluster run?")),
    }
}
