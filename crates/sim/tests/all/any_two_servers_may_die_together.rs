//! REC-1, BAK-4. All pairs of two servers out of six are killed together: nothing acknowledged is lost, and all is on
//! R backups again afterwards.

use crate::stored::{Stored, id, settled};
use rekindle_sim::{SimCluster, SimConfig};

#[test]
fn any_two_servers_may_die_together() {
    let mut pairs = 0;
    for (one, other) in (0..6).flat_map(|one| (one + 1..6).map(move |other| (one, other))) {
        let seed = u64::from(one * 6 + other);
        let cluster = SimCluster::new(SimConfig { replicas: 3, ..SimConfig::new(seed) });
        cluster.start();
        cluster.world.block_on(async {
            let mut stored = Stored::new(&cluster, 12).await;
            stored.write(600, 200).await;
            let dead = [id(&cluster, one), id(&cluster, other)];
            cluster.kill_storage(one);
            cluster.kill_storage(other);
            let when = format!("s{one} and s{other} dead");
            stored.verify(&when).await;
            settled(&cluster, &dead, &when).await;
            stored.write(50, 200).await;
            stored.verify(&when).await;
        });
        pairs += 1;
    }
    assert_eq!(pairs, 15);
}
