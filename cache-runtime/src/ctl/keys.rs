//! `cachectl keys`: the entries whose keys begin with a text.

use serde::Serialize;

use crate::ctl::args::Keys;
use crate::ctl::entry_state::{Described, State, time};
use crate::ctl::failure::Failure;
use crate::ctl::merged::Merged;
use crate::ctl::out::{Out, visible};
use crate::ctl::parts::Parts;
use crate::ctl::place::Place;
use crate::ctl::table::Table;
use crate::ctl::unavailable::Unavailable;
use crate::ctl::units;
use crate::entry::{Outlined, outline};
use crate::key::{CacheKey, Pattern};
use crate::redis::{Listed, Survey};

/// The answer with `--json`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    namespace: &'a str,
    prefix: &'a str,
    entries: Vec<Row>,
    /// There are more than the limit.
    more: bool,
    /// Names in the catalogue at which nothing is stored any more.
    gone: u64,
    /// Masters of a cluster whose keys are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unavailable: Vec<Unavailable>,
}

#[derive(Debug, Serialize)]
struct Row {
    key: String,
    state: State,
    size_bytes: Option<u64>,
    /// Absent if it is no entry, but a lease or something that cannot be read.
    #[serde(flatten)]
    described: Option<Described>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) async fn run(place: &Place, wanted: &Keys, out: &Out) -> Result<u8, Failure> {
    let limit = match wanted.limit {
        0 => usize::MAX,
        limit => limit,
    };
    let patterns = patterns(&wanted.prefix)?;
    let parts = Parts::open(place, |_| true).await?;
    let mut walk = Merged::begin(place, parts, &patterns);
    let mut answer = Answer {
        namespace: place.namespace(),
        prefix: &wanted.prefix,
        entries: Vec::new(),
        more: false,
        gone: 0,
        unavailable: Vec::new(),
    };
    while let Some((survey, listed)) = walk.next().await? {
        let Some(row) = row(survey, listed) else {
            answer.gone += 1;
            continue;
        };
        // By tags, the catalogue may still name an entry that has other tags now.
        let tags = row.described.as_ref().map_or(&[][..], |entry| &entry.tags);
        let is_meant = (patterns.iter()).any(|pattern| pattern.matches(&row.key, tags));
        if !is_meant || (wanted.stale && !row.state.is_stale()) {
            continue;
        }
        if answer.entries.len() == limit {
            answer.more = true;
            break;
        }
        answer.entries.push(row);
    }
    let is_known = walk.is_known();
    answer.unavailable = walk.away;
    let code = u8::from(!answer.unavailable.is_empty());
    if out.json {
        out.json(&answer);
        return Ok(code);
    }
    out.text(&table(&answer, out));
    for note in notes(place, is_known, &answer) {
        out.note(&note);
    }
    out.unavailable(&answer.unavailable, "not listed: the keys at");
    Ok(code)
}

/// A tag; or the prefix as it is written, and as it is in keys that are made of such a text, if that is different.
fn patterns(text: &str) -> Result<Vec<Pattern>, Failure> {
    if text.starts_with('#') {
        let pattern = Pattern::parse(text).map_err(|why| Failure::usage(why.to_string()))?;
        return Ok(vec![pattern]);
    }
    let mut prefixes = vec![Pattern::Prefix(text.to_owned())];
    let escaped = CacheKey::new(text);
    if !text.is_empty() && escaped.as_str() != text {
        prefixes.push(Pattern::Prefix(escaped.as_str().to_owned()));
    }
    Ok(prefixes)
}

/// `None`: nothing is stored there any more.
fn row(survey: &Survey, listed: Listed) -> Option<Row> {
    let Listed {
        key,
        beginning,
        size,
    } = listed;
    if beginning.is_empty() && size == Some(0) {
        return None;
    }
    let (state, described, reason) = match outline(&beginning, survey.namespace) {
        Outlined::Entry(outline) => {
            let described = Described::of(survey, &key, &outline);
            let reason = described.reason();
            (described.state, Some(described), reason)
        }
        Outlined::Lease => (State::Loading, None, Some("a load is under way".to_owned())),
        Outlined::Failed => (
            State::Failed,
            None,
            Some("a load has just failed".to_owned()),
        ),
        Outlined::Unreadable(why) => (State::Unreadable, None, Some(why)),
        Outlined::OtherNamespace => {
            let why = "another namespace wrote it".to_owned();
            (State::OtherNamespace, None, Some(why))
        }
        Outlined::Foreign => {
            let why = "not written by this library".to_owned();
            (State::Foreign, None, Some(why))
        }
    };
    Some(Row {
        key,
        state,
        size_bytes: size,
        described,
        reason,
    })
}

fn table(answer: &Answer<'_>, out: &Out) -> String {
    if answer.entries.is_empty() {
        return String::new();
    }
    let mut table = Table::new(
        &["STATE", "AGE", "TTL LEFT", "SIZE", "ENCODING", "KEY", ""],
        &[1, 2, 3],
    );
    for row in &answer.entries {
        let (age, left, encoding, tags) = match &row.described {
            Some(entry) => (
                time(entry.age_seconds),
                time(entry.ttl_left_seconds),
                entry.encoding(),
                entry.tags.clone(),
            ),
            None => ("-".into(), "-".into(), "-".into(), Vec::new()),
        };
        let mut more: Vec<String> = tags.iter().map(|tag| format!("#{tag}")).collect();
        more.extend(row.reason.iter().map(|reason| format!("({reason})")));
        table.row(vec![
            row.state.painted(out),
            age,
            left,
            row.size_bytes.map_or_else(|| "?".into(), units::bytes),
            encoding,
            visible(&row.key),
            visible(&more.join(" ")),
        ]);
    }
    table.render()
}

/// What else a person should know.
fn notes(place: &Place, is_known: bool, answer: &Answer<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let shown = answer.entries.len() as u64;
    match shown {
        0 if !is_known => notes.push(format!(
            "no entries, and no ledger: no cache has used {} yet; is CACHE_NAMESPACE right?",
            place.described()
        )),
        0 if answer.prefix.is_empty() => notes.push("no entries".to_owned()),
        0 if answer.prefix.starts_with('#') => {
            notes.push(format!(
                "no entries have a tag `{}`",
                visible(answer.prefix)
            ));
        }
        0 => notes.push(format!(
            "no entries begin with `{}`",
            visible(answer.prefix)
        )),
        _ if answer.more => notes.push(format!(
            "{}, and there are more: --limit 0 lists all",
            units::entries(shown)
        )),
        _ => notes.push(units::entries(shown)),
    }
    if answer.gone > 0 {
        notes.push(format!(
            "{} more in the catalogue have expired or were deleted",
            units::number(answer.gone)
        ));
    }
    notes
}
