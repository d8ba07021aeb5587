use super::*;

fn from(pairs: &[(&str, &str)]) -> Result<CacheConfig, Error> {
    CacheConfig::from_lookup(&|name| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn nothing_set_is_memory_only_with_the_defaults() {
    let config = from(&[]).unwrap();
    assert!(config.target().unwrap().is_none());
    assert_eq!(config.max_entries, 10_000);
    assert_eq!(config.default_ttl, Duration::from_secs(300));
    assert_eq!(config.outage_max_age, Duration::from_secs(30));
}

#[test]
fn the_first_url_wins() {
    let config = from(&[
        ("REDIS_PRIVATE_URL", "redis://b:1"),
        ("REDIS_URL", "redis://a:1"),
    ])
    .unwrap();
    assert_eq!(
        config.target().unwrap().unwrap().to_string(),
        "redis://a:1/0"
    );
}

#[cfg(feature = "tls")]
#[test]
fn upstash_becomes_a_tls_url_and_its_token_stays_hidden() {
    let config = from(&[
        ("UPSTASH_REDIS_REST_URL", "https://eu1-x-1.upstash.io"),
        ("UPSTASH_REDIS_REST_TOKEN", "s3cr/et="),
    ])
    .unwrap();
    assert_eq!(
        config.target().unwrap().unwrap().to_string(),
        "rediss://eu1-x-1.upstash.io:6379/0"
    );
    assert!(!format!("{config:?}").contains("s3cr"));
}

#[test]
fn the_sentinels_have_a_password_or_a_file_with_one() {
    let (file, password) = ("REDIS_SENTINEL_CREDENTIALS_FILE", "REDIS_SENTINEL_PASSWORD");
    for one in [&[(file, "/run/sentinel")][..], &[(password, "hunter2")]] {
        assert!(from(one).unwrap().access.sentinel_provider.is_some());
    }
    for both in [
        (password, "hunter2"),
        ("REDIS_SENTINEL_USERNAME", "hunter2"),
    ] {
        let error = from(&[(file, "/run/sentinel"), both])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(file) && !error.contains("hunter2"),
            "{error}"
        );
    }
    let error = from(&[("REDIS_SENTINEL_USERNAME", "u")]).unwrap_err();
    assert!(error.to_string().contains("only the password"), "{error}");
}

#[test]
fn what_cannot_be_right_is_named() {
    for (name, value, says) in [
        ("CACHE_DEFAULT_TTL", "soon", "CACHE_DEFAULT_TTL"),
        ("CACHE_DEFAULT_TTL", "0", "CACHE_DEFAULT_TTL"),
        ("CACHE_MAX_SIZE_MEMORY", "many", "whole number"),
        ("CACHE_MAX_SIZE_MEMORY", "0", "at least 1"),
        ("CACHE_NAMESPACE", "a*b", "CACHE_NAMESPACE"),
        ("CACHE_TRUST_RESTART", "maybe", "`on` or `off`"),
        ("REDIS_URL", "http://user:hunter2@localhost", "REDIS_URL"),
        ("REDIS_URL", "redis//localhost", "REDIS_URL"),
        ("REDIS_MAX_CONNECTIONS", "-1", "whole number"),
    ] {
        let error = from(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(says), "{name}={value}: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn the_cache_is_switched_off_by_name() {
    assert!(from(&[]).unwrap().enabled);
    for (text, enabled) in [("0", false), ("off", false), ("false", false), ("1", true)] {
        assert_eq!(from(&[("CACHE_ENABLED", text)]).unwrap().enabled, enabled);
    }
    let watched = from(&[("CACHE_ENABLED", " Shadow ")]).unwrap();
    assert!(watched.enabled && watched.shadow);
    assert!(!from(&[("CACHE_ENABLED", "on")]).unwrap().shadow);
    let error = from(&[("CACHE_ENABLED", "maybe")]).unwrap_err().to_string();
    assert!(error.contains("`shadow`"), "{error}");
    assert!(error.contains("CACHE_ENABLED=`maybe`"), "{error}");
}

#[test]
fn the_namespace_ends_in_one_colon() {
    for namespace in ["shop", "shop:"] {
        assert_eq!(
            CacheConfig::default().namespace(namespace).key_prefix(),
            "shop:"
        );
    }
    assert_eq!(CacheConfig::default().key_prefix(), "");
}

#[test]
fn what_memory_may_answer_is_set_for_the_whole_cache() {
    let config = from(&[]).unwrap();
    assert_eq!((config.near, config.outage), (Near::On, Outage::Memory));
    for (text, near) in [
        ("on", Near::On),
        ("off", Near::Off),
        ("0", Near::Off),
        ("0s", Near::Off),
        ("2s", Near::AtMost(Duration::from_secs(2))),
    ] {
        assert_eq!(from(&[("CACHE_NEAR", text)]).unwrap().near, near, "{text}");
    }
    let config = from(&[("CACHE_OUTAGE", "bypass"), ("CACHE_OUTAGE_MAX_AGE", "0")]).unwrap();
    assert_eq!(config.outage, Outage::Bypass);
    assert_eq!(config.outage_max_age, Duration::ZERO);
    for (name, text, expected) in [
        ("CACHE_NEAR", "sometimes", "give `on`, `off`, or the age"),
        ("CACHE_NEAR", "2", "give `on`, `off`, or the age"),
        ("CACHE_OUTAGE", "none", "give `memory` or `bypass`"),
    ] {
        let error = from(&[(name, text)]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name}=`{text}`")) && error.contains(expected),
            "{error}"
        );
    }
}
