//! Random streams, all forked from the seed of the world.

use crate::Rng;
use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// One stream of random bits. Its lock is a leaf.
pub(super) struct Stream(Mutex<Pcg64Mcg>);

impl Stream {
    /// The stream of this label: the same for the same arguments, unrelated for others.
    pub(super) fn fork(seed: u64, label: &str, number: u64) -> Self {
        let mut hash = mix(seed, 0x5eed);
        for byte in label.bytes() {
            hash = mix(hash, u64::from(byte));
        }
        Self(Mutex::new(Pcg64Mcg::seed_from_u64(mix(hash, number))))
    }
}

impl Rng for Stream {
    fn next_u64(&self) -> u64 {
        self.0.lock().next_u64()
    }
}

/// Folds `word` into a running hash (the finaliser of SplitMix64 over their sum).
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    let mut z = hash.rotate_left(5).wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_other_seeds_labels_and_numbers_differ() {
        let first = |seed, label, number| Stream::fork(seed, label, number).next_u64();
        assert_eq!(first(1, "a", 0), first(1, "a", 0));
        assert_ne!(first(1, "a", 0), first(2, "a", 0));
        assert_ne!(first(1, "a", 0), first(1, "b", 0));
        assert_ne!(first(1, "a", 0), first(1, "a", 1));
    }
}
