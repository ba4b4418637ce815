//! A recovery as a picture: what happened when, and the partitions side by side.

use rekindle::{
    coordinator::Event,
    env::Time,
    types::{PartitionIndex, ServerId},
};
use std::collections::BTreeMap;

/// Characters for the time axis.
const WIDTH: usize = 64;

/// When a partition's replay, commit and service came, in milliseconds from the kill.
#[derive(Default)]
struct Lane {
    master: String,
    objects: u64,
    bytes: u64,
    replayed: Option<f64>,
    committed: Option<f64>,
    served: Option<f64>,
}

/// Prints what happened to `victim`.
pub fn print(victim: ServerId, killed_at: Time, events: &[(Time, Event)]) {
    let ms = |at: Time| at.since(killed_at).as_secs_f64() * 1e3;
    println!("\n     0.0 ms  {victim} killed");
    let mut lanes: BTreeMap<PartitionIndex, Lane> = BTreeMap::new();
    let mut planned = 0.0;
    for (at, event) in events {
        match event {
            Event::Replayed { dead, partition, master, bytes, objects } if *dead == victim => {
                let lane = lanes.entry(*partition).or_default();
                lane.master = master.to_string();
                (lane.bytes, lane.objects, lane.replayed) = (*bytes, *objects, Some(ms(*at)));
            }
            Event::Committed { dead, partition, .. } if *dead == victim => {
                lanes.entry(*partition).or_default().committed = Some(ms(*at));
            }
            Event::Served { dead, partition, .. } if *dead == victim => {
                lanes.entry(*partition).or_default().served = Some(ms(*at));
            }
            _ => {
                if let Some(words) = words(event, victim) {
                    println!("{:>8.1} ms  {words}", ms(*at));
                }
                if matches!(event, Event::Planned { dead, .. } if *dead == victim) {
                    planned = ms(*at);
                }
            }
        }
    }
    print_lanes(&lanes, planned);
}

fn words(event: &Event, victim: ServerId) -> Option<String> {
    Some(match event {
        Event::Suspected(server) if *server == victim => {
            "suspected: two heartbeats missed, or a peer's hint".into()
        }
        Event::Detected(server) if *server == victim => "detected: no probe was answered".into(),
        Event::Fenced(server) if *server == victim => "fenced: the death is recorded".into(),
        Event::Waiting { dead, reason } if *dead == victim => format!("waiting: {reason}"),
        Event::Discovered { dead, segments, bytes } if *dead == victim => {
            format!("discovered: {segments} segments, {:.1} MB", *bytes as f64 / 1e6)
        }
        Event::Planned { dead, partitions } if *dead == victim => format!("planned: {partitions} partitions"),
        Event::AttemptFailed { dead, partition, reason, .. } if *dead == victim => {
            format!("{partition} failed, and goes elsewhere: {reason}")
        }
        Event::Recovered(server) if *server == victim => "recovered: its replicas are freed".into(),
        _ => return None,
    })
}

fn print_lanes(lanes: &BTreeMap<PartitionIndex, Lane>, planned: f64) {
    let end = lanes.values().filter_map(|lane| lane.served).fold(planned + 1.0, f64::max);
    let column = |at: f64| ((at - planned) / (end - planned) * WIDTH as f64) as usize;
    println!(
        "\nFrom the plan ({planned:.0} ms) to the last tablet served ({end:.0} ms):  = replay   - lease wait   * served\n"
    );
    for (partition, lane) in lanes {
        let (replayed, committed) = (lane.replayed.unwrap_or(end), lane.committed.unwrap_or(end));
        let served = lane.served.map_or(WIDTH, column);
        let bar: String = (0..=WIDTH)
            .map(|at| match at {
                at if at == served => '*',
                at if at > served => ' ',
                at if at <= column(replayed) => '=',
                at if at <= column(committed) => '-',
                _ => '.',
            })
            .collect();
        let (bytes, objects) = (lane.bytes as f64 / 1e3, lane.objects);
        println!("{partition:>4} on {:<4} {bar} {objects:>6} objects {bytes:>8.1} kB", lane.master);
    }
}
