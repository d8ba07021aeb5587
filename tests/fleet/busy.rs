//! A machine that is busy with something else: processes run late, and at moments that nobody chose.

use std::hint;
use std::io;
use std::thread;

/// Puts this process, and what it starts from now on, on one core, and keeps that core busy with so many threads. None: does
/// nothing.
pub(crate) fn keep(threads: u32) -> io::Result<()> {
    if threads == 0 {
        return Ok(());
    }
    share_one_core()?;
    for _ in 0..threads {
        thread::spawn(|| {
            loop {
                hint::spin_loop();
            }
        });
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn share_one_core() -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    if let Some(core) = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)) {
        one.set(core);
        sched_setaffinity(None, &one)?;
    }
    Ok(())
}

/// Elsewhere a process cannot choose its core; there are only more threads than cores.
#[cfg(not(target_os = "linux"))]
fn share_one_core() -> io::Result<()> {
    Ok(())
}
