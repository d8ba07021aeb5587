//! A process that is signalled by its pid and never outlives its handle.

use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::eventually::wait_until;

/// How long a process may take to notice a signal. Generous: the machine may be busy.
const NOTICE: Duration = Duration::from_secs(15);

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `SIGKILL`, and waits until the process is gone: its ports and files are free afterwards.
    pub(crate) fn kill9(&mut self) -> ExitStatus {
        // Fails only where the process has ended by itself, and then there is nothing to do.
        let _ = self.0.kill();
        self.0.wait().expect("a child can be waited for")
    }

    /// `SIGTERM`; does not wait.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// `SIGSTOP`, and waits until the process has stopped: what is asked of it afterwards is
    /// certain to go unanswered.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let seen = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        wait_until(NOTICE, "a process to stop", || {
            waitid(WaitId::Pid(self.id()), seen).expect("a child can be waited for")
        });
    }

    /// `SIGCONT`.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be waited for")
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        wait_until(within, "a process to end by itself", || self.ended())
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn signal(&self, signal: Signal) {
        // Safe from hitting a stranger: the pid is not reused before it has been waited for,
        // and waiting takes `&mut self`.
        let _ = kill_process(self.id(), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}
