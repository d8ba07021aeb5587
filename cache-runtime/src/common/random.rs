//! Random bits: lease tokens, entry ids, jitter.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// 128 bits that nobody can guess or repeat.
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // The system gives no random bits. A lease needs bits that are unique within the machine, so mix time, process
        // id and a counter.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let mixed = xxhash_rust::xxh3::xxh3_128(
            format!(
                "{now:?} {} {}",
                std::process::id(),
                COUNT.fetch_add(1, Relaxed)
            )
            .as_bytes(),
        );
        bytes = mixed.to_le_bytes();
    }
    bytes
}

/// 64 random bits.
pub(crate) fn number() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// True once in so many times on average, never for zero. It is made for the path of a hit: it asks the system once for each
/// thread, and threads share nothing.
pub(crate) fn once_in(times: u32) -> bool {
    thread_local! {
        static COUNT: Cell<u64> = Cell::new(number());
    }
    if times == 0 {
        return false;
    }
    let count = COUNT.get();
    COUNT.set(count.wrapping_add(1));
    xxhash_rust::xxh3::xxh3_64(&count.to_le_bytes()).is_multiple_of(u64::from(times))
}

/// Uniform in 0.0..1.0.
pub(crate) fn fraction() -> f64 {
    let [a, b, c, d, ..] = bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_hundred_is_about_one_in_a_hundred_and_of_one_each() {
        let chosen = (0..100_000).filter(|_| once_in(100)).count();
        // Six standard deviations.
        assert!((811..=1189).contains(&chosen), "{chosen}");
        assert!((0..100).all(|_| once_in(1)));
        assert!(!(0..100).any(|_| once_in(0)));
    }
}
