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

/// Hash tags and their slots. There is one tag in each range of 256 slots, so masters that hold equal numbers of slots hold
/// nearly equal numbers of buckets.
#[rustfmt::skip]
const TABLE: [(&str, u16); 64] = [
    ("b22", 237), ("b363", 332), ("b39", 695), ("b31", 959),
    ("b352", 1086), ("b13", 1439), ("b110", 1752), ("b118", 2000),
    ("b312", 2298), ("b53", 2395), ("b9", 2610), ("b1", 2874),
    ("b62", 3113), ("b323", 3464), ("b79", 3699), ("b71", 3963),
    ("b23", 4300), ("b362", 4461), ("b38", 4758), ("b30", 5022),
    ("b353", 5151), ("b12", 5566), ("b111", 5881), ("b119", 6129),
    ("b313", 6363), ("b52", 6522), ("b8", 6675), ("b0", 6939),
    ("b63", 7176), ("b322", 7593), ("b78", 7762), ("b70", 8026),
    ("b20", 8367), ("b28", 8615), ("b372", 8796), ("b33", 9213),
    ("b19", 9429), ("b11", 9693), ("b112", 9882), ("b343", 10030),
    ("b59", 10257), ("b51", 10521), ("b42", 10827), ("b3", 11128),
    ("b60", 11371), ("b68", 11619), ("b332", 11928), ("b73", 12089),
    ("b21", 12430), ("b29", 12678), ("b373", 12925), ("b32", 13276),
    ("b18", 13556), ("b10", 13820), ("b113", 14011), ("b342", 14095),
    ("b58", 14384), ("b50", 14648), ("b43", 14954), ("b2", 15193),
    ("b61", 15434), ("b69", 15682), ("b333", 16057), ("b72", 16152),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_256_slots_has_one_bucket() {
        for bucket in Bucket::all() {
            assert_eq!(usize::from(bucket.slot()) / 256, bucket.index());
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let mut counts = [0; BUCKETS];
        for id in 0..64_000 {
            counts[Bucket::of(&format!("user:{id}")).index()] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn the_hash_tag_comes_before_the_namespace() {
        let first = Bucket::all().next().unwrap();
        assert_eq!(first.prefix("{shop}:"), "{b22}{shop}:");
    }
}
