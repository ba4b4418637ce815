//! Progress bars in text.

/// A bar of so many characters, `part` of it full.
pub fn bar(part: f64, width: usize) -> String {
    let halves = (part.clamp(0.0, 1.0) * 2.0 * width as f64).floor() as usize;
    let full = halves / 2;
    let head = if halves % 2 == 1 { "╸" } else { "" };
    let rest = width - full - head.chars().count();
    format!("{}{head}{}", "━".repeat(full), "·".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_wide_as_asked_and_full_at_the_end() {
        for percent in 0..=100 {
            assert_eq!(bar(f64::from(percent) / 100.0, 20).chars().count(), 20);
        }
        assert_eq!(bar(0.0, 4), "····");
        assert_eq!(bar(0.4, 4), "━╸··");
        assert_eq!(bar(0.999, 4), "━━━╸", "full means done");
        assert_eq!((bar(1.0, 4), bar(7.0, 4)), ("━━━━".into(), "━━━━".into()));
        assert_eq!(bar(f64::NAN, 4), "····");
    }
}
