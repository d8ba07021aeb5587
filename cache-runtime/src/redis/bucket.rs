//! The buckets into which the keys of a namespace are divided in a Redis Cluster.
//!
//! A cluster assigns each key to one of 16,384 slots, and each slot to a master. If a key contains a *hash tag*, a text in
//! braces, only that text decides the slot. All keys of a bucket begin with its hash tag. So everything that belongs
//! together, the entries of a bucket, their leases and the ledger of their removals, is in one slot: one master has all of
//! it, and if the slot moves to another master, all of it moves.

use xxhash_rust::xxh3::xxh3_64;

/// One part of a namespace, whose keys share a slot of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(usize);

/// How many buckets there are. All processes must agree: another number, or another table, is another cache.
pub(crate) const BUCKETS: usize = TABLE.len();

impl Bucket {
    /// The bucket of a key. The key is without the namespace.
    pub(crate) fn of(key: &str) -> Self {
        Self((xxh3_64(key.as_bytes()) % BUCKETS as u64) as usize)
    }

    /// All buckets, in the order of their slots.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..BUCKETS).map(Self)
    }

    /// Its position in [`Bucket::all`].
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// The slot of its keys.
    pub(in crate::redis) fn slot(self) -> u16 {
        TABLE[self.0].1
    }

    /// The beginning of its keys: the hash tag, then the namespace.
    pub(crate) fn prefix(self, namespace: &str) -> String {
        format!("{{{}}}{namespace}", TABLE[self.0].0)
    }
}

/// Hash tags and their slots. There is one tag in each range of 1,024 slots, near its middle, so masters that hold equal
/// numbers of slots hold nearly equal numbers of buckets. More buckets would spread the keys over more masters and more
/// evenly, but a removal by pattern costs one script for each.
#[rustfmt::skip]
const TABLE: [(&str, u16); 16] = [
    ("b39", 695), ("b13", 1439), ("b40", 2569), ("b88", 3692),
    ("b38", 4758), ("b12", 5566), ("b56", 6654), ("b89", 7757),
    ("b28", 8615), ("b11", 9693), ("b42", 10827), ("b99", 11644),
    ("b29", 12678), ("b10", 13820), ("b54", 14780), ("b98", 15709),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_1024_slots_has_one_bucket() {
        for bucket in Bucket::all() {
            assert_eq!(usize::from(bucket.slot()) / 1024, bucket.index());
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let mut counts = [0; BUCKETS];
        for id in 0..64_000 {
            counts[Bucket::of(&format!("user:{id}")).index()] += 1;
        }
        assert!(
            counts.iter().all(|count| (3_700..4_300).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_hash_tag_comes_before_the_namespace() {
        let first = Bucket::all().next().unwrap();
        assert_eq!(first.prefix("{shop}:"), "{b39}{shop}:");
    }
}
