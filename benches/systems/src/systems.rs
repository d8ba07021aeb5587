//! What is asked of each example, and what the descriptions that it follows report of themselves.

mod articles;
mod job_board;
mod payroll;

use std::time::Duration;

use bench_parts::random::{Random, Zipf};

use crate::ask::Ask;

pub(crate) struct System {
    /// As on the command line of `serve`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What its tables hold, and what takes time in them.
    pub(crate) text: String,
    /// How many have to sign in.
    pub(crate) users: u32,
    pub(crate) rows: Vec<Row>,
    /// Rows that are measured again with a database so far away.
    pub(crate) far: Option<(Duration, &'static [usize])>,
    /// A page that nobody has asked for, and then one for a hundred requests.
    pub(crate) fresh: fn(u32) -> Ask,
    /// What its readers do.
    pub(crate) kinds: Vec<Kind>,
    /// A write for so many requests.
    pub(crate) reads_for_a_write: u64,
    pub(crate) write: fn(u32) -> Ask,
    /// Requests a second: as many as the service bears without the cache, and more.
    pub(crate) rates: [u32; 2],
    /// All TTLs of the mix, by the name of their variables.
    pub(crate) lifetimes: &'static [&'static str],
    pub(crate) theirs: Theirs,
}

/// A row of the first table: requests of one kind, as many different ones as `distinct` says.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) ask: fn(u32) -> Ask,
    pub(crate) distinct: u32,
    /// Nothing of it is cached.
    pub(crate) uncached: bool,
}

impl Row {
    fn new(name: &'static str, theirs: &'static str, distinct: u32, ask: fn(u32) -> Ask) -> Self {
        Self {
            name,
            theirs,
            ask,
            distinct,
            uncached: false,
        }
    }
}

/// Figures that a description reports of itself.
pub(crate) struct Theirs {
    pub(crate) together: &'static str,
    pub(crate) one_page: &'static str,
    pub(crate) mix: &'static str,
    pub(crate) hit_rate: &'static str,
}

/// Requests of one kind in the mix. Which one is drawn by Zipf's law.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    weight: u64,
    ranks: Zipf,
    ask: fn(u32) -> Ask,
}

impl Kind {
    fn new(name: &'static str, weight: u64, distinct: u32, ask: fn(u32) -> Ask) -> Self {
        Self {
            name,
            weight,
            ranks: Zipf::over(distinct),
            ask,
        }
    }
}

impl System {
    /// A read of the mix, and the place of its kind.
    pub(crate) fn read(&self, random: &mut Random) -> (usize, Ask) {
        let whole = self.kinds.iter().map(|kind| kind.weight).sum();
        let mut left = random.below(whole);
        for (place, kind) in self.kinds.iter().enumerate() {
            if left < kind.weight {
                return (place, (kind.ask)(kind.ranks.draw(random)));
            }
            left -= kind.weight;
        }
        unreachable!("a number below the sum of the weights")
    }

    /// A request of the mix: a read, or now and then a write.
    pub(crate) fn request(&self, random: &mut Random, number: u32) -> Ask {
        match random.below(self.reads_for_a_write) {
            0 => (self.write)(number),
            _ => self.read(random).1,
        }
    }
}

pub(crate) fn all() -> Vec<System> {
    vec![job_board::system(), articles::system(), payroll::system()]
}
