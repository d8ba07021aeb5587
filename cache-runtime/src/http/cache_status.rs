//! The `Cache-Status` header (RFC 9211): how the cached calls behind a response went, in a standard form.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::telemetry::outcome::{CallOutcome, Observed, Reason, Status};

/// The maximum number of list members of one response; if there were more calls, a last member says so.
const MEMBERS: usize = 16;

/// The maximum number of characters of a key.
const LONGEST_KEY: usize = 256;

/// The content of one list member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Member<'a> {
    /// Why the call ran its body; `None` if it did not.
    forwarded: Option<&'static str>,
    /// The remaining TTL of the value in ms; negative after its end.
    remaining: Option<i64>,
    stored: bool,
    collapsed: bool,
    key: Option<&'a str>,
    detail: Option<&'static str>,
}

/// One member for all calls together. It describes the call that was furthest from a hit.
pub(super) fn of_all(name: &str, observed: &Observed, keys: bool, away: bool) -> Option<String> {
    let calls = observed.calls();
    let (at, worst) = calls
        .iter()
        .enumerate()
        .max_by_key(|(at, call)| (severity(call), usize::MAX - at))?;
    let mut member = Member::of(worst, away);
    member.remaining = calls.iter().filter_map(remaining).min();
    member.stored = calls.iter().any(|call| call.stored);
    member.collapsed &= !calls.iter().any(|call| call.status == Status::Miss);
    if keys && calls.len() == 1 {
        member.key = observed.key(at);
    }
    let mut text = String::with_capacity(64);
    member.write_to(&mut text, name);
    Some(text)
}

/// One member for each call, named by its function.
pub(super) fn of_each(name: &str, observed: &Observed, keys: bool, away: bool) -> Option<String> {
    let calls = observed.calls();
    let mut text = String::with_capacity(64 * calls.len().min(MEMBERS));
    for (at, call) in calls.iter().take(MEMBERS).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        let mut member = Member::of(call, away);
        if keys {
            member.key = observed.key(at);
        }
        member.write_to(&mut text, call.function.unwrap_or(name));
    }
    let more = calls.len().saturating_sub(MEMBERS) + observed.omitted();
    if more > 0 {
        let _ = write!(text, ", {}; detail=\"{more} more\"", item(name));
    }
    (!text.is_empty()).then_some(text)
}

/// How far a call was from a hit, in the order of [`Observed::as_str`].
fn severity(call: &CallOutcome) -> u8 {
    match call.status {
        Status::Miss => 4,
        Status::Coalesced if call.reason == Reason::Fresh => 0,
        Status::Coalesced => 3,
        Status::Bypass => 2,
        Status::Stale => 1,
        Status::Hit => 0,
    }
}

fn remaining(call: &CallOutcome) -> Option<i64> {
    (!call.ttl.is_zero()).then(|| millis(call.ttl) - millis(call.age))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl<'a> Member<'a> {
    fn of(call: &CallOutcome, away: bool) -> Self {
        let (forwarded, detail) = match (call.status, call.reason) {
            (Status::Hit, Reason::Fresh) => (None, None),
            // The body ran, and an older value was served instead of its result.
            (Status::Stale, Reason::BodyFailed | Reason::BodySlow) => {
                (Some("stale"), Some(call.reason))
            }
            (Status::Hit | Status::Stale, why) => (None, Some(why)),
            (Status::Coalesced, Reason::Fresh) => (None, None),
            (Status::Coalesced, _) => (Some("miss"), None),
            (Status::Miss, Reason::Absent) => (Some("uri-miss"), None),
            (Status::Miss, Reason::Asked) => (Some("request"), None),
            (
                Status::Miss,
                why @ (Reason::Contended
                | Reason::InTransaction
                | Reason::OwnWrite
                | Reason::Unheard),
            ) => (Some("bypass"), Some(why)),
            (Status::Miss, why) => (Some("miss"), Some(why)),
            (Status::Bypass, why) => (Some("bypass"), Some(why)),
        };
        let detail = match detail {
            Some(Reason::RedisAway) | None if away => Some("breaker-open"),
            None if call.failed => Some(Reason::BodyFailed.as_str()),
            other => other.map(Reason::as_str),
        };
        Self {
            forwarded,
            remaining: remaining(call),
            stored: call.stored,
            collapsed: call.status == Status::Coalesced && forwarded.is_some(),
            key: None,
            detail,
        }
    }

    fn write_to(&self, out: &mut String, name: &str) {
        out.push_str(&item(name));
        match self.forwarded {
            None => out.push_str("; hit"),
            Some(why) => {
                out.push_str("; fwd=");
                out.push_str(why);
            }
        }
        if let Some(remaining) = self.remaining {
            let _ = write!(out, "; ttl={}", remaining.div_euclid(1000));
        }
        if self.stored {
            out.push_str("; stored");
        }
        if self.collapsed {
            out.push_str("; collapsed");
        }
        if let Some(key) = self.key {
            let _ = write!(out, "; key={}", quoted(key));
        }
        if let Some(detail) = self.detail {
            let _ = write!(out, "; detail={detail}");
        }
    }
}

/// The name of a cache: a token of RFC 8941 if possible, else a string.
fn item(name: &str) -> Cow<'_, str> {
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'*');
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    if begins && name.bytes().all(goes_on) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(quoted(name))
    }
}

/// A string of RFC 8941, which is ASCII: other bytes are escaped as in keys.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        if out.len() > LONGEST_KEY {
            out.push_str("...");
            break;
        }
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..=0x7E => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::outcome::HitTier;

    fn call(status: Status, why: Reason) -> CallOutcome {
        CallOutcome {
            function: Some("board::jobs::list"),
            status,
            tier: (status == Status::Hit).then_some(HitTier::Memory),
            age: Duration::from_millis(1500),
            ttl: Duration::from_secs(60),
            stale: Duration::ZERO,
            stale_on_error: Duration::ZERO,
            stored: false,
            reason: why,
            failed: false,
            public: false,
            vary: &[],
        }
    }

    fn written(call: &CallOutcome, away: bool) -> String {
        let mut text = String::new();
        Member::of(call, away).write_to(&mut text, "cache");
        text
    }

    #[test]
    fn every_way_has_its_words() {
        for (status, why, expected) in [
            (Status::Hit, Reason::Fresh, "cache; hit; ttl=58"),
            (
                Status::Hit,
                Reason::Refreshing,
                "cache; hit; ttl=58; detail=refreshing",
            ),
            (
                Status::Stale,
                Reason::BodyFailed,
                "cache; fwd=stale; ttl=58; detail=body-failed",
            ),
            (
                Status::Coalesced,
                Reason::Shared,
                "cache; fwd=miss; ttl=58; collapsed",
            ),
            (Status::Coalesced, Reason::Fresh, "cache; hit; ttl=58"),
            (Status::Miss, Reason::Absent, "cache; fwd=uri-miss; ttl=58"),
            (Status::Miss, Reason::Asked, "cache; fwd=request; ttl=58"),
            (
                Status::Miss,
                Reason::Unusable,
                "cache; fwd=miss; ttl=58; detail=unusable",
            ),
            (
                Status::Bypass,
                Reason::NoKey,
                "cache; fwd=bypass; ttl=58; detail=no-key",
            ),
            (
                Status::Bypass,
                Reason::Off,
                "cache; fwd=bypass; ttl=58; detail=off",
            ),
            (
                Status::Bypass,
                Reason::Shadow,
                "cache; fwd=bypass; ttl=58; detail=shadow",
            ),
        ] {
            assert_eq!(written(&call(status, why), false), expected);
        }
    }

    #[test]
    fn an_open_breaker_shows_and_a_stale_value_has_no_time_left() {
        let stale = CallOutcome {
            age: Duration::from_millis(61_200),
            ..call(Status::Stale, Reason::Refreshing)
        };
        assert_eq!(
            written(&stale, true),
            "cache; hit; ttl=-2; detail=refreshing"
        );
        let away = call(Status::Miss, Reason::RedisAway);
        assert_eq!(
            written(&away, true),
            "cache; fwd=miss; ttl=58; detail=breaker-open"
        );
        assert_eq!(
            written(&away, false),
            "cache; fwd=miss; ttl=58; detail=redis-away"
        );
        let hit = call(Status::Hit, Reason::Fresh);
        assert_eq!(
            written(&hit, true),
            "cache; hit; ttl=58; detail=breaker-open"
        );
    }

    #[test]
    fn names_and_keys_stay_within_the_grammar() {
        assert_eq!(item("board::jobs::list"), "board::jobs::list");
        assert_eq!(item("the \"cache\""), r#""the \"cache\"""#);
        assert_eq!(item(""), "\"\"");
        assert_eq!(quoted("jobs:Zürich"), "\"jobs:Z%C3%BCrich\"");
        assert!(quoted(&"x".repeat(5000)).len() < 300);
    }
}
