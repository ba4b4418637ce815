//! The project stands alone: nothing in it leads to what lies beside it.

use crate::{
    report,
    source::{File, all_files},
};

/// Written in two halves, since this file is looked at too.
const OUTSIDE: &[&str] = &[concat!("../", "shared"), concat!("/work", "/")];

fn mentions(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let found = lines.filter(|(_, line)| OUTSIDE.iter().any(|outside| line.contains(outside)));
    found
        .map(|(at, _)| {
            format!("{}:{}: leads out of the project: say it here, in own words", file.path, at + 1)
        })
        .collect()
}

#[test]
fn nothing_leads_out_of_the_project() {
    let complaints: Vec<String> = all_files().iter().flat_map(mentions).collect();
    report(&complaints);
}

#[test]
fn ways_out_are_found() {
    let text = format!("see {}/design\nfine\nin {}main", OUTSIDE[0], OUTSIDE[1]);
    assert_eq!(mentions(&File::new("a.md", &text)).len(), 2);
    assert!(mentions(&File::new("a.md", "see ../docs and work")).is_empty());
}
