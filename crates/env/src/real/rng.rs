//! Randomness, seeded by the system.

use crate::Rng;
use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng, rngs::StdRng, rngs::SysRng};
use std::io;

/// A generator of this process alone. Its lock is a leaf.
pub(super) struct RealRng(Mutex<StdRng>);

impl RealRng {
    pub(super) fn seeded() -> io::Result<Self> {
        let generator = StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?;
        Ok(Self(Mutex::new(generator)))
    }
}

impl Rng for RealRng {
    fn next_u64(&self) -> u64 {
        self.0.lock().next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_generators_go_different_ways() {
        let draw = |rng: &RealRng| [rng.next_u64(), rng.next_u64()];
        let (a, b) = (RealRng::seeded().unwrap(), RealRng::seeded().unwrap());
        assert_ne!(draw(&a), draw(&b));
        assert_ne!(draw(&a), draw(&a));
    }
}
