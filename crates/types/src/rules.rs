//! The protocol rules that a test can switch off, to prove that the test would notice (docs/protocols.md).

use std::fmt;

macro_rules! rules {
    ($($name:ident),* $(,)?) => {
        /// A starred rule of docs/protocols.md that is in force.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        #[repr(u8)]
        pub enum Rule { $($name),* }

        impl Rule {
            /// All of them, in the order of docs/protocols.md.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

rules!(
    H1, H2, H3, H4, H5, P1, P2, P3, P4, C1, C2, C3, C4, C5, C6, V1, V3, T1, T2, T3, T4, T5, T6, F1, F2, F3,
    F4, F5, F6, J1, J2, J4, J6, O3
);

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which rules are in force: all of them, but in a build with the test-only feature `mutations` one may be
/// switched off. Part of the configs of the crates that enforce rules; costs nothing without the feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    #[cfg(feature = "mutations")]
    off: u64,
}

impl Rules {
    /// Whether `rule` is in force.
    #[inline]
    #[must_use]
    pub fn on(self, rule: Rule) -> bool {
        #[cfg(feature = "mutations")]
        return self.off & (1 << rule as u8) == 0;
        #[cfg(not(feature = "mutations"))]
        {
            let _ = rule;
            true
        }
    }

    /// All rules but `rule`: what it guards against can happen now.
    #[cfg(feature = "mutations")]
    #[must_use]
    pub fn without(rule: Rule) -> Self {
        Self { off: 1 << rule as u8 }
    }
}
