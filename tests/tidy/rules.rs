//! docs/protocols.md against the code.

use crate::{
    report,
    source::{File, all_files, functions},
};
use rekindle::types::Rule;
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "docs/protocols.md";
const REGISTRY: &str = "crates/sim/tests/all/rules/mod.rs";
const BODIES: &str = "crates/sim/tests/all/rules/";
/// In place of a code place or test that has not landed. No rule may say so once all bodies are there.
const PENDING: &str = "pending";

/// One rule of the document.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    id: String,
    is_starred: bool,
    is_in_force: bool,
    places: Vec<String>,
    tests: Vec<String>,
}

/// Rows of the tables `| id | rule | state | code | test |`.
fn rows(document: &str) -> Result<Vec<Row>, String> {
    let mut is_inside = false;
    let mut rows = Vec::new();
    for (at, line) in document.lines().enumerate() {
        is_inside = line.starts_with("| id |") || is_inside && line.starts_with('|');
        if is_inside && line.starts_with("| ") && !line.starts_with("| id |") {
            rows.push(row(at + 1, line)?);
        }
    }
    Ok(rows)
}

fn row(line: usize, text: &str) -> Result<Row, String> {
    let inner = text.strip_prefix('|').and_then(|text| text.trim_end().strip_suffix('|')).unwrap_or(text);
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let [id, rule, state, places, tests] = cells[..] else {
        return Err(format!("{DOCUMENT}:{line}: five cells are wanted (id, rule, state, code, test)"));
    };
    let is_starred = id.ends_with('*');
    let id = id.trim_end_matches('*').to_owned();
    let is_in_force = state == "in force";
    if !is_in_force && !state.starts_with("later: ") {
        return Err(format!(
            "{DOCUMENT}:{line}: {id} is {state:?}: say `in force`, or `later: ` and with what"
        ));
    }
    if rule.split_whitespace().count() < 5 {
        return Err(format!("{DOCUMENT}:{line}: {id} says no rule: write what must hold"));
    }
    Ok(Row { line, id, is_starred, is_in_force, places: list(places), tests: list(tests) })
}

fn list(cell: &str) -> Vec<String> {
    let items = cell.split(',').map(|item| item.trim().trim_matches('`').to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// Ids come once each, counted from 1 within their letter.
fn numbering(rows: &[Row]) -> Vec<String> {
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    let mut complaints = Vec::new();
    for Row { line, id, .. } in rows {
        let letter = id.trim_end_matches(|c: char| c.is_ascii_digit());
        let expected = last.entry(letter).or_insert(0);
        *expected += 1;
        if *id != format!("{letter}{expected}") {
            complaints.push(format!(
                "{DOCUMENT}:{line}: {id} stands where {letter}{expected} should: add that or put it in order"
            ));
        }
    }
    complaints
}

/// Files by path, to look places up in.
pub struct Tree<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Tree<'a> {
    pub fn new(files: &'a [File]) -> Self {
        Self(files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect())
    }
}

/// Whether a comment of the text names the rule.
fn comment_names(text: &str, id: &str) -> bool {
    let comments = text.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment);
    comments.into_iter().any(|comment| words(comment).any(|word| word == id))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Rules in force name places that enforce them and tests that would notice.
fn places(rows: &[Row], tree: &Tree<'_>, is_complete: bool) -> Vec<String> {
    let in_force = rows.iter().filter(|row| row.is_in_force);
    let per_row = in_force.flat_map(|row| {
        let pending = unnamed(row, is_complete);
        let complaints = pending.into_iter().chain(wrong_places(row, tree)).chain(wrong_tests(row, tree));
        complaints.map(move |what| format!("{DOCUMENT}:{}: {}: {what}", row.line, row.id))
    });
    per_row.collect()
}

fn unnamed(row: &Row, is_complete: bool) -> Vec<String> {
    let is_bad =
        |items: &[String]| items.is_empty() || is_complete && items.iter().any(|item| item == PENDING);
    let cells = [("code", &row.places), ("test", &row.tests)].into_iter().filter(|(_, items)| is_bad(items));
    cells.map(|(kind, _)| format!("names no {kind}: write the path of the file")).collect()
}

fn landed(items: &[String]) -> Vec<&str> {
    items.iter().map(String::as_str).filter(|item| *item != PENDING).collect()
}

fn wrong_places(row: &Row, tree: &Tree<'_>) -> Vec<String> {
    let places = landed(&row.places);
    let mut complaints: Vec<String> = places
        .iter()
        .filter_map(|place| match tree.0.get(place) {
            None => Some(format!("code place {place} does not exist: name the file that enforces it")),
            Some(text) => (!comment_names(text, &row.id)).then(|| {
                format!("{place} does not mention it: write `// {}: ...` where it is enforced", row.id)
            }),
        })
        .collect();
    let asks = format!("Rule::{}", row.id);
    let is_asked = |place: &&str| tree.0.get(place).is_some_and(|text| text.contains(&asks));
    if row.is_starred && !places.is_empty() && !places.iter().any(is_asked) {
        complaints
            .push(format!("no code place asks `rules.on({asks})`: put the switch where it is enforced"));
    }
    complaints
}

fn wrong_tests(row: &Row, tree: &Tree<'_>) -> Vec<String> {
    let tests = landed(&row.tests);
    let missing = tests.iter().filter_map(|test| missing_test(test, tree));
    missing.chain(if tests.is_empty() { None } else { lacks_body(row, tree) }).collect()
}

/// A test is `path` or `path::function`.
pub fn missing_test(test: &str, tree: &Tree<'_>) -> Option<String> {
    let (path, function) = test.split_once("::").unwrap_or((test, ""));
    let Some(text) = tree.0.get(path) else {
        return Some(format!("test {path} does not exist: name the file that tests it"));
    };
    let is_there = function.is_empty() || functions(text).iter().any(|f| f.name == function);
    (!is_there).then(|| format!("{path} has no function {function}: name the one that tests it"))
}

/// The body of a starred rule is among its tests.
fn lacks_body(row: &Row, tree: &Tree<'_>) -> Option<String> {
    let stem = format!("{BODIES}{}_", row.id.to_lowercase());
    let has_body = |path: &String| {
        path.starts_with(&stem)
            && tree.0.get(path.as_str()).is_some_and(|text| functions(text).iter().any(|f| f.name == "body"))
    };
    (row.is_starred && !row.tests.iter().any(has_body))
        .then(|| format!("its tests lack its body: name {stem}*.rs, with `pub fn body`"))
}

/// The lines `H1: h1_opens_in_order` of the registry.
fn registered(registry: &str) -> Vec<(String, String)> {
    let invocation = registry.lines().skip_while(|line| !line.starts_with("bodies!"));
    let text: String = invocation.take_while(|line| *line != "}").collect::<Vec<_>>().join("\n");
    let inner = text.split_once(['(', '{']).map_or("", |(_, rest)| rest);
    let inner = inner.split([')', '}', ';']).next().unwrap_or_default();
    let entries = inner.lines().flat_map(|line| line.split("//").next().unwrap_or_default().split(','));
    let pairs = entries.filter_map(|entry| entry.split_once(':'));
    pairs.map(|(rule, module)| (rule.trim().to_owned(), module.trim().to_owned())).collect()
}

/// Starred rules in force, those of crates/types and those with a body are the same.
fn switches(rows: &[Row], switchable: &[String], bodies: &[(String, String)]) -> Vec<String> {
    let starred = rows.iter().filter(|row| row.is_in_force && row.is_starred).map(|row| row.id.clone());
    let starred: Vec<String> = starred.collect();
    let mut complaints = Vec::new();
    if starred != switchable {
        complaints.push(format!(
            "starred rules in force are {starred:?} in {DOCUMENT}, but Rule::ALL has {switchable:?}: make them the \
             same, in this order"
        ));
    }
    let with_body: BTreeSet<&str> = bodies.iter().map(|(rule, _)| rule.as_str()).collect();
    for id in starred.iter().filter(|id| !with_body.contains(id.as_str())) {
        complaints
            .push(format!("{id} has no body: write {BODIES}{}_*.rs and register it", id.to_lowercase()));
    }
    for (rule, module) in bodies {
        let is_named_after = module.starts_with(&format!("{}_", rule.to_lowercase()));
        if !starred.contains(rule) || !is_named_after {
            complaints.push(format!(
                "{REGISTRY}: {rule}: {module} is no body of a starred rule in force: name it {}_..., or star the rule",
                rule.to_lowercase()
            ));
        }
    }
    complaints
}

fn document_and_registry(files: &[File]) -> (Vec<Row>, Vec<(String, String)>) {
    let text = |path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.unwrap_or_else(|| panic!("{path} is gone: put it back")).text.clone()
    };
    let rows = rows(&text(DOCUMENT)).unwrap_or_else(|complaint| panic!("{complaint}"));
    (rows, registered(&text(REGISTRY)))
}

#[test]
fn rules_are_numbered_without_gaps() {
    let (rows, _) = document_and_registry(&all_files());
    assert!(rows.len() > 40, "the document has lost rules: only {} are left, put them back", rows.len());
    report(&numbering(&rows));
}

#[test]
fn rules_in_force_name_their_code_and_tests() {
    let files = all_files();
    let (rows, bodies) = document_and_registry(&files);
    let is_complete = bodies.len() >= Rule::ALL.len();
    report(&places(&rows, &Tree::new(&files), is_complete));
}

#[test]
fn starred_rules_have_a_switch_and_a_body() {
    let (rows, bodies) = document_and_registry(&all_files());
    let switchable: Vec<String> = Rule::ALL.iter().map(ToString::to_string).collect();
    let complaints = switches(&rows, &switchable, &bodies);
    println!("{} starred rules in force, {} bodies", switchable.len(), bodies.len());
    report(&complaints);
}

#[cfg(test)]
mod examples {
    use super::*;

    fn table(lines: &str) -> Result<Vec<Row>, String> {
        rows(&format!("| id | rule | state | code | test |\n|---|---|---|---|---|\n{lines}"))
    }

    fn example(lines: &str) -> Vec<Row> {
        table(lines).unwrap()
    }

    const BODY: &str = "crates/sim/tests/all/rules/h1_in_order.rs";

    fn tree<'a>(code: &'a str, body: &'a str) -> Tree<'a> {
        Tree(BTreeMap::from([("code.rs", code), (BODY, body), ("test.rs", "fn t() {}")]))
    }

    fn complaints(row: &str, code: &str, is_complete: bool) -> usize {
        places(&example(row), &tree(code, "pub fn body() {}"), is_complete).len()
    }

    #[test]
    fn rows_are_read() {
        let text = "| H1* | one two three four five | in force | `a.rs`, `b.rs` | `c.rs::d` |\n\
                    | J3 | one two three four five | later: file store | | |\n\n| not | a rule |";
        let rows = example(text);
        assert_eq!((rows[0].id.as_str(), rows[0].is_starred, rows[0].line), ("H1", true, 3));
        assert_eq!((rows[0].places.len(), rows[0].tests[0].as_str()), (2, "c.rs::d"));
        assert_eq!(rows.len(), 2);
        assert!(!rows[1].is_in_force && !rows[1].is_starred && rows[1].places.is_empty());
        for bad in ["| H1 | too | few |", "| H1 | a b c d e | soon | | |", "| H1 | | in force | a | b |"] {
            assert!(table(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn gaps_and_repeats_are_found() {
        let ids = |ids: &[&str]| {
            let lines = ids.iter().map(|id| format!("| {id} | a b c d e | later: x | | |\n"));
            numbering(&example(&lines.collect::<String>())).len()
        };
        assert_eq!(ids(&["H1*", "H2", "P1"]), 0);
        assert_eq!(ids(&["H1", "H3"]), 1);
        assert_eq!(ids(&["H1", "H1"]), 1);
        assert_eq!(ids(&["H2"]), 1);
    }

    #[test]
    fn good_places_pass() {
        let good = format!("| H1* | a b c d e | in force | `code.rs` | `{BODY}` |");
        assert_eq!(complaints(&good, "// H1: in order\nif rules.on(Rule::H1) {}", true), 0);
        assert_eq!(
            complaints("| H6 | a b c d e | in force | code.rs | test.rs::t |", "/// Why (H6).", true),
            0
        );
        assert_eq!(complaints("| H6 | a b c d e | in force | pending | pending |", "", false), 0);
        assert_eq!(complaints("| H6 | a b c d e | later: x | | |", "", true), 0);
    }

    #[test]
    fn bad_places_are_found() {
        let code = "// H1: in order\nif rules.on(Rule::H1) {}";
        let bad = [
            ("| H6 | a b c d e | in force | pending | test.rs |", code),
            ("| H6 | a b c d e | in force | gone.rs | test.rs |", code),
            ("| H6 | a b c d e | in force | | test.rs |", "// H6"),
            ("| H6 | a b c d e | in force | code.rs | test.rs |", code),
            ("| H6 | a b c d e | in force | code.rs | test.rs |", "// H60, not that one"),
            ("| H6 | a b c d e | in force | code.rs | test.rs |", "let H6 = 1;"),
            ("| H6 | a b c d e | in force | code.rs | gone.rs |", "// H6"),
            ("| H6 | a b c d e | in force | code.rs | test.rs::gone |", "// H6"),
            ("| H1* | a b c d e | in force | code.rs | test.rs |", code),
        ];
        for (row, code) in bad {
            assert_eq!(complaints(row, code, true), 1, "{row} with {code}");
        }
        let unasked = format!("| H1* | a b c d e | in force | code.rs | `{BODY}` |");
        assert_eq!(complaints(&unasked, "// H1: nobody asks the switch", true), 1);
    }

    #[test]
    fn the_registry_is_read() {
        let text = "macro_rules! bodies {\n    ($x:tt) => {};\n}\n\n// bodies!(Z9: no)\nbodies!(\n    H1: h1_a,\n    \
                    // P1: p1_no,\n    H2: h2_b\n);\n\nfn f() { g(A: b); }";
        let expected = [("H1", "h1_a"), ("H2", "h2_b")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(registered(text), expected);
        assert_eq!(registered("bodies! { H1: h1_a }"), expected[..1]);
        assert_eq!(registered("bodies!();"), []);
    }

    #[test]
    fn switches_without_rule_or_body_are_found() {
        let document =
            example("| H1* | a b c d e | in force | x | y |\n| H2 | a b c d e | in force | x | y |");
        let check = |switchable: &[&str], bodies: &[(&str, &str)]| {
            let switchable: Vec<String> = switchable.iter().map(|id| (*id).to_owned()).collect();
            let bodies: Vec<_> = bodies.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            switches(&document, &switchable, &bodies).len()
        };
        assert_eq!(check(&["H1"], &[("H1", "h1_a")]), 0);
        assert_eq!(check(&["H1", "H2"], &[("H1", "h1_a")]), 1);
        assert_eq!(check(&["H1"], &[]), 1);
        assert_eq!(check(&["H1"], &[("H1", "h1_a"), ("H2", "h2_a")]), 1);
        assert_eq!(check(&["H1"], &[("H1", "other")]), 1);
    }
}
