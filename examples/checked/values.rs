//! What a run's objects are.

use bytes::Bytes;

/// Number of an object.
pub type Index = u32;

/// Number of a write to one object; the first is one.
pub type Number = u32;

/// Keys by number, and values that anybody can check who knows the run.
pub trait Values: Clone + Send + Sync + 'static {
    /// How many objects.
    fn count(&self) -> u64;

    /// Key and value of one, on average.
    fn object_bytes(&self) -> u64;

    /// The key of an object.
    fn key(&self, index: Index) -> Bytes;

    /// What write `number` puts into object `index`.
    fn value(&self, index: Index, number: Number) -> Bytes;

    /// The write that made this value of object `index`; zero when the value is too short to say.
    ///
    /// # Errors
    /// What is wrong with it: another object's, another run's, damaged.
    fn check(&self, index: Index, value: &[u8]) -> Result<Number, String>;
}
