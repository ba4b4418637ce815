//! kill -9 of storage servers: all data is back under other owners, and the dead serve again under new ids.

use crate::cluster::{Story, config, overwrite};
use rekindle_coordinator::Event;
use tokio::sync::watch;

#[test]
fn one_server_of_five_is_killed_while_clients_write() {
    let mut story = Story::begin(config(5, 2));
    story.fill(2_000);
    let dead = story.cluster.server_id(1).unwrap();

    let (stop, stopped) = watch::channel(false);
    let writers: Vec<_> = (0..8)
        .map(|i| {
            let (client, stopped) = (story.client.client().clone(), stopped.clone());
            story.client.handle().spawn(overwrite(client, format!("hot-{i}"), stopped))
        })
        .collect();
    let killed = story.cluster.kill_storage(1).unwrap();
    story.until_recovered(dead);
    stop.send(true).unwrap();
    let mut acknowledgements = 0;
    for writer in writers {
        let written = story.client.block_on(writer).unwrap();
        acknowledgements += written.acknowledgements;
        story.client.block_on(written.check(&story.table));
    }
    assert!(acknowledgements > 8, "writers came through: {acknowledgements}");
    story.check();

    // In this order, all after the kill.
    let at = |event: &Event| story.cluster.events().iter().find(|seen| seen.event == *event).unwrap().at();
    let times = [Event::Detected(dead), Event::Fenced(dead), Event::Recovered(dead)].map(|event| at(&event));
    assert!(killed < times[0] && times.is_sorted(), "{times:?}\n{}", story.timeline());
    let report = story.cluster.coordinator_report().unwrap();
    assert!(report.servers.iter().all(|server| server.id != dead));
    assert!(report.tablets.iter().all(|tablet| tablet.owner != dead));

    // It comes back under its name, with another id.
    let id = story.cluster.start_storage(1).unwrap();
    assert_ne!(id, dead);
    assert_eq!(story.cluster.number_of(dead), story.cluster.number_of(id));
    assert_eq!(story.deaths(), [dead], "{}", story.timeline());
}

#[test]
fn two_servers_of_six_are_killed_together() {
    let mut story = Story::begin(config(6, 2));
    story.fill(2_000);
    let mut dead = [0, 3].map(|server| story.cluster.server_id(server).unwrap());
    dead.sort_unstable();
    story.cluster.kill_together(&[0, 3]).unwrap();
    story.check();
    dead.iter().for_each(|dead| story.until_recovered(*dead));
    story.check();
    let mut deaths = story.deaths();
    deaths.sort_unstable();
    assert_eq!(deaths, dead, "{}", story.timeline());
}
