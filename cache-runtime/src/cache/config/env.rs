//! Settings of more than one form, as environment variables give them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::policy::{Near, Outage};
use crate::error::Error;
use crate::redis::{Access, AnyProvider, Credentials, FileCredentials, NamedFile, TlsFiles};
use crate::ttl::{self, DurationError};

pub(super) fn named(setting: &'static str, path: impl Into<PathBuf>) -> NamedFile {
    let path = path.into();
    NamedFile { setting, path }
}

pub(super) fn on_or_off(name: &str, text: &str) -> Result<bool, Error> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Ok(true),
        "0" | "false" | "off" | "no" => Ok(false),
        _ => Err(Error::config(format!(
            "{name}=`{text}`: give `on` or `off`"
        ))),
    }
}

/// Whether the cache is in use, and whether it only compares: `CACHE_ENABLED`.
pub(super) fn enabled(text: &str) -> Result<(bool, bool), Error> {
    if text.trim().eq_ignore_ascii_case("shadow") {
        return Ok((true, true));
    }
    on_or_off("CACHE_ENABLED", text)
        .map(|enabled| (enabled, false))
        .map_err(|_| {
            Error::config(format!(
                "CACHE_ENABLED=`{text}`: give `on`, `off`, or `shadow` to compare values without serving them"
            ))
        })
}

/// How Redis lets this process in, beside the URL.
pub(super) fn access(var: &dyn Fn(&str) -> Option<String>) -> Result<Access, Error> {
    let file = |setting| var(setting).map(|path| named(setting, path));
    let sentinel_tls = var("REDIS_SENTINEL_TLS");
    Ok(Access {
        tls: TlsFiles {
            ca: file("REDIS_TLS_CA_FILE"),
            certificate: file("REDIS_TLS_CERT_FILE"),
            key: file("REDIS_TLS_KEY_FILE"),
        },
        sentinel_tls: sentinel_tls
            .map(|text| on_or_off("REDIS_SENTINEL_TLS", &text))
            .transpose()?,
        sentinel_files: TlsFiles {
            ca: file("REDIS_SENTINEL_TLS_CA_FILE"),
            certificate: file("REDIS_SENTINEL_TLS_CERT_FILE"),
            key: file("REDIS_SENTINEL_TLS_KEY_FILE"),
        },
        sentinel_provider: sentinel_provider(var)?,
        provider: match var("REDIS_CREDENTIALS_FILE") {
            Some(path) => Some(Arc::new(FileCredentials::new(path))),
            None => None,
        },
    })
}

/// The provider of the sentinels' credentials that the environment names.
fn sentinel_provider(
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Arc<dyn AnyProvider>>, Error> {
    let user = var("REDIS_SENTINEL_USERNAME");
    match (
        var("REDIS_SENTINEL_PASSWORD"),
        var("REDIS_SENTINEL_CREDENTIALS_FILE"),
    ) {
        (None, Some(path)) if user.is_none() => Ok(Some(Arc::new(FileCredentials::new(path)))),
        (_, Some(_)) => Err(Error::config(
            "REDIS_SENTINEL_CREDENTIALS_FILE is set, and so is REDIS_SENTINEL_USERNAME or REDIS_SENTINEL_PASSWORD; set only the \
             file, or only user and password",
        )),
        (Some(password), None) => Ok(Some(Arc::new(Credentials::new(
            user.unwrap_or_default(),
            password,
        )))),
        (None, None) if user.is_some() => Err(Error::config(
            "REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINEL_PASSWORD is not; set both, or only the password",
        )),
        (None, None) => Ok(None),
    }
}

/// The variables that name Redis.
pub(super) const REDIS_VARIABLES: [&str; 3] =
    ["REDIS_URL", "REDIS_PRIVATE_URL", "UPSTASH_REDIS_REST_URL"];

pub(super) fn redis_url(
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(&'static str, String)>, Error> {
    for name in ["REDIS_URL", "REDIS_PRIVATE_URL"] {
        if let Some(url) = var(name) {
            return Ok(Some((name, url)));
        }
    }
    let Some(rest) = var("UPSTASH_REDIS_REST_URL") else {
        return Ok(None);
    };
    let Some(token) = var("UPSTASH_REDIS_REST_TOKEN") else {
        return Err(Error::config(
            "UPSTASH_REDIS_REST_URL is set, but UPSTASH_REDIS_REST_TOKEN is not; set both",
        ));
    };
    let host = url::Url::parse(&rest)
        .ok()
        .filter(|url| url.scheme() == "https");
    let Some(host) = host.as_ref().and_then(url::Url::host_str) else {
        return Err(Error::config(
            "UPSTASH_REDIS_REST_URL: give the `https://…` URL that the Upstash console shows",
        ));
    };
    let token =
        percent_encoding::utf8_percent_encode(token.trim(), percent_encoding::NON_ALPHANUMERIC);
    Ok(Some((
        "UPSTASH_REDIS_REST_URL",
        format!("rediss://default:{token}@{host}:6379"),
    )))
}

/// Whether memory may answer while Redis is available.
pub(super) fn near(text: &str) -> Result<Near, Error> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Ok(Near::On),
        "0" | "false" | "off" | "no" => Ok(Near::Off),
        // A number alone could be taken for a switch.
        age => match ttl::parse_duration(age) {
            Ok(age) if !text.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Near::AtMost(age))
            }
            Err(DurationError::Zero) => Ok(Near::Off),
            _ => Err(Error::config(format!(
                "CACHE_NEAR=`{text}`: give `on`, `off`, or the age up to which memory may answer, such as `2s`"
            ))),
        },
    }
}

/// How long memory may answer while Redis is unavailable. Unlike a TTL, it may be zero.
pub(super) fn outage_max_age(text: &str) -> Result<Duration, Error> {
    match ttl::parse_duration(text) {
        Err(DurationError::Zero) => Ok(Duration::ZERO),
        age => age.map_err(|why| Error::config(format!("CACHE_OUTAGE_MAX_AGE=`{text}`: {why}"))),
    }
}

/// Reads `CACHE_OUTAGE`: whether memory or the body answers while Redis is unavailable.
pub(super) fn outage(text: &str) -> Result<Outage, Error> {
    match text.trim().to_ascii_lowercase().as_str() {
        "memory" => Ok(Outage::Memory),
        "bypass" => Ok(Outage::Bypass),
        _ => Err(Error::config(format!(
            "CACHE_OUTAGE=`{text}`: give `memory` or `bypass`"
        ))),
    }
}
