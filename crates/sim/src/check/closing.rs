//! Is a head open everywhere before the one before it is closed?

use crate::look::{Look, ServerLook};
use rekindle_types::{SegmentId, ServerId};

/// Replicas of a head are being closed, and the next head was not open on all R before that (H2): if its master dies now,
/// a recovery may find no head at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} closes head {1:?} before the next one is open on all its backups")]
pub struct ClosedEarly(pub ServerId, pub SegmentId);

/// Checks one look.
///
/// # Errors
/// The first head that is closed too early.
pub fn check_closing(look: &Look) -> Result<(), ClosedEarly> {
    look.servers.iter().find_map(closed_early).map_or(Ok(()), Err)
}

fn closed_early(server: &ServerLook) -> Option<ClosedEarly> {
    let followed = |at: usize| server.heads.get(at + 1).is_some_and(|next| next.was_open);
    let mut heads = server.heads.iter().enumerate();
    let (_, head) = heads.find(|(at, head)| head.is_closing && !followed(*at))?;
    Some(ClosedEarly(server.server, head.segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_backup::replicator::KnownHead;

    #[test]
    fn one_that_is_closed_too_early_is_found() {
        let head = |segment, was_open, is_closing| KnownHead {
            segment: SegmentId(segment),
            was_open,
            is_closing,
            ..KnownHead::default()
        };
        let closed = |heads: &[KnownHead]| {
            let server = ServerLook { server: ServerId(3), heads: heads.to_vec(), ..ServerLook::default() };
            check_closing(&Look { servers: vec![server], ..Look::default() })
        };
        let early = |segment| Err(ClosedEarly(ServerId(3), SegmentId(segment)));
        let (filled, closing) = (head(1, true, false), head(1, true, true));
        assert_eq!(closed(&[]), Ok(()));
        assert_eq!(closed(&[filled]), Ok(()));
        assert_eq!(closed(&[filled, head(4, false, false)]), Ok(()));
        assert_eq!(closed(&[closing, head(4, true, false)]), Ok(()));
        assert_eq!(closed(&[closing, head(4, true, false), head(5, false, false)]), Ok(()));
        assert_eq!(closed(&[closing]), early(1), "there is no next head");
        assert_eq!(closed(&[closing, head(4, false, false)]), early(1));
        assert_eq!(closed(&[closing, head(4, true, true), head(5, false, false)]), early(4));
    }
}
