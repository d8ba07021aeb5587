//! What a process asks the ledger's master for.

use super::protocol::{Cluster, Next, add};
use super::safeguard::Safeguard::{Flush, Merge, ReadOnNewLedger, ReignOrder, WholeRead};
use super::state::{Asking, Era, Ledger, Link, Mode, State};

pub(crate) fn steps(cluster: &Cluster, state: &State, next: &mut Next) {
    for process in 0..state.processes.len() {
        let here = &state.processes[process];
        match here.asking {
            Asking::Nothing => ask(state, process, next),
            Asking::Sent => answer(cluster, state, process, next),
            Asking::Ran {
                era,
                ledger,
                deposed,
            } => {
                let mut after = state.clone();
                after.processes[process].asking = Asking::Nothing;
                after.read(cluster, process, era, ledger);
                after.processes[process].misled = deposed;
                add(next, "the ledger is read", process, after);
            }
        }
        if here.behind {
            let mut after = state.clone();
            after.notice(cluster, process);
            add(
                next,
                "notices that the ledger has a new master",
                process,
                after,
            );
        }
    }
}

fn ask(state: &State, process: usize, next: &mut Next) {
    let waits = |mode| mode == Mode::Subscribed;
    if !state.processes[process]
        .links
        .iter()
        .any(|link| waits(link.mode))
    {
        return;
    }
    let mut after = state.clone();
    let here = &mut after.processes[process];
    here.asking = Asking::Sent;
    for link in here.links.iter_mut().filter(|link| waits(link.mode)) {
        link.mode = Mode::Asking;
    }
    add(next, "asks for the ledger", process, after);
}

fn answer(cluster: &Cluster, state: &State, process: usize, next: &mut Next) {
    if !state.reaches_ledger(process) {
        return;
    }
    let mut after = state.clone();
    let deposed = state.processes[process].behind;
    let (era, ledger) = after.ledger(cluster, process);
    after.processes[process].asking = Asking::Ran {
        era,
        ledger: *ledger,
        deposed,
    };
    add(next, "the ledger's master answers", process, after);
}

impl State {
    pub(crate) fn reaches_ledger(&self, process: usize) -> bool {
        !self.processes[process].behind || self.keeper.deposed.is_some()
    }

    /// The ledger as the process reaches it; where there is none, it is born.
    pub(crate) fn ledger(&mut self, cluster: &Cluster, process: usize) -> (Era, &mut Ledger) {
        let keeper = &mut self.keeper;
        let (reign, birth, ledger) = match &mut keeper.deposed {
            Some((birth, ledger)) if self.processes[process].behind => {
                (keeper.reign - 1, birth, ledger)
            }
            _ => (keeper.reign, &mut keeper.birth, &mut keeper.ledger),
        };
        if *birth == 0 {
            keeper.births += 1;
            (*birth, *ledger) = (keeper.births, Ledger::default());
        }
        (cluster.era(reign, *birth), ledger)
    }

    /// The buckets that waited for the ledger open.
    fn read(&mut self, cluster: &Cluster, process: usize, era: Era, ledger: Ledger) {
        let here = &mut self.processes[process];
        if era.reign < here.heard.max(here.era.reign) && cluster.on(ReignOrder) {
            let asking = |link: &&mut Link| link.mode == Mode::Asking;
            let waits = |link: &mut Link| link.mode = Mode::Subscribed;
            return here.links.iter_mut().filter(asking).for_each(waits);
        }
        if here.era != era {
            (here.era, here.known) = (era, Ledger::default());
        }
        let mut news = ledger;
        if !cluster.on(WholeRead) {
            let known = here.known.counter;
            let is_old = |number: &&mut u8| **number <= known;
            news.numbers
                .iter_mut()
                .filter(is_old)
                .for_each(|number| *number = 0);
        }
        if cluster.on(Merge) {
            here.known.merge(news);
        } else {
            here.known = news;
        }
        for link in &mut here.links {
            if link.mode == Mode::Asking {
                link.mode = Mode::Open;
                if cluster.on(Flush) {
                    link.copy = None;
                }
            }
        }
    }

    /// Another connection, to the master that reigns now.
    pub(crate) fn notice(&mut self, cluster: &Cluster, process: usize) {
        let here = &mut self.processes[process];
        here.behind = false;
        here.asking = Asking::Nothing;
        for link in &mut here.links {
            let open = link.mode == Mode::Open && cluster.on(ReadOnNewLedger);
            if link.mode == Mode::Asking || open {
                link.mode = Mode::Subscribed;
            }
        }
        if !cluster.prompt {
            self.repeat_recent(cluster, process);
        }
    }
}
