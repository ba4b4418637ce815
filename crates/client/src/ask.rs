//! Requests to masters.

use crate::{ObjectCall, ObjectOp, ObjectReply, ObjectRequest, client::Shared};
use futures_util::future::{Either, select};
use rekindle_env::Time;
use rekindle_types::{RemoteError, ServerEntry};
use std::pin::pin;

/// One request to one master. A read is given up after a while, to be tried elsewhere; a write is waited for until
/// its master is known to be dead, since nobody may repeat it.
pub(crate) async fn ask(
    shared: &Shared,
    server: &ServerEntry,
    calls: Vec<ObjectCall>,
    deadline: Time,
) -> Result<ObjectReply, RemoteError> {
    let Some(_room) = shared.until(deadline, shared.requests.acquire()).await else {
        return Err(RemoteError::NotDone("too many requests are outstanding".into()));
    };
    let now = shared.env.clock.now();
    let attempt_end = (now + shared.config.attempt_timeout).min(deadline);
    let is_read = calls.iter().all(|call| is_read(&call.op));
    let end = if is_read { attempt_end } else { deadline };
    let time_left_ms = u32::try_from(end.since(now).as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    let master = shared.masters.master(server);
    let mut call = master.call(ObjectRequest { calls, time_left_ms });
    let no_answer = || Err(RemoteError::Unknown(format!("no answer of {} in time", server.id)));
    match shared.until(attempt_end, &mut call).await {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(error)) => {
            shared.hints.send(server.id);
            Err(error)
        }
        None if is_read => {
            shared.hints.send(server.id);
            no_answer()
        }
        None => match select(call, pin!(shared.removed(server.id, deadline))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => no_answer(),
        },
    }
}

pub(crate) fn is_read(op: &ObjectOp) -> bool {
    matches!(op, ObjectOp::Get { .. } | ObjectOp::Scan { .. })
}

/// Bytes that the call takes in a request, about.
pub(crate) fn bytes_of(op: &ObjectOp) -> usize {
    const FIXED: usize = 32;
    FIXED
        + match op {
            ObjectOp::Get { key } | ObjectOp::Delete { key, .. } => key.len(),
            ObjectOp::Put { key, value, .. } => key.len() + value.len(),
            ObjectOp::Scan { .. } => 0,
        }
}
