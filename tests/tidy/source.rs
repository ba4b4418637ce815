//! Files of the project, and just enough of Rust's grammar to see functions.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file, by its path from the root of the project.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the project, sorted; without what is built, what git keeps and what fuzzers find.
pub fn all_files() -> Vec<File> {
    let mut files = Vec::new();
    collect(&root(), &root(), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

pub fn rust_files() -> Vec<File> {
    all_files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(dir).expect("the project can be read") {
        let path = entry.expect("the project can be read").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if matches!(name.as_str(), "target" | ".git" | "corpus" | "artifacts" | "coverage") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path =
                path.strip_prefix(root).expect("it lies below the root").to_string_lossy().into_owned();
            files.push(File { path, text });
        }
    }
}

/// The text with comments, strings and character literals blanked out; lines stay where they are.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skip_text(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// The end of the comment or literal that begins at `at`, or `at`.
fn skip_text(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |rest| rest[0] == '\n'),
        '/' if next == Some('*') => skip_block_comment(chars, at),
        '"' => skip_string(chars, at),
        'r' if !follows_word(chars, at) || chars[at - 1] == 'b' => skip_raw_string(chars, at),
        '\'' if next == Some('\\') => find(chars, at + 3, |rest| rest[0] == '\'') + 1,
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
    .min(chars.len())
}

fn follows_word(chars: &[char], at: usize) -> bool {
    at > 0 && is_word(chars[at - 1])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(chars: &[char], from: usize, is_end: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| is_end(&chars[*at..])).unwrap_or(chars.len())
}

fn skip_block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn skip_string(chars: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < chars.len() && chars[end] != '"' {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    end + 1
}

fn skip_raw_string(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let is_end =
        |rest: &[char]| rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|c| *c == '#');
    find(chars, at + 2 + hashes, is_end) + 1 + hashes
}

/// A function with a body.
pub struct Function {
    pub name: String,
    /// Attributes and visibility, without text.
    pub before: String,
    /// Without text.
    pub body: String,
    /// Of its name, from 1.
    pub line: usize,
    /// From its name to its end.
    pub lines: usize,
}

impl Function {
    pub fn is_test(&self) -> bool {
        self.before.contains("#[test]") || self.before.contains("::test]")
    }
}

/// All functions of a file, outer before inner.
pub fn functions(text: &str) -> Vec<Function> {
    let chars: Vec<char> = code_only(text).chars().collect();
    let starts = (0..chars.len()).filter(|at| is_fn(&chars, *at));
    starts.filter_map(|at| function_at(&chars, at)).collect()
}

fn is_fn(chars: &[char], at: usize) -> bool {
    chars[at..].starts_with(&['f', 'n', ' ']) && !follows_word(chars, at)
}

fn function_at(chars: &[char], at: usize) -> Option<Function> {
    let name: String = chars[at + 3..].iter().take_while(|c| is_word(**c) || **c == '$').collect();
    let mut depth = 0_i32;
    let body_start = (at..chars.len()).find(|at| {
        match chars[*at] {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth < 0 || depth == 0 && matches!(chars[*at], '{' | ';')
    })?;
    if name.is_empty() || chars[body_start] != '{' {
        return None;
    }
    let body_end = closing_brace(chars, body_start);
    let before = (0..at).rev().find(|at| matches!(chars[*at], '{' | '}' | ';')).map_or(0, |at| at + 1);
    let lines_in = |range: &[char]| range.iter().filter(|c| **c == '\n').count();
    Some(Function {
        name,
        before: chars[before..at].iter().collect(),
        body: chars[body_start..body_end].iter().collect(),
        line: 1 + lines_in(&chars[..at]),
        lines: 1 + lines_in(&chars[at..body_end]),
    })
}

fn closing_brace(chars: &[char], start: usize) -> usize {
    let mut depth = 0_i32;
    let end = (start..chars.len()).find(|at| {
        match chars[*at] {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(chars.len(), |end| end + 1)
}

#[test]
fn comments_and_literals_are_no_code() {
    let text =
        "a // b\nc /* d /* e */ f */ g \"h \\\" i\" j r#\"k\" l\"# m 'n' o '\\'' p 'q: r br\"s\" \"t\nu\" v";
    let words: Vec<String> = code_only(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["a", "c", "g", "j", "m", "o", "p", "'q:", "r", "b", "v"]);
    assert_eq!(code_only(text).lines().count(), text.lines().count());
}

#[test]
fn functions_are_found_with_their_bodies() {
    let text = "struct S;\n#[test]\nfn one<F: Fn(u8) -> u8>(x in { 1 }, f: F) -> u8\n{\n fn two() {}\n}\ntrait T { fn none(); }";
    let found = functions(text);
    let seen: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.is_test(), f.line, f.lines)).collect();
    assert_eq!(seen, [("one", true, 3, 4), ("two", false, 5, 1)]);
    assert!(found[0].body.starts_with('{') && found[0].body.ends_with('}'));
}
