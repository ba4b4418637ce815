//! A test that cannot fail is a defect.

use crate::{
    report,
    source::{File, Function, functions, rust_files},
};
use std::collections::BTreeSet;

/// What makes a test fail when it must.
const ASSERTIONS: &[&str] = &[
    "assert", // assert!, assert_eq!, prop_assert!, debug_assert!, assert_that(..)
    "panic!",
    "unreachable!",
    ".unwrap()",
    ".unwrap_err()",
    ".expect(",
    ".expect_err(",
    "check_",
    "body(",
    "report(",
];

fn asserts_itself(function: &Function) -> bool {
    let has_question_mark = function
        .body
        .match_indices('?')
        .any(|(at, _)| !function.body[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '*'));
    has_question_mark
        || function.before.contains("#[should_panic")
        || function.name.contains("panic") // What it claims is that nothing in it panics.
        || ASSERTIONS.iter().any(|word| function.body.contains(word))
}

/// Whether the function calls one of `names`.
fn calls(function: &Function, names: &BTreeSet<&str>) -> bool {
    let mut words = function.body.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| names.contains(word))
}

/// Tests that neither assert nor call a function of the same file that does.
fn tests_without_assertion(file: &File) -> Vec<String> {
    let functions = functions(&file.text);
    let mut asserting: BTreeSet<&str> = BTreeSet::new();
    loop {
        let known = asserting.len();
        for function in &functions {
            if asserts_itself(function) || calls(function, &asserting) {
                asserting.insert(&function.name);
            }
        }
        if asserting.len() == known {
            break;
        }
    }
    let silent = functions.iter().filter(|f| f.is_test() && !asserting.contains(f.name.as_str()));
    silent
        .map(|f| {
            let (path, line, name) = (&file.path, f.line, &f.name);
            format!("{path}:{line}: test {name} can't fail: assert what it claims, or remove it")
        })
        .collect()
}

#[test]
fn every_test_asserts_something() {
    let complaints: Vec<String> = rust_files().iter().flat_map(tests_without_assertion).collect();
    report(&complaints);
}

#[test]
fn tests_that_cannot_fail_are_found() {
    let silent = [
        "#[test] fn t() { let x = work(); drop(x); }",
        "#[test]\n#[cfg(unix)]\nfn t() { /* assert!(x) */ run(\"assert!\"); }",
        "proptest! { #[test] fn t(x in 0..3, y in { any() }) { run::<dyn ?Sized>(x); } }",
        "fn help() { work(); } #[test] fn t() { help(); }",
    ];
    for text in silent {
        assert_eq!(tests_without_assertion(&File::new("a.rs", text)).len(), 1, "{text}");
    }
}

#[test]
fn tests_that_can_fail_are_let_pass() {
    let good = [
        "#[test] fn t() { assert_eq!(1, work()); }",
        "#[test] fn t() -> Result<(), E> { work()?; Ok(()) }",
        "#[test] #[should_panic(expected = \"x\")] fn t() { work(); }",
        "#[test] fn t() { outer(); } fn outer() { inner(); } fn inner() { assert!(work()); }",
        "#[test] fn t() { suite::check_all(&store); }",
        "#[test] fn any_bytes_are_read_without_panic() { read(); }",
        "fn helper_without_assertion() { work(); }",
    ];
    for text in good {
        assert_eq!(tests_without_assertion(&File::new("a.rs", text)), Vec::<String>::new(), "{text}");
    }
}
