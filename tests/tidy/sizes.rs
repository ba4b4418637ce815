//! Prints what has grown long. Nothing fails: long is a question, not a fault.

use crate::source::{File, functions, rust_files};

/// The longest `count` of the sizes, longest first.
fn longest(mut sizes: Vec<(usize, String)>, count: usize) -> Vec<(usize, String)> {
    sizes.sort_by(|a, b| b.cmp(a));
    sizes.truncate(count);
    sizes
}

fn function_sizes(file: &File) -> Vec<(usize, String)> {
    let sizes =
        functions(&file.text).into_iter().map(|f| (f.lines, format!("{}:{} {}", file.path, f.line, f.name)));
    sizes.collect()
}

#[test]
fn longest_files_and_functions_are_printed() {
    let files = rust_files();
    let by_file = files.iter().map(|file| (file.text.lines().count(), file.path.clone())).collect();
    let by_function = files.iter().flat_map(function_sizes).collect();
    for (what, sizes) in [("files (aim: 150 lines)", by_file), ("functions (aim: seen whole)", by_function)] {
        let sizes = longest(sizes, 10);
        assert!(!sizes.is_empty(), "the project has no {what}: look where this test searches");
        println!("longest {what}:");
        sizes.iter().for_each(|(lines, place)| println!("{lines:6}  {place}"));
    }
}

#[test]
fn longest_come_first() {
    let sizes = [(1, "a"), (3, "b"), (2, "c")].map(|(lines, name)| (lines, name.to_owned())).to_vec();
    assert_eq!(longest(sizes, 2), [(3, "b".to_owned()), (2, "c".to_owned())]);
    let file = File::new("a.rs", "fn one() {\n}\n");
    assert_eq!(function_sizes(&file), [(2, "a.rs:1 one".to_owned())]);
}
