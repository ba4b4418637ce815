//! quinn's tasks and timers on a thread that the assembly chose.

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use std::{future::Future, io, pin::Pin, sync::Arc, time::Instant};
use tokio::runtime::Handle;

/// quinn's view of one runtime, whichever thread calls: quinn spawns a connection's task where it is dialled.
#[derive(Debug)]
pub(super) struct On(pub(super) Handle);

impl Runtime for On {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let _entered = self.0.enter();
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // quinn ends its own tasks when the endpoint and the connections are closed.
        self.0.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let _entered = self.0.enter();
        TokioRuntime.wrap_udp_socket(socket)
    }
}
