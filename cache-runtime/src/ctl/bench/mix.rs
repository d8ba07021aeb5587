//! How many of a hundred operations are reads, writes and removals.

use crate::common::random;
use crate::ctl::failure::Failure;

/// The next operation of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A read of an entry in Redis: the memory tier is left out.
    Read,
    /// A read that memory may answer.
    NearRead,
    /// A write by hand.
    Write,
    /// A miss: lease, body, store.
    Load,
    /// A removal of one key.
    RemoveKey,
    /// A removal by prefix, as far as a function's `invalidates` waits for it.
    RemovePrefix,
}

pub(super) const OPERATIONS: [Operation; 6] = [
    Operation::Read,
    Operation::NearRead,
    Operation::Write,
    Operation::Load,
    Operation::RemoveKey,
    Operation::RemovePrefix,
];

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read from Redis",
            Self::NearRead => "read, memory first",
            Self::Write => "write",
            Self::Load => "miss: lease and load",
            Self::RemoveKey => "removal by key",
            Self::RemovePrefix => "removal by prefix",
        }
    }

    /// The plain commands that it is compared with.
    pub(super) fn plain(self) -> &'static str {
        match self {
            Self::Read | Self::NearRead => "GET",
            Self::Write => "SET PX",
            Self::Load => "GET, SET NX PX",
            Self::RemoveKey | Self::RemovePrefix => "UNLINK",
        }
    }
}

/// Shares of reads, writes and removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mix {
    reads: u32,
    writes: u32,
    removals: u32,
}

impl Mix {
    /// `80:15:5`
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let shares: Option<Vec<u32>> = text
            .split(':')
            .map(|share| share.trim().parse().ok())
            .collect();
        match shares.as_deref() {
            Some([reads, writes, removals])
                if [reads, writes, removals]
                    .iter()
                    .all(|share| **share <= 1_000)
                    && reads + writes + removals > 0 =>
            {
                Ok(Self {
                    reads: *reads,
                    writes: *writes,
                    removals: *removals,
                })
            }
            _ => Err(Failure::usage(format!(
                "--mix {text}: give three numbers up to 1000, such as 80:15:5"
            ))
            .because("they are the shares of reads, writes and removals")),
        }
    }

    /// Chosen at random: of reads and writes one in two is of either kind, and likewise of removals.
    pub(super) fn next(self) -> Operation {
        let all = self.reads + self.writes + self.removals;
        self.at(
            (random::fraction() * f64::from(all)) as u32,
            random::fraction() < 0.5,
        )
    }

    fn at(self, place: u32, first: bool) -> Operation {
        match (place, first) {
            (place, true) if place < self.reads => Operation::Read,
            (place, false) if place < self.reads => Operation::NearRead,
            (place, true) if place < self.reads + self.writes => Operation::Write,
            (place, false) if place < self.reads + self.writes => Operation::Load,
            (_, true) => Operation::RemoveKey,
            (_, false) => Operation::RemovePrefix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_they_say() {
        let mix = Mix::parse("80:15:5").unwrap();
        assert_eq!(mix.at(79, true), Operation::Read);
        assert_eq!(mix.at(80, false), Operation::Load);
        assert_eq!(mix.at(95, false), Operation::RemovePrefix);
        assert_eq!(
            Mix::parse("0:0:1").unwrap().at(0, true),
            Operation::RemoveKey
        );
        for text in [
            "",
            "1",
            "1:2",
            "0:0:0",
            "a:b:c",
            "1:2:3:4",
            "-1:2:3",
            "4000000000:1:1",
        ] {
            assert_eq!(Mix::parse(text).unwrap_err().code, 2, "{text}");
        }
    }
}
