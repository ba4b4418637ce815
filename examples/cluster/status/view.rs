//! A cluster in text.

use super::{
    bar::bar,
    report::{RecoveryReport, ServerReport, StatusReport, TableReport},
};
use std::{collections::BTreeMap, fmt::Write};

/// More tablets than this are told by their owners.
const TABLETS_MAX: usize = 32;
const BAR: usize = 30;

/// All of it; every tablet when asked for.
pub fn text(report: &StatusReport, every_tablet: bool) -> String {
    let mut text = String::new();
    heading(&mut text, report);
    servers(&mut text, &report.servers);
    for table in &report.tables {
        self::table(&mut text, table, every_tablet);
    }
    if report.tables.is_empty() {
        text += "\nno tables\n";
    }
    for recovery in &report.recoveries {
        self::recovery(&mut text, recovery);
    }
    text
}

fn heading(text: &mut String, report: &StatusReport) {
    let StatusReport { replicas, failures, failures_at_once, .. } = report;
    _ = writeln!(
        text,
        "cluster {}, coordinator {}, term {}",
        &report.cluster[..8.min(report.cluster.len())],
        report.coordinators.join(", "),
        report.term
    );
    _ = writeln!(text, "{}", report.advice);
    _ = writeln!(
        text,
        "R = {replicas}: it can take {failures} failure{} now, {failures_at_once} at once",
        if *failures == 1 { "" } else { "s" }
    );
    if report.is_held {
        text.push_str(
            "too many servers are silent at once: nobody is declared dead until some are heard again\n",
        );
    }
}

fn servers(text: &mut String, servers: &[ServerReport]) {
    let width = servers.iter().map(|server| server.name.len()).max().unwrap_or(0).max("server".len());
    _ = writeln!(
        text,
        "\n{:<width$}  {:>5}  {:<8} {:>9}  {:>22} {:>5}  {:>14}  {:>7}  address",
        "server", "id", "state", "lease age", "memory used", "", "backup frames", "tablets"
    );
    for server in servers {
        let age = server.lease_age_ms.map_or("-".into(), |ms| format!("{ms} ms"));
        let memory = server.memory_used_bytes.zip(server.memory_bytes);
        let memory = memory.map_or("-".into(), |(used, all)| format!("{} of {} MB", mb(used), mb(all)));
        let share = server.utilisation.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
        let frames = server.backup_frames_used.zip(server.backup_frames);
        let frames = frames.map_or("-".into(), |(used, all)| format!("{used} of {all}"));
        _ = writeln!(
            text,
            "{:<width$}  {:>5}  {:<8} {age:>9}  {memory:>22} {share:>5}  {frames:>14}  {:>7}  {}",
            server.name,
            format!("s{}", server.id),
            server.state,
            server.tablets,
            server.address
        );
    }
}

fn table(text: &mut String, table: &TableReport, every_tablet: bool) {
    _ = writeln!(text, "\ntable {:?}, {} tablets", table.name, table.tablets.len());
    if every_tablet || table.tablets.len() <= TABLETS_MAX {
        for tablet in &table.tablets {
            let state = if tablet.state == "served" { "" } else { "  recovering" };
            _ = writeln!(text, "  {}..{}  {}{state}", tablet.first, tablet.last, tablet.owner);
        }
        return;
    }
    let mut owners = BTreeMap::<_, usize>::new();
    for tablet in &table.tablets {
        *owners.entry((&tablet.owner, tablet.state)).or_default() += 1;
    }
    for ((owner, state), count) in owners {
        let state = if state == "served" { "" } else { ", recovering" };
        _ = writeln!(text, "  {owner}: {count}{state}");
    }
}

fn recovery(text: &mut String, recovery: &RecoveryReport) {
    let RecoveryReport { server, id, phase, bytes, bytes_replayed, .. } = recovery;
    let part = match (*phase, *bytes) {
        ("releasing", _) => 1.0,
        (_, 0) => 0.0,
        (_, bytes) => *bytes_replayed as f64 / bytes as f64,
    };
    _ = writeln!(
        text,
        "\nrecovery of {server} (s{id})  {}  {:3.0} %  {} of {} MB, {phase}",
        bar(part, BAR),
        part * 100.0,
        mb(*bytes_replayed),
        mb(*bytes)
    );
    for partition in &recovery.partitions {
        let attempt =
            if partition.attempt > 1 { format!(", try {}", partition.attempt) } else { String::new() };
        _ = writeln!(
            text,
            "  p{} on {}: {} of {} MB {}{attempt}",
            partition.index,
            partition.master,
            mb(partition.bytes_replayed),
            mb(partition.bytes),
            partition.state
        );
    }
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle::{
        cluster::{
            local::{ClusterRecord, ClusterSettings},
            wire::ClusterId,
        },
        types::{
            Attempt, ClusterStatus, KeyRange, MemberStatus, PartitionIndex, PartitionProgress,
            PartitionStatus, RecoveryPhase, RecoveryStatus, SegmentId, ServerEntry, ServerId, ServerRoom,
            ServerStatus, TableId, TableInfo, Tablet, TabletState, TabletVersion, Term,
        },
    };

    fn record() -> ClusterRecord {
        ClusterRecord {
            coordinators: vec!["c:1/2".into()],
            ..ClusterRecord::new(ClusterId(0xabc), 0, ClusterSettings::default())
        }
    }

    fn member(id: u64, room: Option<ServerRoom>) -> MemberStatus {
        let entry = ServerEntry {
            address: format!("a:{id}"),
            ..ServerEntry::up(ServerId(id), format!("server-{id}"))
        };
        MemberStatus { entry, is_placeable: true, renewed_ms_ago: Some(12), room }
    }

    fn status() -> ClusterStatus {
        let room = ServerRoom {
            memory_total_bytes: 400_000_000,
            memory_free_bytes: 300_000_000,
            frames_total: 844,
            frames_free: 800,
            ..ServerRoom::default()
        };
        let mut dead = member(3, None);
        dead.entry.status = ServerStatus::Dead;
        let tablet = |range, owner, state| Tablet {
            table: TableId(1),
            range,
            owner: ServerId(owner),
            version: TabletVersion(1),
            state,
            created: SegmentId(0),
        };
        let [low, high] = KeyRange::FULL.split_even(2)[..] else { unreachable!() };
        let partition = |index, bytes_replayed, progress| PartitionStatus {
            index: PartitionIndex(index),
            master: ServerId(1),
            attempt: Attempt(index + 1),
            bytes: 10_000_000,
            bytes_replayed,
            progress,
        };
        let recovery = RecoveryStatus {
            server: ServerId(3),
            phase: RecoveryPhase::Replaying,
            partitions: vec![
                partition(0, 10_000_000, PartitionProgress::Served),
                partition(1, 5_000_000, PartitionProgress::Replaying),
            ],
        };
        ClusterStatus {
            term: Term(4),
            is_held: false,
            replicas: 1,
            failures: 0,
            failures_at_once: 0,
            advice: "2 servers are up".into(),
            servers: vec![member(1, Some(room)), member(2, None), dead],
            tables: vec![TableInfo { name: "t".into(), id: TableId(1) }],
            tablets: vec![tablet(low, 1, TabletState::Normal), tablet(high, 3, TabletState::Recovering)],
            recoveries: vec![recovery],
        }
    }

    #[test]
    fn people_read_who_does_what_and_how_full_it_is() {
        let text = text(&StatusReport::new(&record(), &status()), false);
        for part in [
            "coordinator c:1/2, term 4",
            "R = 1: it can take 0 failures now, 0 at once",
            "100.0 of 400.0 MB  25 %       44 of 844",
            "server-3     s3  dead",
            "table \"t\", 2 tablets",
            "8000000000000000..ffffffffffffffff  server-3  recovering",
            "recovery of server-3 (s3)  ━━━━━━━━━━━━━━━━━━━━━━╸·······   75 %  15.0 of 20.0 MB, replaying",
            "p1 on server-1: 5.0 of 10.0 MB replaying, try 2",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn many_tablets_are_told_by_their_owners_unless_asked_for() {
        let mut status = status();
        status.tablets = vec![status.tablets[0]; TABLETS_MAX + 1];
        let report = StatusReport::new(&record(), &status);
        assert!(text(&report, false).contains("server-1: 33"));
        assert_eq!(text(&report, true).matches("..7fffffffffffffff  server-1").count(), 33);
    }

    #[test]
    fn programs_read_the_same() {
        let json = serde_json::to_value(StatusReport::new(&record(), &status())).unwrap();
        assert_eq!(json["servers"][0]["utilisation"], 0.25);
        assert_eq!(json["servers"][2]["state"], "dead");
        assert_eq!(json["tables"][0]["tablets"][1]["state"], "recovering");
        assert_eq!(json["recoveries"][0]["bytes_replayed"], 15_000_000);
        assert_eq!(json["recoveries"][0]["partitions"][1]["attempt"], 2);
    }
}
