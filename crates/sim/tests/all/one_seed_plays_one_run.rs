//! The same seed gives the same trace to the last byte: twice in this process, and in another one. Everything hangs on it: a
//! failure that can't be played again can't be understood.

use crate::traces::first_difference;
use rekindle_sim::{
    faults::{FaultsConfig, FaultsReport, Profile, play_watched},
    trace::write_line,
};
use std::{
    fs,
    io::{BufReader, BufWriter, Cursor, Write},
    path::Path,
    process::Command,
    time::Duration,
};

/// All that processes and networks do, and all that disks do.
const RUNS: [(u64, Profile); 2] = [(7, Profile::Storm), (2, Profile::PowerLoss)];
const CHILD: &str = "one_seed_plays_one_run::plays_the_seeds_for_another_process";
const CHILDS_DIRECTORY: &str = "REKINDLE_TEST_WRITES_ITS_TRACES_TO";

/// Plays the seed and writes the whole trace.
fn play(seed: u64, profile: Profile, path: &Path) -> FaultsReport {
    let length = Duration::from_secs(6);
    let config = FaultsConfig { length, ..FaultsConfig::new(seed, profile) };
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    let report = play_watched(&config, |cluster, _| {
        let (mut file, mut line) = (BufWriter::new(file), String::new());
        cluster.world.trace(move |at, event| {
            line.clear();
            write_line(&mut line, at, &event).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        });
    });
    let report = report.unwrap();
    assert!(report.coverage.total() > 0, "seed {seed} has no fault in so short a run: choose another");
    report
}

fn assert_same(one: &Path, other: &Path) {
    let open = |path: &Path| BufReader::new(fs::OpenOptions::new().read(true).open(path).unwrap());
    if let Some(difference) = first_difference(open(one), open(other)) {
        panic!("{} and {} differ {difference}", one.display(), other.display());
    }
}

#[test]
fn twice_in_one_process_and_once_in_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, seed: u64| dir.path().join(format!("{name}-{seed}"));
    for (seed, profile) in RUNS {
        let reports = ["once", "again"].map(|name| play(seed, profile, &path(name, seed)));
        assert_same(&path("once", seed), &path("again", seed));
        assert_eq!(reports[0], reports[1]);
    }
    let exe = std::env::current_exe().unwrap();
    let mut child = Command::new(exe);
    child.args(["--exact", CHILD, "--ignored", "--nocapture"]).env(CHILDS_DIRECTORY, dir.path());
    let child = child.output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    for (seed, profile) in RUNS {
        assert_same(&path("once", seed), &path("child", seed));
        let trace = fs::read_to_string(path("once", seed)).unwrap();
        let common = [" message received ", " timer ", " poll ", "Note(\"state ", "Kill {"];
        let disk = (profile == Profile::PowerLoss).then_some(" disk ");
        for what in common.into_iter().chain(disk) {
            assert!(trace.contains(what), "the trace of seed {seed} has no {what:?}");
        }
    }
}

#[test]
#[ignore = "the other half of the test above"]
fn plays_the_seeds_for_another_process() {
    let dir = std::env::var_os(CHILDS_DIRECTORY).expect("the test above sets it");
    for (seed, profile) in RUNS {
        play(seed, profile, &Path::new(&dir).join(format!("child-{seed}")));
    }
}

/// The comparison above would notice one event that is another, or one that is missing.
#[test]
fn another_seed_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = [7, 8].map(|seed| {
        let path = dir.path().join(format!("{seed}"));
        play(seed, Profile::Storm, &path);
        fs::read(path).unwrap()
    });
    let difference = |one: &[u8], other: &[u8]| first_difference(Cursor::new(one), Cursor::new(other));
    assert!(difference(&one, &other).is_some());
    for at in [0, one.len() / 2, one.len() - 2] {
        let mut changed = one.clone();
        changed[at] ^= 1;
        assert!(difference(&one, &changed).is_some(), "byte {at} of {}", one.len());
    }
    assert!(difference(&one, &one[..one.len() - 1]).is_some());
    assert_eq!(difference(&one, &one), None);
}
