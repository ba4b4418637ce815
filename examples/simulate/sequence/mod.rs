//! A run as a sequence diagram: a page that needs nothing but a browser.

mod data;

use data::data;
use rekindle::sim::trace::Trace;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const MODEL: &str = include_str!("model.js");
const DRAW: &str = include_str!("draw.js");
const CONTROLS: &str = include_str!("controls.js");

/// The whole page.
pub fn page(trace: &Trace) -> String {
    // Last, since what is in there may look like anything.
    let parts = [("/*style*/", STYLE), ("/*model*/", MODEL), ("/*draw*/", DRAW), ("/*controls*/", CONTROLS)];
    let frame = parts.iter().fold(PAGE.to_owned(), |page, (mark, part)| page.replace(mark, part));
    frame.replace("/*data*/", &embedded(&data(trace)))
}

/// JSON that ends no script element.
fn embedded(data: &serde_json::Value) -> String {
    data.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn json_of(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("id=\"data\">").unwrap();
        let (json, _) = rest.split_once("</script>").unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_page_has_all_parts_and_needs_no_network() {
        let page = page(&sample::trace());
        for mark in
            ["/*style*/", "/*model*/", "/*draw*/", "/*controls*/", "/*data*/", "http:", "https:", "src="]
        {
            assert!(!page.contains(mark), "{mark}");
        }
        assert_eq!(page.matches("</script>").count(), 4);
        assert!(page.len() < 100_000, "{} bytes without data", page.len());
    }

    #[test]
    fn the_data_can_be_read_back() {
        let trace = sample::trace();
        let json = json_of(&page(&trace));
        assert_eq!(json, data(&trace));
        assert_eq!(json["nodes"].as_array().unwrap().len(), trace.nodes.len());
    }

    #[test]
    fn no_text_ends_the_data() {
        let mut trace = sample::trace();
        trace.outcome = Err("</script><script>alert(1)</script> /*draw*/ <!--".into());
        let page = page(&trace);
        assert_eq!(page.matches("</script>").count(), 4);
        assert_eq!(json_of(&page)["failed"], trace.outcome.unwrap_err());
    }
}
