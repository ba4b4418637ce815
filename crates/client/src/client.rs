//! The entrance.

use crate::{
    ClientConfig, ClientConfigError, ClientError, Masters, Table,
    backoff::backoff,
    hints::Hints,
    together::Together,
    view::{View, Views},
};
use futures_util::{
    future::{Either, select},
    poll,
};
use rekindle_env::{Env, Time};
use rekindle_types::{CoordinatorApi, Refusal, RemoteError, Reply, Request, ServerId, TableId};
use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::sync::Semaphore;

/// A client of one cluster. Clones share connections and knowledge.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: ClientConfig,
    pub(crate) env: Env,
    pub(crate) masters: Arc<dyn Masters>,
    pub(crate) views: Views,
    pub(crate) hints: Hints,
    pub(crate) requests: Semaphore,
    pub(crate) together: Together,
    coordinator: Arc<dyn CoordinatorApi>,
}

impl Shared {
    /// The future's output, or `None` once the deadline has passed.
    pub(crate) async fn until<F: Future>(&self, deadline: Time, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        // Most are ready: they need no timer.
        if let Poll::Ready(output) = poll!(&mut future) {
            return Some(output);
        }
        match select(future, self.env.clock.sleep_until(deadline)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }

    /// Waits, but not past the deadline.
    pub(crate) async fn sleep(&self, wait: Duration, deadline: Time) {
        self.env.clock.sleep_until((self.env.clock.now() + wait).min(deadline)).await;
    }

    /// Reports a server that does not answer, then looks at the list now and then: ends when it is no member any more,
    /// or with the deadline.
    pub(crate) async fn removed(&self, server: ServerId, deadline: Time) {
        self.hints.send(server);
        while self.env.clock.now() < deadline {
            let present = self.views.present().number;
            if let Some(Ok(view)) = self.until(deadline, self.views.newer_than(present)).await
                && view.is_gone(server)
            {
                return;
            }
            self.sleep(self.config.attempt_timeout, deadline).await;
        }
    }

    async fn pause(&self, deadline: Time, at_least: Duration, tries: u32) {
        self.sleep(at_least + backoff(&self.config, tries, &*self.env.rng), deadline).await;
    }

    /// The cluster as it is now or later, tried for until the deadline.
    async fn view_from_now(&self, deadline: Time) -> Result<Arc<View>, ClientError> {
        let stale = self.views.asked();
        let mut reason = "the coordinator does not answer".to_owned();
        for tries in 0.. {
            match self.until(deadline, self.views.newer_than(stale)).await {
                Some(Ok(view)) => return Ok(view),
                Some(Err(pause)) if pause.is_refused => return Err(ClientError::Unauthorised(pause.reason)),
                Some(Err(pause)) => {
                    reason = pause.reason;
                    self.pause(deadline, pause.at_least, tries).await;
                }
                None => break,
            }
            if self.env.clock.now() >= deadline {
                break;
            }
        }
        Err(ClientError::TimedOut(reason))
    }
}

impl Client {
    /// A client that knows nothing yet: it asks the coordinator at the first call.
    pub fn new(
        config: ClientConfig,
        coordinator: Arc<dyn CoordinatorApi>,
        masters: Arc<dyn Masters>,
        env: Env,
    ) -> Result<Self, ClientConfigError> {
        config.validate()?;
        let views = Views::new(coordinator.clone(), masters.clone(), &config, env.clone());
        let hints = Hints::new(coordinator.clone(), env.clone());
        let requests = Semaphore::new(config.requests_max);
        let together = Together::default();
        let shared = Shared { config, env, masters, views, hints, requests, together, coordinator };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn deadline(&self) -> Time {
        self.shared.env.clock.now() + self.shared.config.timeout
    }

    /// The table of this name. Its calls have the config's time-out; see [`Table::within`].
    pub async fn table(&self, name: &str) -> Result<Table, ClientError> {
        let id = match self.shared.views.present().table(name) {
            Some(id) => id,
            None => self.find_table(name, self.deadline()).await?,
        };
        Ok(self.open(name, id))
    }

    /// Makes a table of `tablets` even hash ranges, spread over the servers.
    pub async fn create_table(&self, name: &str, tablets: u32) -> Result<Table, ClientError> {
        let deadline = self.deadline();
        let request = Request::CreateTable { name: name.to_owned(), tablets };
        let id = match self.change(request, deadline).await? {
            Changed::Reply(Reply::Table(table)) => table.id,
            Changed::Reply(Reply::Refused(Refusal::TableExists(name))) => {
                return Err(ClientError::TableExists(name));
            }
            // By this call or by somebody else's: only the caller can tell.
            Changed::AfterUnknown(Reply::Refused(Refusal::TableExists(name))) => {
                return Err(ClientError::Unknown(format!("table {name:?} exists, perhaps by this call")));
            }
            Changed::AfterUnknown(Reply::Table(table)) => table.id,
            Changed::Reply(other) | Changed::AfterUnknown(other) => return Err(refused(other)),
        };
        // So that its calls find their way. It is made, even if the coordinator fails to say where.
        let _ = self.shared.view_from_now(deadline).await;
        Ok(self.open(name, id))
    }

    /// Removes a table and everything in it.
    ///
    /// After [`ClientError::Unknown`] it may be gone from the map, while some owner has still to be told: then
    /// [`ClientError::NoSuchTable`] of another call says only the former.
    pub async fn drop_table(&self, name: &str) -> Result<(), ClientError> {
        let deadline = self.deadline();
        // T8: which one is meant is found out once. A repeat, or an attempt that comes late, leaves another table of this
        // name alone, that somebody makes meanwhile. What was known before the call says nothing: it may be gone.
        let id = self.find_table(name, deadline).await?;
        let request = Request::DropTable { name: name.to_owned(), id };
        match self.change(request, deadline).await? {
            // Gone, by this call or another's: what the caller wants.
            Changed::Reply(Reply::Done)
            | Changed::AfterUnknown(Reply::Done | Reply::Refused(Refusal::NoSuchTable(_))) => {}
            Changed::Reply(other) | Changed::AfterUnknown(other) => return Err(refused(other)),
        }
        // So that `table` does not find it any more. It is gone even if the coordinator fails to say so again.
        let _ = self.shared.view_from_now(deadline).await;
        Ok(())
    }

    /// The table that has this name now.
    async fn find_table(&self, name: &str, deadline: Time) -> Result<TableId, ClientError> {
        let view = self.shared.view_from_now(deadline).await?;
        view.table(name).ok_or_else(|| ClientError::NoSuchTable(format!("{name:?}")))
    }

    fn open(&self, name: &str, id: TableId) -> Table {
        Table::new(self.shared.clone(), name, id, self.shared.config.timeout)
    }

    /// Repeats a call to the coordinator until it is answered: its calls may be repeated after any outcome.
    async fn change(&self, request: Request, deadline: Time) -> Result<Changed, ClientError> {
        let (mut is_unknown, mut reason) = (false, "the coordinator does not answer".to_owned());
        for tries in 0.. {
            let mut at_least = Duration::ZERO;
            match self.shared.until(deadline, self.shared.coordinator.call(request.clone())).await {
                None => {
                    is_unknown = true;
                    break;
                }
                Some(Err(RemoteError::NotDone(why))) => reason = why,
                // No repeat helps.
                Some(Err(RemoteError::Unauthorised(why))) if !is_unknown => {
                    return Err(ClientError::Unauthorised(why));
                }
                Some(Err(RemoteError::Unauthorised(why))) => reason = why,
                Some(Err(RemoteError::Unknown(why))) => (is_unknown, reason) = (true, why),
                Some(Ok(Reply::Refused(Refusal::Retry { after_ms, reason: why }))) => {
                    (at_least, reason) = (Duration::from_millis(after_ms.into()), why);
                }
                Some(Ok(reply)) if is_unknown => return Ok(Changed::AfterUnknown(reply)),
                Some(Ok(reply)) => return Ok(Changed::Reply(reply)),
            }
            self.shared.pause(deadline, at_least, tries).await;
            if self.shared.env.clock.now() >= deadline {
                break;
            }
        }
        Err(if is_unknown { ClientError::Unknown(reason) } else { ClientError::TimedOut(reason) })
    }
}

/// An answer of the coordinator; after an unknown outcome it may be about this call's own effect.
enum Changed {
    Reply(Reply),
    AfterUnknown(Reply),
}

fn refused(reply: Reply) -> ClientError {
    match reply {
        Reply::Refused(Refusal::NoSuchTable(name)) => ClientError::NoSuchTable(format!("{name:?}")),
        Reply::Refused(refusal) => ClientError::Invalid(refusal.to_string()),
        other => ClientError::Invalid(format!("the coordinator answers {other:?}")),
    }
}
