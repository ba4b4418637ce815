//! docs/scenarios.md against the tests.

use crate::{
    report,
    rules::{Tree, missing_test},
    source::all_files,
};

const DOCUMENT: &str = "docs/scenarios.md";

/// Rows of the tables `| scenario | test |`: line, scenario, tests.
fn rows(document: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_row = |line: &&str| line.starts_with("| ") && *line != "| scenario | test |";
    document.lines().zip(1..).filter(move |(line, _)| is_row(line)).map(|(line, at)| (at, line))
}

/// What is wrong with a row.
fn complaints(row: &str, tree: &Tree<'_>) -> Vec<String> {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [_, shown_by] = cells[..] else { return vec!["two cells are wanted (scenario, test)".to_owned()] };
    shown_by.split(';').map(str::trim).flat_map(|part| wrong_part(part, tree)).collect()
}

/// A part of the second cell is `later: needs X`, or a list of tests.
fn wrong_part(part: &str, tree: &Tree<'_>) -> Vec<String> {
    if let Some(needs) = part.strip_prefix("later:") {
        let is_said = needs.trim().strip_prefix("needs ").is_some_and(|what| !what.is_empty());
        return if is_said { vec![] } else { vec!["say what it waits for: `later: needs X`".to_owned()] };
    }
    let tests = part.split(',').map(|test| test.trim().trim_matches('`'));
    tests.filter_map(|test| wrong_test(test, tree)).collect()
}

fn wrong_test(test: &str, tree: &Tree<'_>) -> Option<String> {
    if test.split_once("::").is_none_or(|(path, name)| path.is_empty() || name.is_empty()) {
        return Some(format!("{test:?} is no test: write path::name, or `later: needs X`"));
    }
    missing_test(test, tree)
}

#[test]
fn scenarios_name_tests_that_exist() {
    let files = all_files();
    let tree = Tree::new(&files);
    let document = files.iter().find(|file| file.path == DOCUMENT);
    let document = &document.unwrap_or_else(|| panic!("{DOCUMENT} is gone: put it back")).text;
    assert!(rows(document).count() > 90, "the document has lost scenarios: put them back");
    let wrong = rows(document).flat_map(|(line, row)| {
        complaints(row, &tree).into_iter().map(move |what| format!("{DOCUMENT}:{line}: {what}"))
    });
    report(&wrong.collect::<Vec<_>>());
}

#[cfg(test)]
mod examples {
    use super::*;
    use crate::source::File;

    #[test]
    fn rows_are_found() {
        let text = "# Title\n\n| scenario | test |\n|---|---|\n| a | b |\n| c | d |\n\ntext | more";
        assert_eq!(rows(text).collect::<Vec<_>>(), [(5, "| a | b |"), (6, "| c | d |")]);
    }

    #[test]
    fn tests_that_are_not_there_are_found() {
        let files = [File::new("a.rs", "#[test]\nfn shows() { assert!(true); }")];
        let tree = Tree::new(&files);
        let count = |row: &str| complaints(row, &tree).len();
        for good in [
            "| s | `a.rs::shows` |",
            "| s | later: needs disks |",
            "| s | `a.rs::shows`; later: needs disks |",
        ] {
            assert_eq!(count(good), 0, "{good}");
        }
        for bad in [
            "| s |  |",
            "| s | `a.rs` |",
            "| s | soon |",
            "| s | later: |",
            "| s | `a.rs::gone` |",
            "| s | `b.rs::shows` |",
            "| s | `a.rs::shows`, `a.rs::gone` |",
            "| s | t | `a.rs::shows` |",
        ] {
            assert_eq!(count(bad), 1, "{bad}");
        }
    }
}
