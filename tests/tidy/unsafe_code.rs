//! `unsafe` is allowed in one module of crates/log and nowhere else.

use crate::{
    report,
    source::{File, all_files, code_only},
};

/// Every root of a library, program, example, bench or test binary that ships is asked; tests only inherit the
/// workspace's lint.
fn is_library_root(path: &str) -> bool {
    path == "src/lib.rs" || (path.starts_with("crates/") && path.ends_with("/src/lib.rs"))
}

fn roots_that_allow_unsafe(file: &File) -> Option<String> {
    let is_asked = is_library_root(&file.path) && file.path != "crates/log/src/lib.rs";
    (is_asked && !code_only(&file.text).contains("#![forbid(unsafe_code)]"))
        .then(|| format!("{}: write `#![forbid(unsafe_code)]` after the crate's docs", file.path))
}

/// What users run. Benches measure limits that need not be written safely.
fn is_library_code(path: &str) -> bool {
    path.ends_with(".rs")
        && (path.starts_with("src/") || path.starts_with("crates/") && path.contains("/src/"))
}

/// Files that lift the workspace's lint.
fn lifts_the_lint(file: &File) -> bool {
    let code = code_only(&file.text);
    let mut attributes = code.match_indices("allow(").chain(code.match_indices("expect("));
    attributes.any(|(at, _)| code[at..].split(')').next().is_some_and(|list| list.contains("unsafe_code")))
}

#[test]
fn crate_roots_forbid_unsafe_code() {
    let complaints: Vec<String> = all_files().iter().filter_map(roots_that_allow_unsafe).collect();
    report(&complaints);
}

#[test]
fn at_most_one_module_uses_unsafe_code() {
    let files = all_files();
    let rust = files.iter().filter(|file| is_library_code(&file.path) && lifts_the_lint(file));
    let paths: Vec<&str> = rust.map(|file| file.path.as_str()).collect();
    assert!(
        paths.len() <= 1 && paths.iter().all(|path| path.starts_with("crates/log/src/")),
        "unsafe code belongs into the one memory module of crates/log: move it there from {paths:?}"
    );
}

#[test]
fn roots_without_the_attribute_are_found() {
    let bad = ["", "// #![forbid(unsafe_code)]\nmod a;", "#![deny(unsafe_code)]"];
    for text in bad {
        assert!(roots_that_allow_unsafe(&File::new("crates/x/src/lib.rs", text)).is_some(), "{text}");
    }
    let good = "//! Docs.\n#![forbid(unsafe_code)]\nmod a;";
    assert_eq!(roots_that_allow_unsafe(&File::new("crates/x/src/lib.rs", good)), None);
    assert_eq!(roots_that_allow_unsafe(&File::new("crates/log/src/lib.rs", "")), None);
    assert!(is_library_code("crates/log/src/log/run.rs") && is_library_code("src/lib.rs"));
    assert!(!is_library_code("benches/measure/mod.rs") && !is_library_code("crates/log/src/a.md"));
    assert!(lifts_the_lint(&File::new("a.rs", "#![allow(dead_code, unsafe_code)]")));
    assert!(!lifts_the_lint(&File::new("a.rs", "#![forbid(unsafe_code)] // allow(unsafe_code)")));
}
