//! Where connections live.
//!
//! A connection is looked after by tasks of the runtime that it was made on, and ends with it. On the
//! caller's own a request crosses no threads, which is a third of what it costs; so connections live
//! there wherever that runtime goes on whatever its callers do: where it has threads of its own, and the
//! one that asks is not held up until the answer is there. Everybody else's live on one runtime of the
//! library's own, which never ends.

use std::future::{pending, poll_fn};
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::task::{Poll, RawWakerVTable, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle, Id, Runtime, RuntimeFlavor};
use tokio::task::AbortHandle;

use crate::lock::lock;
use crate::platform::TransportError;

use super::reqwest_transport::Clients;

/// Threads that look after connections. Reading and writing sockets is little work: one does it for tens of
/// thousands of requests a second, and two would wake each other.
const THREADS: usize = 1;

/// So many runtimes of callers have connections of their own at a time.
const MOST_RUNTIMES: usize = 16;

/// Clients, with the connections of each on one runtime.
#[derive(Debug)]
pub struct Connections {
    own: Clients,
    /// None for a client that is the caller's: its connections would be used on other runtimes, too,
    /// than the one that they live on.
    callers: Option<Arc<Callers>>,
}

type Callers = Mutex<Vec<OnRuntime>>;

/// The connections on a caller's runtime.
#[derive(Debug)]
struct OnRuntime {
    runtime: Id,
    /// None where connections can't live there.
    clients: Option<Clients>,
    /// The task that ends with the runtime.
    leaving: Option<AbortHandle>,
}

impl Drop for OnRuntime {
    fn drop(&mut self) {
        if let Some(leaving) = &self.leaving {
            leaving.abort();
        }
    }
}

/// The runtime of a request's connection.
pub struct Home {
    runtime: Handle,
    is_callers: bool,
}

impl Connections {
    /// Those of `clients`, all on the library's own runtime.
    pub fn apart(clients: Clients) -> Self {
        Self { own: clients, callers: None }
    }

    /// Those of `clients`, and of others like them on callers' runtimes.
    pub fn near_callers(clients: Clients) -> Self {
        Self { own: clients, callers: Some(Arc::default()) }
    }

    /// Where a request's connection is to live that is polled now, for `waker`, and the clients for it.
    ///
    /// # Errors
    /// Where it is to be the library's own runtime, and that can't be started.
    pub fn home(&self, waker: &Waker) -> Result<(Home, Clients), TransportError> {
        if let Some(callers) = &self.callers
            && let Some(runtime) = callers_runtime(waker)
            && let Some(clients) = clients_on(&runtime, callers)
        {
            return Ok((Home { runtime, is_callers: true }, clients));
        }
        let runtime = own_runtime()?.clone();
        Ok((Home { runtime, is_callers: false }, self.own.clone()))
    }
}

impl Home {
    /// What is done until the guard is dropped is done on this runtime.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Whether the runtime has ended. Who is polled by it need not ask.
    pub fn has_ended(&self) -> bool {
        self.is_callers
            && Handle::try_current().map_or(true, |current| current.id() != self.runtime.id())
            && has_ended(&self.runtime)
    }
}

/// The runtime that this is polled on, if that goes on whatever is polled here.
fn callers_runtime(waker: &Waker) -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    // With one thread all stands still between two times of `block_on`.
    let has_threads = runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
    // A task that blocks on its call keeps its thread, and maybe the connection's task, from going on. Then
    // it is not the task that is to be woken.
    let is_held_up = || tokio::task::try_id().is_some() && !wakes_task(waker);
    (has_threads && !is_held_up()).then_some(runtime)
}

/// Whether this is the waker of a tokio task itself.
fn wakes_task(waker: &Waker) -> bool {
    static OF_TASKS: OnceLock<Option<&'static RawWakerVTable>> = OnceLock::new();
    let of_tasks = OF_TASKS.get_or_init(|| {
        let (told, tells) = mpsc::channel();
        own_runtime().ok()?.spawn(poll_fn(move |cx| {
            let _ = told.send(cx.waker().vtable());
            Poll::Ready(())
        }));
        tells.recv().ok()
    });
    of_tasks.is_some_and(|of_tasks| std::ptr::eq(of_tasks, waker.vtable()))
}

/// The clients whose connections are on a caller's runtime, made when they are first asked for.
fn clients_on(runtime: &Handle, callers: &Arc<Callers>) -> Option<Clients> {
    let id = runtime.id();
    let mut all = lock(callers);
    if let Some(known) = all.iter().find(|known| known.runtime == id) {
        return known.clients.clone();
    }
    if all.len() == MOST_RUNTIMES {
        return None;
    }
    let clients = if has_drivers(runtime) { Clients::new().ok() } else { None };
    all.push(OnRuntime { runtime: id, clients, leaving: None });
    drop(all);
    let leaving = Leaving { runtime: id, callers: Arc::downgrade(callers) };
    let leaving = runtime.spawn(async move {
        let _leaving = leaving;
        pending::<()>().await;
    });
    // Of a runtime that had ended before, nothing is known any more.
    let mut all = lock(callers);
    let known = all.iter_mut().find(|known| known.runtime == id)?;
    known.leaving = Some(leaving.abort_handle());
    known.clients.clone()
}

/// Held by a task that never ends, so that it is dropped when its runtime is. Then the connections there
/// are forgotten, since the runtime's number may be another's next.
struct Leaving {
    runtime: Id,
    callers: Weak<Callers>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let Some(callers) = self.callers.upgrade() else { return };
        let mut all = lock(&callers);
        let place = all.iter().position(|known| known.runtime == self.runtime);
        let left = place.map(|place| all.swap_remove(place));
        drop((all, left)); // the lock first
    }
}

/// Whether a runtime was built with what connections need. There is no asking: tokio panics where not.
fn has_drivers(runtime: &Handle) -> bool {
    let _entered = runtime.enter();
    let tried = catch_unwind(|| {
        drop(tokio::time::sleep(Duration::ZERO));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        tokio::net::UdpSocket::from_std(socket)
    });
    matches!(tried, Ok(Ok(_)))
}

/// Whether a runtime takes no more tasks.
fn has_ended(runtime: &Handle) -> bool {
    let task = runtime.spawn(pending::<()>());
    let has_ended = task.is_finished();
    task.abort();
    has_ended
}

/// The library's own runtime.
pub fn own_runtime() -> Result<&'static Handle, TransportError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("lockkeeper-net").enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    runtime.as_ref().map(Runtime::handle).map_err(TransportError::fatal)
}
