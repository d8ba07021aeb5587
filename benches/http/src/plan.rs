//! The order of reads and writes, the same for every contender: reads by Zipf's law over all keys, writes evenly over the
//! groups.

use bench_parts::random::{Random, Zipf};

use crate::page::{GROUPS, KEYS, PAGES};

/// One write for so many other operations. With the read that follows each write, 5 % of all requests are writes.
const READS_FOR_A_WRITE: u64 = 18;
const LENGTH: usize = 1 << 17;

#[derive(Clone, Copy)]
pub enum Operation {
    Read(Key),
    Write(u32),
}

#[derive(Clone, Copy)]
pub struct Key {
    pub group: u32,
    pub page: u32,
}

pub struct Plan {
    operations: Vec<Operation>,
    /// Of each group, its page that is read most.
    hottest: Vec<u32>,
}

impl Key {
    /// The key that is read as the `rank`th most often: neighbours in rank are in different groups.
    pub fn of_rank(rank: u32) -> Self {
        let place = rank * 7919 % KEYS; // 7919 and the number of keys have no common factor
        Self {
            group: place / PAGES,
            page: place % PAGES,
        }
    }
}

impl Plan {
    pub fn new() -> Self {
        let keys = Zipf::over(KEYS);
        let mut random = Random::new(0x9E37_79B9_7F4A_7C15);
        let operations = (0..LENGTH).map(|_| {
            if random.below(READS_FOR_A_WRITE + 1) == 0 {
                return Operation::Write(random.below(u64::from(GROUPS)) as u32);
            }
            Operation::Read(Key::of_rank(keys.draw(&mut random)))
        });
        let operations = operations.collect();
        let hottest = |group| {
            let keys = (0..KEYS).map(Key::of_rank);
            let mut own = keys.filter(|key| key.group == group);
            own.next().map_or(0, |key| key.page)
        };
        Self {
            operations,
            hottest: (0..GROUPS).map(hottest).collect(),
        }
    }

    /// Without end, from a place of its own for each of so many callers.
    pub fn from(&self, caller: usize, callers: usize) -> impl Iterator<Item = Operation> + '_ {
        let start = self.operations.len() / callers * caller;
        self.operations.iter().cycle().skip(start).copied()
    }

    pub fn hottest_of(&self, group: u32) -> Key {
        Key {
            group,
            page: self.hottest[group as usize],
        }
    }
}
