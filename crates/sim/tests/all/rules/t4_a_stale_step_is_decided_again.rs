//! T4. Two servers enlist at the same instant. Both steps read the same next id; the second is refused by the
//! check in the log's serial order and decided again. Without the rule both get one id: two processes that the
//! cluster takes for one, of which only one is watched and fenced.

use futures_util::future::join;
use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig};
use rekindle_types::{Reply, Request, Rules};

pub fn body(rules: Rules) -> Result<(), String> {
    let config = CoordinatorConfig { rules, ..CoordinatorConfig::new(ClusterSize::Replicas(0)) };
    let stage = Stage::new(config);
    let enlist = |name: &str, incarnation| {
        let (name, address, domain) = (name.to_owned(), name.to_owned(), name.to_owned());
        Request::Enlist { name, address, domain, incarnation, former: None }
    };
    stage.world.block_on(async {
        stage.script.wait_for(Stage::LONG, |script| script.coordinator().is_some()).await;
        let (one, two) = (stage.script.call(enlist("one", 1)), stage.script.call(enlist("two", 2)));
        let (Reply::Enlisted(one), Reply::Enlisted(two)) = join(one, two).await else {
            return Err("a server was refused".to_owned());
        };
        if one.server == two.server { Err(format!("both are {}", one.server)) } else { Ok(()) }
    })
}
