//! Ctrl-C, as something that the story can ask for and wait for.

use std::{io, thread};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Set by SIGINT, SIGTERM and SIGHUP.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on, on a thread of its own, to the end of the process.
    pub fn listen() -> io::Result<Self> {
        let (set, is_set) = watch::channel(false);
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _inside = runtime.enter();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            kinds.map(signal)
        };
        let [interrupt, terminate, hangup] = signals;
        let (mut interrupt, mut terminate, mut hangup) = (interrupt?, terminate?, hangup?);
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                let any = futures_util::future::select_all([
                    Box::pin(interrupt.recv()),
                    Box::pin(terminate.recv()),
                    Box::pin(hangup.recv()),
                ]);
                any.await;
                // Nobody listens any more: the process ends anyway.
                let _ = set.send(true);
                // So that a second Ctrl-C is not lost on a listener that is gone.
                set.closed().await;
            });
        })?;
        Ok(Self(is_set))
    }

    /// Whether it came.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when it comes.
    pub async fn wait(&self) {
        let mut is_set = self.0.clone();
        if is_set.wait_for(|is_set| *is_set).await.is_err() {
            futures_util::future::pending::<()>().await;
        }
    }
}
