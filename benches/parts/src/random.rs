//! Numbers without a pattern, the same in each run.

/// xorshift64*: any even spread will do.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a start of its own; 0 is none.
    pub fn new(start: u64) -> Self {
        Self(start.max(1))
    }

    /// From 0 up to, but not including, the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 20) % limit
    }
}

/// Zipf's law with exponent 1: what is read as the second most often is read half as often as the first.
#[derive(Debug, Clone)]
pub struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    /// Over so many things, at least one.
    pub fn over(count: u32) -> Self {
        let mut sum = 0.0;
        let sums = (0..count.max(1)).map(|rank| {
            sum += 1.0 / f64::from(rank + 1);
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// A rank, from 0.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let whole = self.sums.last().copied().unwrap_or(1.0);
        let at = random.below(1 << 40) as f64 / (1_u64 << 40) as f64 * whole;
        let rank = self.sums.partition_point(|sum| *sum < at);
        rank.min(self.sums.len() - 1) as u32
    }
}
