//! A deterministic executor: one thread, tasks in the order in which they were woken, time only when
//! everybody waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::task::{ArcWake, waker};

use super::virtual_clock::VirtualClock;
use crate::lock::lock;

/// So often tasks may be polled at one moment; more are tasks that wake each other for ever, while
/// the time that they wait for stands still.
const MOST_STEPS_AT_ONE_MOMENT: usize = 1_000_000;

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
    moment: Duration,
    steps_at_moment: usize,
}

/// Tasks wait for something that no timer will bring, or wake each other without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hung {
    /// How many tasks.
    pub tasks: usize,
}

impl fmt::Display for Hung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks wait for what no timer will bring, or spin", self.tasks)
    }
}

impl std::error::Error for Hung {}

impl Executor {
    /// An executor without tasks.
    #[must_use]
    pub fn new(clock: &VirtualClock) -> Self {
        Self {
            clock: clock.clone(),
            tasks: Vec::new(),
            ready: Arc::default(),
            moment: clock.elapsed(),
            steps_at_moment: 0,
        }
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
                assert!(self.step(), "the future waits for what no timer will bring, or spins");
            }
        }
    }

    /// Polls the next woken task, or else rings the next timer. False if there is neither, or no end
    /// of them.
    fn step(&mut self) -> bool {
        if self.spins() {
            return false;
        }
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

    fn spins(&mut self) -> bool {
        let now = self.clock.elapsed();
        if now != self.moment {
            (self.moment, self.steps_at_moment) = (now, 0);
        }
        self.steps_at_moment += 1;
        self.steps_at_moment > MOST_STEPS_AT_ONE_MOMENT
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_spin_are_told_of() {
        let clock = VirtualClock::new();
        let mut executor = Executor::new(&clock);
        executor.spawn(std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!(executor.run(), Err(Hung { tasks: 1 }));
    }

    #[test]
    fn tasks_that_wait_for_nothing_are_told_of() {
        let mut executor = Executor::new(&VirtualClock::new());
        executor.spawn(std::future::pending());
        executor.spawn(async {});
        assert_eq!(executor.run(), Err(Hung { tasks: 1 }));
    }
}
