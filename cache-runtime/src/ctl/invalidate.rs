//! `cachectl invalidate`: removes what a pattern covers, or only counts it.

use serde::Serialize;

use crate::ctl::args::Invalidate;
use crate::ctl::entry_state::{Described, State};
use crate::ctl::failure::Failure;
use crate::ctl::merged::Merged;
use crate::ctl::out::Out;
use crate::ctl::parts::Parts;
use crate::ctl::place::Place;
use crate::ctl::removing;
use crate::ctl::unavailable::Unavailable;
use crate::ctl::units;
use crate::entry::{Outlined, outline};
use crate::key::{CacheKey, Pattern};
use crate::redis::Bucket;

/// The answer with `--dry-run --json`.
#[derive(Debug, Default, Serialize)]
struct Preview<'a> {
    pattern: &'a str,
    dry_run: bool,
    /// Entries that would be removed.
    matching: u64,
    /// How many of them readers use now.
    fresh: u64,
    /// Masters of a cluster whose keys were not counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unavailable: Vec<Unavailable>,
}

pub(super) async fn run(place: &Place, wanted: &Invalidate, out: &Out) -> Result<u8, Failure> {
    let text = wanted.pattern.as_str();
    let pattern = Pattern::parse(text).map_err(|why| Failure::usage(why.to_string()))?;
    if pattern.is_clear() {
        return Err(Failure::usage(format!("`{text}` covers everything"))
            .because("such a pattern is often a slip, or an empty variable in a script")
            .remedy(
                "`cachectl clear` removes every entry of the namespace, and asks before it does",
            ));
    }
    if wanted.dry_run {
        return preview(place, text, &pattern, out).await;
    }
    let kind = place.kind().await?;
    let cache = place.cache(&kind).await?;
    let done = cache.remove_and_count(vec![pattern]).await;
    let code = removing::told(place, &kind, text, &cache, done, out).await?;
    if done.removed == 0 {
        hint(text, out);
    }
    Ok(code)
}

async fn preview(place: &Place, text: &str, pattern: &Pattern, out: &Out) -> Result<u8, Failure> {
    let mut preview = Preview {
        pattern: text,
        dry_run: true,
        ..Preview::default()
    };
    let concerns = |bucket| match pattern {
        Pattern::Key(key) => Bucket::of(key) == bucket,
        _ => true,
    };
    let parts = Parts::open(place, concerns).await?;
    let mut walk = Merged::begin(place, parts, std::slice::from_ref(pattern));
    while let Some((survey, listed)) = walk.next().await? {
        let Outlined::Entry(entry) = outline(&listed.beginning, survey.namespace) else {
            continue;
        };
        let described = Described::of(survey, &listed.key, &entry);
        if pattern.matches(&listed.key, &described.tags) {
            preview.matching += 1;
            preview.fresh += u64::from(described.state == State::Fresh);
        }
    }
    preview.unavailable = walk.away;
    let code = u8::from(!preview.unavailable.is_empty());
    if out.json {
        out.json(&preview);
        return Ok(code);
    }
    let stale = preview.matching - preview.fresh;
    let of_them = match stale {
        0 => String::new(),
        _ => format!(
            ", {} of them stale or expired already",
            units::number(stale)
        ),
    };
    out.text(&format!(
        "would remove {}{of_them}\n",
        units::entries(preview.matching)
    ));
    out.unavailable(&preview.unavailable, "not counted: the keys at");
    if preview.matching == 0 {
        hint(text, out);
    }
    Ok(code)
}

/// A pattern that covers nothing may be written as a person reads it, and not as keys are.
fn hint(text: &str, out: &Out) {
    let marks = ['#', '*', '=', '%', '+'];
    let plain: String = text.chars().filter(|c| !marks.contains(c)).collect();
    let is_escaped = plain.is_empty() || CacheKey::new(&plain).as_str() == plain;
    if !is_escaped {
        out.note(
            "note: keys that a program makes of values are escaped (a backslash is %5C); `cachectl keys` shows how they are \
             written",
        );
    }
}
