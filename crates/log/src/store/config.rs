//! Configuration of a store.

use rekindle_types::Rules;

/// How a store behaves.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// Values shorter than this are copied out, longer ones pin their segment's memory. Default 4 KiB.
    pub pin_bytes_min: usize,
    /// Rules in force.
    pub rules: Rules,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { pin_bytes_min: 4 << 10, rules: Rules::default() }
    }
}
