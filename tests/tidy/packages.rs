//! Each crate can be published as it is, and shows itself in its README. `cargo package` checks the rest (.ci/run).

use crate::{
    report,
    source::{File, all_files},
};

/// About a screen, and a short example.
const README_LINES_MAX: usize = 60;
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The files of a crate, as far as a reader of its page meets them.
struct Package<'a> {
    folder: &'a str,
    files: &'a [File],
}

impl Package<'_> {
    fn text(&self, name: &str) -> &str {
        self.text_at(&format!("{}/{name}", self.folder))
    }

    fn text_at(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    fn complaints(&self) -> Vec<String> {
        let readme = self.text("README.md");
        let examples = || readme.lines().filter_map(|line| line.strip_prefix("```")).step_by(2);
        let is_shown = self.text("src/lib.rs").starts_with("#![doc = include_str!(\"../README.md\")]");
        let mut wrong = Vec::new();
        if readme.is_empty() {
            wrong.push("has no README.md: say what it is, what it is not, and show it".to_owned());
        }
        if readme.lines().count() > README_LINES_MAX {
            wrong.push(format!("its README.md has more than {README_LINES_MAX} lines: say less"));
        }
        if !examples().any(|language| language == "rust") || examples().any(|e| e.starts_with("rust,")) {
            wrong.push("its README.md needs an example that `cargo test` runs".to_owned());
        }
        if !is_shown {
            wrong.push("src/lib.rs begins with its README.md: then the example is a test".to_owned());
        }
        for licence in LICENCES {
            if self.text(licence).is_empty() || self.text(licence) != self.text_at(licence) {
                wrong.push(format!("{licence} must be a link to that of the root, for its package"));
            }
        }
        wrong.into_iter().map(|what| format!("{}: {what}", self.folder)).collect()
    }
}

#[test]
fn every_crate_shows_itself_and_has_its_licences() {
    let files = all_files();
    let folders: Vec<&str> = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml")).collect();
    let folders: Vec<&str> = folders.into_iter().filter(|folder| folder.starts_with("crates/")).collect();
    assert!(!folders.is_empty(), "the crates are in crates/");
    let complaints = folders
        .into_iter()
        .flat_map(|folder| Package { folder, files: &files }.complaints())
        .collect::<Vec<_>>();
    report(&complaints);
}

#[test]
fn what_is_missing_is_found() {
    let lib = "#![doc = include_str!(\"../README.md\")]\n";
    let good = |name: &str| {
        let text = match name {
            "crates/a/README.md" => "# a\n```rust\nfn main() {}\n```\n| a |\n```sh\nb\n```\n",
            "crates/a/src/lib.rs" => lib,
            _ => "a licence",
        };
        File::new(name, text)
    };
    let names = [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "crates/a/LICENSE-MIT",
        "crates/a/LICENSE-APACHE",
        "crates/a/README.md",
        "crates/a/src/lib.rs",
    ];
    let count = |name: &str, text: &str| {
        let replaced = |path: &str| if path == name { File::new(path, text) } else { good(path) };
        let files: Vec<File> = names.into_iter().map(replaced).collect();
        Package { folder: "crates/a", files: &files }.complaints().len()
    };
    assert_eq!(count("", ""), 0);
    assert_eq!(count("crates/a/LICENSE-MIT", "another"), 1);
    assert_eq!(count("crates/a/LICENSE-APACHE", ""), 1);
    assert_eq!(count("crates/a/README.md", ""), 2);
    assert_eq!(count("crates/a/README.md", "```rust,no_run\n```"), 1);
    assert_eq!(count("crates/a/README.md", &format!("```rust\n```{}", "\n".repeat(README_LINES_MAX))), 1);
    assert_eq!(count("crates/a/src/lib.rs", "//! a"), 1);
}
