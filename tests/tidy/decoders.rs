//! Every decoder has a fuzz target that calls it by its name.

use crate::{
    report,
    source::{File, code_only, rust_files},
};

/// The public decoders of a file, as a target calls them: `decode_write`, `Frame::decode`.
fn decoders(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let mut owner = String::new();
    for line in code_only(&file.text).lines() {
        if line.starts_with("impl") {
            // The last word of its head that is no parameter: `impl<'a> Entry<'a> {`.
            let head = line.trim_start_matches("impl").trim_start_matches("<'a>").trim_start();
            owner = head.chars().take_while(|c| c.is_alphanumeric()).collect();
        }
        let Some((_, rest)) = line.split_once("pub fn decode") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.push(if line.starts_with(' ') {
            format!("{owner}::decode{name}")
        } else {
            format!("decode{name}")
        });
    }
    found
}

fn calls(code: &str, decoder: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(decoder)
        .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + decoder.len()..].starts_with(is_word))
}

#[test]
fn every_decoder_is_fuzzed() {
    let files = rust_files();
    let targets = files.iter().filter(|file| file.path.starts_with("fuzz/"));
    let code: String = targets.map(|file| code_only(&file.text)).collect();
    let library = files.iter().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/"));
    let decoders: Vec<(&str, String)> =
        library.flat_map(|file| decoders(file).into_iter().map(|d| (file.path.as_str(), d))).collect();
    assert!(decoders.len() > 20, "decoders have other names now: look where this test searches");
    let missing = decoders.iter().filter(|(_, decoder)| !calls(&code, decoder));
    let complaints: Vec<String> = missing
        .map(|(path, decoder)| {
            format!("{path}: call `{decoder}` in a target in fuzz/fuzz_targets (docs/fuzzing.md)")
        })
        .collect();
    report(&complaints);
}

#[test]
fn decoders_are_found_and_so_are_calls() {
    let text = "impl<'a> Entry<'a> {\n    pub fn decode(b: &[u8]) {}\n}\nimpl Frame {\n    pub fn encode() {}\n    \
                pub fn decode_all() {}\n    fn decode_own() {}\n}\npub fn decode_write<T>() {}";
    let found = decoders(&File::new("a.rs", text));
    assert_eq!(found, ["Entry::decode", "Frame::decode_all", "decode_write"]);
    assert!(calls("f(Entry::decode(x))", "Entry::decode") && calls("within(decode_write)", "decode_write"));
    assert!(!calls("MyEntry::decode(x)", "Entry::decode") && !calls("decode_write_all()", "decode_write"));
}
