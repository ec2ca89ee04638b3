//! A deterministic executor: one thread, tasks in the order in which they were woken, time only when
//! everybody waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::task::{ArcWake, waker};

use super::virtual_clock::VirtualClock;
use crate::lock::lock;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks on a [`VirtualClock`]. The same tasks run in the same order every time.
///
/// ```
/// use lockkeeper::testing::{Executor, VirtualClock};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let mut executor = Executor::new(&clock);
/// for seconds in [3, 1, 2] {
///     let runtime = clock.runtime();
///     executor.spawn(async move { runtime.sleep(Duration::from_secs(seconds)).await });
/// }
/// executor.run()?;
/// assert_eq!(clock.elapsed(), Duration::from_secs(3));
/// # Ok::<(), lockkeeper::testing::Hung>(())
/// ```
pub struct Executor {
    clock: VirtualClock,
    tasks: Vec<Option<Task>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

/// Tasks wait for something that no timer will bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hung {
    /// How many tasks.
    pub tasks: usize,
}

impl fmt::Display for Hung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks wait for something that no timer will bring", self.tasks)
    }
}

impl std::error::Error for Hung {}

impl Executor {
    /// An executor without tasks.
    #[must_use]
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), tasks: Vec::new(), ready: Arc::default() }
    }

    /// Adds a task, to run when [`run`](Self::run) does.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        lock(&self.ready).push_back(self.tasks.len());
        self.tasks.push(Some(Box::pin(task)));
    }

    /// Runs all tasks to their ends.
    ///
    /// # Errors
    /// [`Hung`] where that can't be.
    pub fn run(mut self) -> Result<(), Hung> {
        while self.step() {}
        match self.tasks.iter().flatten().count() {
            0 => Ok(()),
            tasks => Err(Hung { tasks }),
        }
    }

    /// Runs `future` to its end, along with the tasks.
    ///
    /// # Panics
    /// Where the future waits for something that no timer and no task will bring.
    pub fn block_on<T>(mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let index = self.tasks.len();
        self.tasks.push(None);
        let waker = self.waker(index);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            // Whoever else is woken goes first, so that no one starves.
            loop {
                let woken = lock(&self.ready).contains(&index);
                if woken {
                    lock(&self.ready).retain(|&task| task != index);
                    break;
                }
                assert!(self.step(), "the future waits for something that no timer will bring");
            }
        }
    }

    /// Polls the next woken task, or else rings the next timer. False if there is neither.
    fn step(&mut self) -> bool {
        let next = lock(&self.ready).pop_front();
        let Some(index) = next else { return self.clock.ring_next(None) };
        let waker = self.waker(index);
        if let Some(slot) = self.tasks.get_mut(index)
            && let Some(task) = slot
            && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *slot = None;
        }
        true
    }

    fn waker(&self, index: usize) -> Waker {
        waker(Arc::new(Wake { index, ready: self.ready.clone() }))
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

struct Wake {
    index: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl ArcWake for Wake {
    fn wake_by_ref(this: &Arc<Self>) {
        let mut ready = lock(&this.ready);
        if !ready.contains(&this.index) {
            ready.push_back(this.index);
        }
    }
}
