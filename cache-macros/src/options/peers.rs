//! Options of other caching libraries, and our names for them.

/// The advice for an option of another caching library.
pub(crate) fn ours(option: &str) -> Option<&'static str> {
    let known = |(names, _): &&(&[&str], &str)| names.contains(&option);
    PEERS.iter().find(known).map(|(_, ours)| *ours)
}

const PEERS: [(&[&str], &str); 13] = [
    (
        &[
            "time",
            "ttl_secs",
            "ttl_seconds",
            "ttl_ms",
            "ttl_millis",
            "time_to_live",
            "expire",
            "expires",
            "expires_in",
            "expiry",
            "expiration",
            "expire_after_write",
            "ex",
            "max_age",
            "lifespan",
            "seconds",
        ],
        "a lifetime is `ttl = 60`, in seconds, or `ttl = \"60s\"`",
    ),
    (
        &[
            "size",
            "max_size",
            "maxsize",
            "capacity",
            "max_capacity",
            "max_entries",
            "unbound",
        ],
        "all functions share one memory, and `CACHE_MAX_SIZE_MEMORY` limits it",
    ),
    (
        &["result", "option", "with_cached_flag", "cache_err"],
        "the result type decides: only the `Ok` of a `Result` is stored, and only the `Some` of an `Option`; `none_ttl = \"10s\"` also stores `None`",
    ),
    (
        &["cache_none", "cache_null", "null_ttl", "negative_ttl"],
        "`none_ttl = \"10s\"` stores `None` for that time",
    ),
    (
        &[
            "sync_writes",
            "sync",
            "sync_lock",
            "sync_writes_buckets",
            "coalesce",
            "single_flight",
            "singleflight",
            "lock",
        ],
        "leave it out: calls with the same key always share one load",
    ),
    (
        &["result_fallback", "fallback", "fail_safe", "stale_if_error"],
        "`stale_on_error = \"1h\"` serves an older value in place of an error",
    ),
    (
        &["stale_while_revalidate", "swr", "grace"],
        "`stale = \"5m\"` serves an older value while a new one is loaded",
    ),
    (
        &["refresh", "time_refresh", "refresh_ahead", "refresh_after"],
        "`early` reloads a value before it expires; the companion `::refresh(…)` reloads it at once",
    ),
    (
        &["convert", "cache_key", "key_fn", "key_prefix", "prefix"],
        "a key is a template, `key = \"jobs:list:<skip>\"`, or an expression, `key = CacheKey::user(id)`",
    ),
    (
        &["ty", "create", "redis", "disk", "backend", "store"],
        "`cache = self.cache` uses another `Cache` than the global one; the variable `REDIS_URL` is the address of Redis",
    ),
    (
        &["condition", "cond", "cache_if", "unless", "if", "predicate"],
        "`when = |value| …` decides which values are stored",
    ),
    (
        &[
            "evict",
            "evicts",
            "cache_evict",
            "clear",
            "clears",
            "removes",
        ],
        "`invalidates = \"jobs:\"` names what a write removes",
    ),
    (
        &["ignore", "exclude", "except", "skip_args"],
        "`skip(db)` leaves out of the key the arguments that do not change the result",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_call_an_option_points_at_ours() {
        for (theirs, ours_has) in [
            ("ttl_secs", "`ttl = 60`"),
            ("time", "`ttl = 60`"),
            ("size", "CACHE_MAX_SIZE_MEMORY"),
            ("result", "only the `Ok`"),
            ("sync_writes", "leave it out"),
            ("convert", "`key = "),
            ("unless", "`when = "),
        ] {
            assert!(
                ours(theirs).is_some_and(|ours| ours.contains(ours_has)),
                "{theirs}"
            );
        }
        assert_eq!(ours("expires_never"), None);
    }
}
