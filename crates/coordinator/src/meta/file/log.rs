//! The meta log: calls queue up, and one future at a time carries them out.

use super::queue::{Append, CALLS_MAX, Call, GROUP_BYTES, Queue};
use super::{config::FileMetaLogConfig, held::Held, held::encoded_bytes};
use crate::meta::{AppendError, Batch, Leadership, MetaLog, MetaOpenError, Opened};
use async_trait::async_trait;
use futures_util::future::{BoxFuture, Either, FutureExt, Shared, select};
use parking_lot::Mutex;
use rekindle_env::{Dir, DiskError, Env, Rng};
use rekindle_types::{Lsn, Rule, Term};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Keeps the record in a directory, which is locked from the first [`MetaLog::open`] until this is dropped.
///
/// An answered append is synced. Appends that come while a sync runs are written together by the next one; there
/// is no timer. After a write or sync that failed, nothing more is recorded: what had reached the disk is known
/// only to a process that starts anew.
///
/// The log has no task of its own: whoever waits for an answer drives it. A call that is dropped is carried out by
/// the next one.
pub struct FileMetaLog {
    core: Arc<Core>,
    room: Arc<Semaphore>,
    /// Carries out what is queued. It lives here and not in its callers, so that none of them can cut it off. A leaf
    /// lock, as all here.
    driver: Mutex<Option<Shared<BoxFuture<'static, ()>>>>,
}

/// What an append comes to.
type Answer = Result<Lsn, AppendError>;

/// Who waits for that, and its place in the queue.
type Caller = (oneshot::Sender<Answer>, OwnedSemaphorePermit);

/// What the driver shares with the calls.
struct Core {
    dir: Arc<dyn Dir>,
    rng: Arc<dyn Rng>,
    config: FileMetaLogConfig,
    queue: Mutex<Queue>,
    reign: Mutex<Reign>,
    /// Only the driver takes it: never contended.
    held: tokio::sync::Mutex<Option<Held>>,
}

#[derive(Default)]
struct Reign {
    /// The newest.
    term: Term,
    failed: Option<String>,
}

impl FileMetaLog {
    /// Bytes of one batch in the file.
    pub const BATCH_BYTES_MAX: usize = 64 << 20;

    /// The log in this world's directory; nothing happens before it is opened.
    #[must_use]
    pub fn new(env: &Env, config: FileMetaLogConfig) -> Self {
        let (dir, rng) = (env.dir.clone(), env.rng.clone());
        let (queue, reign, held) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Self {
            core: Arc::new(Core { dir, rng, config, queue, reign, held }),
            room: Arc::new(Semaphore::new(CALLS_MAX)),
            driver: Mutex::default(),
        }
    }

    /// Waits until nothing is left to do, the mark behind the last append included: that is handed to the disk with
    /// the answer, and nobody needs to wait for it but who wants to see the file at rest.
    pub async fn settled(&self) {
        self.driver().await;
    }

    /// Waits for the answer, and drives the log meanwhile.
    async fn answer<T>(&self, mut answer: oneshot::Receiver<T>) -> T {
        loop {
            match select(&mut answer, self.driver()).await {
                Either::Left((answer, _)) => return answer.expect("every call is answered"),
                // It ended before it saw this call, or with its answer.
                Either::Right(((), _)) => {}
            }
        }
    }

    fn driver(&self) -> Shared<BoxFuture<'static, ()>> {
        let mut driver = self.driver.lock();
        match &*driver {
            Some(running) if running.peek().is_none() => running.clone(),
            _ => driver.insert(Arc::clone(&self.core).drive().boxed().shared()).clone(),
        }
    }
}

#[async_trait]
impl MetaLog for FileMetaLog {
    async fn open(&self) -> Result<Opened, MetaOpenError> {
        let (done, opened) = oneshot::channel();
        self.core.queue.lock().push(Call::Open(done));
        self.answer(opened).await
    }

    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError> {
        let bytes = encoded_bytes(&batch);
        if bytes > Self::BATCH_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, limit: Self::BATCH_BYTES_MAX });
        }
        let place = Arc::clone(&self.room).acquire_owned().await.expect("the semaphore is never closed");
        let (done, appended) = oneshot::channel();
        self.core.queue.lock().push(Call::Append(Append { term, batch, done, place }));
        self.answer(appended).await
    }

    fn leadership(&self, term: Term) -> Leadership {
        // F4: the lock is held from the first open on, so only this log can have begun a newer reign.
        let reign = self.core.reign.lock();
        if reign.term == term && reign.failed.is_none() {
            Leadership::Valid
        } else {
            Leadership::Over { newest: reign.term.max(term) }
        }
    }
}

impl Core {
    /// Carries out what is queued, until nothing is.
    async fn drive(self: Arc<Self>) {
        let mut held = self.held.lock().await;
        loop {
            let next = self.queue.lock().pop();
            match next {
                None => return,
                Some(Call::Open(done)) => {
                    let opened = self.open(&mut held).await;
                    // The caller may have gone.
                    let _ = done.send(opened);
                }
                Some(Call::Append(first)) => self.commit(first, held.as_mut()).await,
            }
        }
    }

    async fn open(&self, held: &mut Option<Held>) -> Result<Opened, MetaOpenError> {
        if let Some(reason) = self.failure() {
            return Err(MetaOpenError::Failed(reason));
        }
        let held = match held {
            Some(held) => held,
            None => held.insert(Held::take(self.dir.clone(), self.rng.clone(), self.config).await?),
        };
        // F4: the reign before ends now, not only when the new one is recorded.
        self.reign.lock().term = held.term().next();
        held.raise_term().await.map_err(|error| MetaOpenError::Failed(self.fail(&error)))
    }

    fn failure(&self) -> Option<String> {
        self.reign.lock().failed.clone()
    }

    /// Nothing is written any more, whatever a repetition would say.
    fn fail(&self, error: &DiskError) -> String {
        let reason = error.to_string();
        self.reign.lock().failed = Some(reason.clone());
        reason
    }

    /// Writes this append and those that wait behind it with one sync. No answer shows what is not durable yet, also
    /// not a refusal because of it.
    async fn commit(&self, first: Append, held: Option<&mut Held>) {
        let (mut batches, mut callers) = (Vec::new(), Vec::new());
        for Append { term, batch, done, place } in self.group(first) {
            batches.push((term, batch));
            callers.push((done, place));
        }
        let (written, held) = match (self.failure(), held) {
            (Some(reason), _) => (Err(reason), None),
            (None, None) => (Err("it was not opened".to_owned()), None),
            (None, Some(held)) => {
                let written = self.write(held, batches, &mut callers).await;
                (written.map_err(|error| self.fail(&error)), Some(held))
            }
        };
        let (answers, is_written) = match written {
            Ok(written) => written,
            Err(reason) => (vec![Err(AppendError::Failed(reason)); callers.len()], false),
        };
        answer(&mut callers, answers);
        // Behind the answers: it vouches for what they have shown, and none of them needs it. It is handed to the disk
        // here and now, also if nobody drives this on.
        if is_written
            && self.queue.lock().is_empty()
            && let Some(held) = held
            && let Err(error) = held.mark().await
        {
            // This group is durable; the next is not written.
            self.fail(&error);
        }
    }

    fn group(&self, first: Append) -> Vec<Append> {
        let mut bytes = encoded_bytes(&first.batch);
        let mut group = vec![first];
        let mut queue = self.queue.lock();
        while let Some(next) = queue.pop_append(|batch| bytes + encoded_bytes(batch) <= GROUP_BYTES) {
            bytes += encoded_bytes(&next.batch);
            group.push(next);
        }
        group
    }

    /// What each append comes to, once all of it is durable; and whether there was anything to write.
    async fn write(
        &self,
        held: &mut Held,
        batches: Vec<(Term, Batch)>,
        callers: &mut Vec<Caller>,
    ) -> Result<(Vec<Answer>, bool), DiskError> {
        held.roll_if_due().await?;
        let mut answers: Vec<Answer> =
            batches.into_iter().map(|(term, batch)| self.stage(held, term, batch)).collect();
        // O3: an answer lets the coordinator act.
        if !self.config.rules.on(Rule::O3) {
            answer(callers, std::mem::take(&mut answers));
        }
        // Without a word written what is shown is durable already.
        let is_written = held.write().await?;
        Ok((answers, is_written))
    }

    fn stage(&self, held: &mut Held, term: Term, batch: Batch) -> Answer {
        let newest = held.term();
        if term != newest {
            return Err(AppendError::Deposed { term, newest });
        }
        // T4: checked in the one serial order of appends.
        if self.config.rules.on(Rule::T4) {
            held.image.check(&batch.expected)?;
        }
        Ok(held.stage(batch))
    }
}

/// Answers in the order of the calls.
fn answer(callers: &mut Vec<Caller>, answers: Vec<Answer>) {
    for ((done, _place), answer) in callers.drain(..).zip(answers) {
        // The caller may have gone.
        let _ = done.send(answer);
    }
}
