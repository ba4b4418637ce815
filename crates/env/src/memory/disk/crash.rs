//! What a crash may do.

/// What becomes of everything that was not synced. What was synced always stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It is gone.
    DropUnsynced,
    /// All of it had reached the disk.
    KeepUnsynced,
    /// Of names, sectors of devices and sectors of file ends any subset had reached the disk, drawn from the
    /// seed. Of a sector written several times any version may be there.
    Subset,
    /// As `Subset`, and sectors may be torn: the front of one version, the back of another.
    Torn,
}
