//! Which crate may stand on which: the layers of docs/ARCHITECTURE.md, for normal dependencies.

use crate::{
    report,
    source::{File, all_files},
};

/// Each crate, and what its library may use. Tests may use more.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("env", &[]),
    ("log", &["types", "env"]),
    ("client", &["types", "env"]),
    ("backup", &["types", "env", "log"]),
    ("recovery", &["types", "env", "log", "backup"]),
    ("coordinator", &["types", "env", "log", "backup", "recovery"]),
    ("cluster", &["types", "env", "log", "client", "backup", "recovery", "coordinator"]),
    ("sim", &["types", "env", "log", "client", "backup", "recovery", "coordinator", "cluster"]),
];

/// Crates that may use more of tokio than its `sync`.
const RUNTIME_USERS: &[&str] = &["env", "cluster"];

/// A line of a normal (or target's or build) dependency table: the name of the package, and what is said of it.
fn normal_dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            let (table, name) = section.rsplit_once('.').unwrap_or(("", ""));
            if is_normal(table) {
                found.push((name, line));
            }
        } else if is_normal(section) && !line.is_empty() {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push((name, line));
        }
    }
    found
}

fn is_normal(section: &str) -> bool {
    let table = section.rsplit('.').next().unwrap_or_default();
    matches!(table, "dependencies" | "build-dependencies") && !section.starts_with("workspace")
}

fn against_the_layers(file: &File) -> Vec<String> {
    let path = &file.path;
    let name = path.trim_start_matches("crates/").trim_end_matches("/Cargo.toml");
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![format!(
            "{path}: crate {name} has no layer: add it to LAYERS in tests/tidy/dependencies.rs"
        )];
    };
    let mut complaints = Vec::new();
    for (dependency, line) in normal_dependencies(&file.text) {
        if let Some(crate_name) = dependency.strip_prefix("rekindle-")
            && !allowed.contains(&crate_name)
        {
            complaints.push(format!(
                "{path}: {name} must not depend on {crate_name}: move what is shared down, or take a trait"
            ));
        }
        if dependency == "tokio" && line != "tokio.workspace = true" && !RUNTIME_USERS.contains(&name) {
            complaints.push(format!(
                "{path}: {name} may use of tokio only `sync`: write `tokio.workspace = true`, take the rest from Env"
            ));
        }
    }
    complaints
}

#[test]
fn dependencies_point_down() {
    let files = all_files();
    let manifests: Vec<&File> = files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"))
        .collect();
    assert_eq!(manifests.len(), LAYERS.len(), "each of the crates has one layer: see LAYERS");
    let complaints: Vec<String> = manifests.into_iter().flat_map(against_the_layers).collect();
    report(&complaints);
}

#[test]
fn the_workspace_takes_only_sync_of_tokio() {
    let files = all_files();
    let root = files.iter().find(|file| file.path == "Cargo.toml").expect("the root has a manifest");
    let line = root.text.lines().find(|line| line.starts_with("tokio =")).expect("tokio is in the workspace");
    assert!(
        line.contains("default-features = false") && line.contains("features = [\"sync\"]"),
        "Cargo.toml: keep tokio at `sync` for the workspace, add features in env or cluster: {line}"
    );
}

#[test]
fn dependencies_upwards_are_found() {
    let bad = [
        ("crates/log/Cargo.toml", "[dependencies]\nrekindle-backup.workspace = true"),
        ("crates/log/Cargo.toml", "[dependencies.rekindle-client]\npath = \"../client\""),
        ("crates/types/Cargo.toml", "[dependencies]\nrekindle-env = { workspace = true }"),
        ("crates/client/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nrekindle-log.workspace = true"),
        ("crates/backup/Cargo.toml", "[build-dependencies]\nrekindle-cluster = \"1\""),
        ("crates/log/Cargo.toml", "[dependencies]\ntokio = { workspace = true, features = [\"net\"] }"),
        ("crates/new/Cargo.toml", ""),
    ];
    for (path, text) in bad {
        assert_eq!(against_the_layers(&File::new(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn dependencies_downwards_and_of_tests_are_let_pass() {
    let text = "[dependencies]\nrekindle-log.workspace = true # rekindle-sim\ntokio.workspace = true\n\
                [dev-dependencies]\nrekindle-sim.workspace = true\n[features]\nrekindle-sim = []";
    assert_eq!(against_the_layers(&File::new("crates/backup/Cargo.toml", text)), Vec::<String>::new());
}
