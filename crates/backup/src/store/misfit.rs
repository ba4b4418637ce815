//! Why a write does not fit what is there.

/// In what way a write does not fit its replica. The numbers travel on the wire: they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
#[non_exhaustive]
pub enum Misfit {
    /// Cut it: one write has [`ReplicaWrite::BYTES_MAX`](super::ReplicaWrite::BYTES_MAX) bytes at most.
    #[error("more bytes than one write may have")]
    Long = 0,
    /// The capacity is not the replica's, or one that no segment has.
    #[error("another capacity, or one that no segment has")]
    Capacity = 1,
    /// It was opened to be filled in another way.
    #[error("opened with another fill before")]
    Fill = 2,
    /// It ends behind the replica's capacity.
    #[error("passes the capacity")]
    PassesCapacity = 3,
    /// Bytes before it are missing.
    #[error("leaves a gap")]
    Gap = 4,
    /// Its bytes are not those that are there.
    #[error("contradicts bytes that are there")]
    Bytes = 5,
    /// It closes bytes that no certificate vouches for.
    #[error("closes with bytes that no certificate covers")]
    Uncertified = 6,
    /// A re-creation is certified when it closes, not before and not after.
    #[error("a re-creation's certificate and close travel in one write")]
    AtomicClose = 7,
    /// Its certificate covers more than would be there.
    #[error("certificate past the bytes")]
    CertificateLength = 8,
    /// Its certificate has the length of the present one, and is another.
    #[error("contradicts the certificate that is there")]
    Certificate = 9,
    /// Its certificate or the segment's header contradicts the bytes.
    #[error("contradicts its own certificate or segment header")]
    Contents = 10,
}

impl Misfit {
    /// All of them, by number.
    pub const ALL: [Self; 11] = [
        Self::Long,
        Self::Capacity,
        Self::Fill,
        Self::PassesCapacity,
        Self::Gap,
        Self::Bytes,
        Self::Uncertified,
        Self::AtomicClose,
        Self::CertificateLength,
        Self::Certificate,
        Self::Contents,
    ];

    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The one of this number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_its_number() {
        for misfit in Misfit::ALL {
            assert_eq!(Misfit::of_number(misfit.number()), Some(misfit));
        }
        assert_eq!(Misfit::of_number(Misfit::ALL.len() as u8), None);
    }
}
