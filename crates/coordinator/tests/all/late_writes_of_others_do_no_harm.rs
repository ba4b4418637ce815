//! What an earlier holder of the lock had handed to the disk may still be carried out when the next one begins: the
//! file of a reign gets its name only if it holds what this reign wrote, and what is gone needs no removal.

use futures_util::future::join;
use rekindle_coordinator::meta::{FileMetaLog, FileMetaLogConfig, MetaLog, MetaOpenError};
use rekindle_env::memory::World;
use std::time::Duration;

const FIRST_FILE: &str = "meta-0000000000000001-0000000000000000.log";
const UNFINISHED: &str = "meta-0000000000000001-0000000000000000.log.new";
const STEP: Duration = Duration::from_millis(1);

#[test]
fn a_file_that_another_wrote_to_gets_no_name() {
    let mut refused = 0;
    for late in 0..20 {
        let world = World::new(1);
        let node = world.node("c");
        let (env, log) = (node.env(), FileMetaLog::new(&node.env(), FileMetaLogConfig::new(1)));
        node.disk().set_latency(STEP);
        world.block_on(async {
            let late = async {
                env.clock.sleep(STEP / 2 * late).await;
                env.dir.append(UNFINISHED, "late".into()).await.unwrap();
            };
            let (opened, ()) = join(log.open(), late).await;
            let is_named = env.dir.list().await.unwrap().iter().any(|name| name == FIRST_FILE);
            assert_eq!(opened.is_ok(), is_named, "{opened:?}");
            if let Err(error) = opened {
                assert!(
                    matches!(&error, MetaOpenError::Failed(why) if why.contains("somebody else")),
                    "{error}"
                );
                refused += 1;
            }
            drop(log);
            let next = FileMetaLog::new(&env, FileMetaLogConfig::new(1));
            assert!(next.open().await.is_ok(), "the next one reads what is there");
        });
    }
    assert!(refused > 0, "it never came between");
}

#[test]
fn what_another_removed_needs_no_removal() {
    const LEFT: &str = "meta-0000000000000009-0000000000000009.log.new";
    for late in 0..20 {
        let world = World::new(1);
        let node = world.node("c");
        let (env, log) = (node.env(), FileMetaLog::new(&node.env(), FileMetaLogConfig::new(1)));
        world.block_on(async {
            env.dir.append(LEFT, "half of it".into()).await.unwrap();
            node.disk().set_latency(STEP);
            let late = async {
                env.clock.sleep(STEP / 2 * late).await;
                // Whoever comes first.
                let _ = env.dir.remove(LEFT).await;
            };
            let (opened, ()) = join(log.open(), late).await;
            opened.unwrap();
            assert_eq!(env.dir.list().await.unwrap(), [FIRST_FILE]);
        });
    }
}
