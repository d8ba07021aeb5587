//! Whether the leader of a flight is alive: its future is being polled, or is polled when it is woken.
//!
//! A caller may hold the future of its call and never poll it again: `select!` takes another branch, and the first
//! future lives on until the end of its scope. Such a leader is not dropped, so nobody takes over, and its waiters
//! would wait for ever. So those who depend on a leader look at its pulse now and then, and wake it. A leader that is
//! woken several times and not polled counts as dead.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;

thread_local! {
    /// The leaders whose bodies this thread is polling, the innermost last.
    static DRIVEN: RefCell<Vec<*const Pulse>> = const { RefCell::new(Vec::new()) };
}

/// Time between two looks at a pulse.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A leader is dead after this many looks in a row without a sign of life. There are several looks, not one after a
/// longer time, so that a process that was short of processor time can run between them.
const LOOKS: u32 = 4;

/// The signs of life of a leader.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Counts up. Odd: the body is being polled now, however long that takes.
    beats: AtomicU64,
    waker: Mutex<Option<Waker>>,
    /// The view of the supervisor, which renews the leader's lease.
    supervisor: Mutex<Watch>,
    dead: AtomicBool,
}

impl Pulse {
    /// A sign of life of a leader that has not begun its body.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(2, SeqCst);
    }

    /// Runs a future of the leader's; each poll is a sign of life.
    pub(crate) async fn drive<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            {
                let mut waker = self.waker.lock();
                if !waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(context.waker()))
                {
                    *waker = Some(context.waker().clone());
                }
            }
            let _driving = Driving::begin(self);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Runs a body that is not a future.
    pub(crate) fn drive_now<T>(&self, body: impl FnOnce() -> T) -> T {
        let _driving = Driving::begin(self);
        body()
    }

    /// The supervisor's look at the pulse. True: the leader is dead.
    pub(crate) fn is_found_dead_by_supervisor(&self) -> bool {
        let look = self.supervisor.lock().look(self, 0);
        look.wake()
    }

    /// True if some thread is polling the leader's body.
    pub(crate) fn is_being_polled(&self) -> bool {
        self.beats.load(SeqCst) % 2 == 1
    }

    /// True if the calling thread is polling the leader's body: the caller is called by that body.
    pub(crate) fn is_driven_here(&self) -> bool {
        driven_here(|driven| driven.contains(&std::ptr::from_ref(self)))
    }

    /// True if somebody has found the leader dead.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }
}

/// True if the calling thread is inside the body of some leader.
pub(crate) fn is_driving() -> bool {
    driven_here(|driven| !driven.is_empty())
}

/// Looks at the leaders of this thread. A thread that ends has forgotten them when its last destructors run; these may call
/// cached functions, too.
fn driven_here(look: impl FnOnce(&[*const Pulse]) -> bool) -> bool {
    let look = |driven: &RefCell<Vec<_>>| look(&driven.borrow());
    DRIVEN.try_with(look).unwrap_or(false)
}

/// One poll of a leader's body.
struct Driving<'a>(&'a Pulse);

impl<'a> Driving<'a> {
    fn begin(pulse: &'a Pulse) -> Self {
        pulse.beats.fetch_add(1, SeqCst);
        let push = |driven: &RefCell<Vec<_>>| driven.borrow_mut().push(std::ptr::from_ref(pulse));
        let _ = DRIVEN.try_with(push);
        Self(pulse)
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|driven| driven.borrow_mut().pop());
        self.0.beats.fetch_add(1, SeqCst);
    }
}

/// One observer's view of a pulse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    seen: u64,
    silent: u32,
}

impl Watch {
    /// Looks at the pulse, and wakes a leader that has given no sign of life since the last look. True: the leader is
    /// dead. `more`: looks that are granted beyond the usual number.
    pub(crate) fn finds_dead(&mut self, pulse: &Pulse, more: u32) -> bool {
        self.look(pulse, more).wake()
    }

    fn look(&mut self, pulse: &Pulse, more: u32) -> Look {
        let beats = pulse.beats.load(SeqCst);
        if beats % 2 == 1 || beats != self.seen {
            self.seen = beats;
            self.silent = 0;
            return Look::Alive;
        }
        self.silent += 1;
        if self.silent >= LOOKS + more {
            pulse.dead.store(true, SeqCst);
            return Look::Dead;
        }
        Look::Silent(pulse.waker.lock().clone())
    }
}

/// The result of a look at a pulse.
enum Look {
    Alive,
    /// To be woken.
    Silent(Option<Waker>),
    Dead,
}

impl Look {
    /// Wakes a silent leader, with no lock held, because a waker may run any code. True: the leader is dead.
    fn wake(self) -> bool {
        match self {
            Self::Alive | Self::Silent(None) => false,
            Self::Silent(Some(waker)) => {
                waker.wake();
                false
            }
            Self::Dead => true,
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::task::{Context, Poll};

    use super::*;

    fn looks_until_dead(pulse: &Pulse) -> usize {
        let mut watch = Watch::default();
        (1..20)
            .find(|_| watch.finds_dead(pulse, 0))
            .expect("dead in the end")
    }

    #[test]
    fn a_leader_that_nobody_polls_is_dead_after_some_looks() {
        let pulse = Pulse::default();
        assert_eq!(looks_until_dead(&pulse), LOOKS as usize);
        pulse.beat();
        assert_eq!(looks_until_dead(&pulse), LOOKS as usize + 1);
        assert!(pulse.is_dead());
    }

    #[tokio::test]
    async fn a_leader_that_waits_is_woken_and_lives() {
        let pulse = Arc::new(Pulse::default());
        let driven = pulse.clone();
        tokio::spawn(async move { driven.drive(std::future::pending::<()>()).await });
        let mut watch = Watch::default();
        for _ in 0..20 {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert!(!watch.finds_dead(&pulse, 0));
        }
    }

    #[test]
    fn a_leader_that_computes_lives() {
        let pulse = Arc::new(Pulse::default());
        let mut watch = Watch::default();
        let looking = pulse.clone();
        let mut body = pin!(pulse.drive(async {
            assert!(looking.is_driven_here());
            for _ in 0..20 {
                assert!(!watch.finds_dead(&looking, 0));
            }
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(body.as_mut().poll(&mut context), Poll::Ready(()));
        assert!(!pulse.is_driven_here());
    }
}
