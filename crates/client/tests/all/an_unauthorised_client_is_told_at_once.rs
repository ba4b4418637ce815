//! No repeat gives a client the right certificate: the first call says so, after one request.

use crate::support::*;
use rekindle_client::ClientError;
use rekindle_env::memory::World;
use rekindle_types::RemoteError;

#[test]
fn the_first_call_fails_after_one_request() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let client = cluster.client();
    let refuse = || cluster.replies.lock().push_back(Err(RemoteError::Unauthorised("another CA".into())));
    let is_unauthorised =
        |error| matches!(error, Some(ClientError::Unauthorised(why)) if why.contains("another CA"));
    world.block_on(async {
        refuse();
        assert!(is_unauthorised(client.table("table").await.err()));
        refuse();
        assert!(is_unauthorised(client.create_table("new", 1).await.err()));
        refuse();
        assert!(is_unauthorised(client.drop_table("table").await.err()));
    });
    assert_eq!(cluster.requests.lock().len(), 3);
}
