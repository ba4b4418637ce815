//! How everything stands, as a line for each process and a digest.

use super::digest::Digest;
use crate::{COORDINATOR, SimCluster, name};
use rekindle_cluster::server::StorageStatus;
use rekindle_types::ServerId;
use std::fmt::Write;

/// How a process stood at some instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The node.
    pub node: String,
    /// The id of the server that runs there. None of the coordinator.
    pub id: Option<ServerId>,
    /// In words: what it is at.
    pub words: String,
    /// And numbers that change all the time.
    pub numbers: String,
}

/// The beginning of such a note.
const STATE: &str = "state ";

/// Notes for the trace how every server and the coordinator stand: a digest of all that they say of themselves (leases, tablets,
/// replays, counters of logs, cleaners, replicas and backups, the last record), and a line in words for each. Two runs whose
/// states have parted differ in the digest even when no event has shown that yet.
///
/// It is cheap, not complete: objects are not in it but as counts and bytes of logs, since hashing all memory would cost more
/// than the run. What is different in there shows in the first frame that carries it, and frames are traced.
pub(crate) fn note_state(cluster: &SimCluster) {
    let (mut digest, mut lines) = (Digest::default(), String::new());
    for (server, status) in cluster.statuses() {
        write!(digest, "{server}{status:?}").expect("a digest takes everything");
        lines += &format!("\n{} {} {}", name(server), status.server.0, words(&status));
    }
    let office = cluster.coordinator(|c| c.coordinator()).flatten();
    let reign = office.map(|office| {
        office.look(|state| {
            let (tablets, under_way) = (state.map().tablets().count(), state.unfinished().count());
            let servers = state.servers().iter().count();
            let words = format!("{servers} servers, {tablets} tablets, {under_way} operations under way");
            (state.last(), words + &format!("; last record {}", state.last()))
        })
    });
    write!(digest, "{reign:?}").expect("a digest takes everything");
    let words = reign.map_or_else(|| "nobody in office".to_owned(), |(_, words)| words);
    cluster.world.note(&format!("{STATE}{:016x}{lines}\n{COORDINATOR} - {words}", digest.0));
}

fn words(status: &StorageStatus) -> String {
    let member = match (status.is_removed, status.has_lease, status.is_ready) {
        (true, _, _) => "declared dead",
        (_, false, _) => "no lease",
        (_, true, false) => "starting",
        (_, true, true) => "member",
    };
    let serving = status.tablets.iter().filter(|tablet| tablet.serving.is_some()).count();
    let mut words = format!("{member}, {serving} tablets served");
    if status.tablets.len() > serving {
        words += &format!(", {} tablets being taken", status.tablets.len() - serving);
    }
    if status.replication.unsettled > 1 {
        words += ", segments lack replicas";
    }
    if let Some(missing) = &status.replication.too_few {
        words += &format!(", too few backups: {missing:?}");
    }
    format!(
        "{words}; {} segments, {} unsettled, {} replicas kept, {} requests waiting",
        status.log.segments,
        status.replication.unsettled,
        status.backup.map_or(0, |backup| backup.frames_used),
        status.waiting,
    )
}

/// What [`note_state`] noted; none when the note is another one.
pub(super) fn read_state(note: &str) -> Option<Vec<Standing>> {
    let (_digest, lines) = note.strip_prefix(STATE)?.split_once('\n')?;
    lines.lines().map(read_line).collect()
}

fn read_line(line: &str) -> Option<Standing> {
    let (node, rest) = line.split_once(' ')?;
    let (id, words) = rest.split_once(' ')?;
    let id = id.parse().ok().map(ServerId);
    let (words, numbers) = words.split_once("; ").unwrap_or((words, ""));
    Some(Standing { node: node.to_owned(), id, words: words.to_owned(), numbers: numbers.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use parking_lot::Mutex;
    use rekindle_env::memory::Event;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn what_is_noted_is_read() {
        let cluster = SimCluster::new(SimConfig::new(1));
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&notes);
        cluster.world.trace(move |_, event| {
            if let Event::Note(text) = event {
                seen.lock().push(text.to_owned());
            }
        });
        cluster.start();
        cluster.world.run_for(Duration::from_secs(2));
        note_state(&cluster);
        cluster.world.run_for(Duration::from_secs(2));
        note_state(&cluster);
        let notes = notes.lock().clone();
        let standings = read_state(&notes[0]).expect("it was written so");
        assert_eq!(standings.len(), 7);
        assert_eq!(standings[6].node, COORDINATOR);
        assert_eq!(standings[6].words, "6 servers, 0 tablets, 0 operations under way");
        assert!(standings[0].id.is_some() && standings[0].words.starts_with("member, 0 tablets served"));
        let digest = |note: &str| note.lines().next().map(str::to_owned);
        assert_ne!(digest(&notes[0]), digest(&notes[1]), "renewals were sent meanwhile");
        assert_eq!(read_state("anything else"), None);
    }
}
