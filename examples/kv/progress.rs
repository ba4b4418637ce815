//! Progress on standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// Of something that is counted in bytes, if it is known how many.
pub fn bar(what: &'static str, bytes: Option<u64>) -> ProgressBar {
    let style = |template: &str| ProgressStyle::with_template(template).expect("templates are well formed");
    let bar = match bytes {
        Some(bytes) => {
            let template = "{msg:>12}  {bar:40.cyan/dim}  {decimal_bytes:>9} of {decimal_total_bytes}  \
                            {decimal_bytes_per_sec}  {eta}";
            ProgressBar::new(bytes).with_style(style(template).progress_chars("━╸─"))
        }
        None => {
            let template = "{msg:>12}  {spinner:.cyan} {decimal_bytes:>9}  {decimal_bytes_per_sec}";
            ProgressBar::new_spinner().with_style(style(template))
        }
    };
    bar.with_message(what)
}
