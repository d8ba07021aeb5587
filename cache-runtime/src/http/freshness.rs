//! `Cache-Control`: how long browsers, and caches between them and us, may keep an answer.
//!
//! With `Age: a` a receiver counts `max-age - a` from now on. So the two together say what remains of the value that ends
//! first, however many values of whatever age an answer was made of.

use std::time::Duration;

use crate::outcome::Observed;

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Who asked: their browser may keep it, nobody in between.
    Private,
    /// Everybody.
    Public,
}

impl Audience {
    fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// `None` where nothing cached was called.
pub(super) fn cache_control(observed: &Observed, audience: Audience) -> Option<String> {
    let calls = observed.calls();
    if calls.is_empty() {
        return None;
    }
    let word = audience.as_str();
    let kept = calls.iter().all(|call| !call.ttl.is_zero() && !call.failed);
    if !kept || observed.untold() > 0 {
        // What we do not keep ourselves, others ask us about each time; a 304 is still cheap.
        return Some(format!("{word}, no-cache"));
    }
    let least = |of: &dyn Fn(&crate::CallOutcome) -> i64| calls.iter().map(of).min().unwrap_or(0);
    let remaining = least(&|call| millis(call.ttl) - millis(call.age));
    let end = least(&|call| millis(call.ttl + call.stale) - millis(call.age));
    let max_age = (millis(observed.age) + remaining).max(0) / 1000;
    let stale = (end - remaining).max(0) / 1000;
    Some(if stale > 0 {
        format!("{word}, max-age={max_age}, stale-while-revalidate={stale}")
    } else {
        format!("{word}, max-age={max_age}")
    })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}
