//! Patterns, the numbers that a ledger gives them, and what they cover.

/// What a removal names. Each pattern is one bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Patterns(u8);

impl Patterns {
    pub(crate) const NONE: Self = Self(0);
    /// A prefix of the key.
    pub(crate) const NARROW: Self = Self(1);
    /// A prefix of other keys, as long as the narrow one; the wide one is what the two have in common.
    pub(crate) const SIBLING: Self = Self(1 << 1);
    /// A shorter prefix of the key.
    pub(crate) const WIDE: Self = Self(1 << 2);
    /// A tag: only the value tells whether an entry carries it.
    pub(crate) const TAG: Self = Self(1 << 3);
    /// Whatever there is: what stands for the patterns that were pruned.
    pub(crate) const FLOOR: Self = Self(1 << 4);
    /// The key by its name: nothing of it is in the ledger.
    pub(crate) const KEY: Self = Self(1 << 5);

    pub(crate) const ALL: Self = Self(u8::MAX);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// They cover the key, whatever stands there.
    pub(crate) const fn cover_key(self) -> bool {
        self.has(Self(
            Self::NARROW.0 | Self::WIDE.0 | Self::FLOOR.0 | Self::KEY.0,
        ))
    }

    /// They cover an entry at the key, with the tag or without it.
    pub(crate) const fn cover(self, tagged: bool) -> bool {
        self.cover_key() || (tagged && self.has(Self::TAG))
    }
}

/// The patterns that a ledger holds; their places in [`Ledger::numbers`].
const PATTERNS: [Patterns; 5] = [
    Patterns::NARROW,
    Patterns::SIBLING,
    Patterns::WIDE,
    Patterns::TAG,
    Patterns::FLOOR,
];

/// The numbers of the five patterns, 0 where a pattern has none.
pub(crate) type Numbers = [u8; 5];

/// A ledger, in Redis or as a process knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// Its nonce; 0: there is no ledger.
    pub(crate) birth: u8,
    /// The largest number given. Numbers begin anew with a birth: no promise depends on a clock.
    pub(crate) counter: u8,
    pub(crate) numbers: Numbers,
}

impl Ledger {
    pub(crate) fn born(birth: u8) -> Self {
        Self {
            birth,
            ..Self::default()
        }
    }

    /// A removal: its number.
    pub(crate) fn raise(&mut self, patterns: Patterns) -> u8 {
        self.counter += 1;
        self.set(self.counter, patterns);
        self.counter
    }

    /// Gives the patterns a number, unless they have a larger one.
    pub(crate) fn set(&mut self, number: u8, patterns: Patterns) {
        for (pattern, own) in PATTERNS.into_iter().zip(&mut self.numbers) {
            if patterns.has(pattern) {
                *own = number.max(*own);
            }
        }
    }

    /// The largest number of a pattern that covers the key, or an entry's tag.
    pub(crate) fn covering(&self, tagged: bool) -> u8 {
        self.covering_but(Patterns::NONE, tagged)
    }

    /// The same, without some patterns.
    pub(crate) fn covering_but(&self, without: Patterns, tagged: bool) -> u8 {
        let covers = |pattern: &Patterns| pattern.cover(tagged) && !without.has(*pattern);
        let pairs = PATTERNS.into_iter().zip(self.numbers);
        pairs
            .filter(|(pattern, _)| covers(pattern))
            .map(|(_, number)| number)
            .max()
            .unwrap_or(0)
    }

    /// Another state of the same ledger: what is newer there than the largest number known here.
    pub(crate) fn hear(&mut self, news: &Self) {
        let known = self.counter;
        for (own, number) in self.numbers.iter_mut().zip(news.numbers) {
            if number > known {
                *own = number;
            }
        }
        self.counter = news.counter;
    }

    /// Takes patterns out; the numbers they had.
    pub(crate) fn take(&mut self, patterns: Patterns) -> Vec<u8> {
        let mut taken = Vec::new();
        for (pattern, number) in PATTERNS.into_iter().zip(&mut self.numbers) {
            if patterns.has(pattern) && *number > 0 {
                taken.push(*number);
                *number = 0;
            }
        }
        taken
    }
}

/// The largest number that some patterns have.
pub(crate) fn number(numbers: &Numbers, patterns: Patterns) -> u8 {
    let pairs = PATTERNS.into_iter().zip(numbers);
    pairs
        .filter(|(pattern, _)| patterns.has(*pattern))
        .map(|(_, number)| *number)
        .max()
        .unwrap_or(0)
}
