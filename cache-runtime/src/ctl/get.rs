//! `cachectl get`: one entry, header and payload.

use serde::Serialize;

use crate::ctl::args::Get;
use crate::ctl::entry_state::{Described, State, time};
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::hexdump::{hex, hexdump};
use crate::ctl::out::{Out, visible};
use crate::ctl::parts::Parts;
use crate::ctl::place::Place;
use crate::ctl::units;
use crate::entry::{CodecKind, Entry, Outline, Outlined, Stored, outline, parse};
use crate::key::CacheKey;
use crate::redis::{Bucket, Fault, Survey};

/// How long a payload may be after decompression.
const LONGEST: usize = 1 << 30;

/// How many bytes of a payload are shown without `--full`: as text, and as a hex dump.
const SHOWN: (usize, usize) = (4_096, 512);

/// The answer with `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    key: String,
    /// The name in Redis.
    name: String,
    state: State,
    size_bytes: usize,
    /// What Redis says until it deletes the key.
    redis_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    described: Option<Described>,
    /// Hash of the template, and of the type, as hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload>,
}

#[derive(Debug, Serialize)]
struct Payload {
    /// Bytes after decompression.
    size_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip)]
    bytes: Vec<u8>,
}

pub(super) async fn run(place: &Place, wanted: &Get, out: &Out) -> Result<u8, Failure> {
    let candidates = candidates(place, &wanted.key);
    let buckets: Vec<Bucket> = candidates.iter().map(|key| Bucket::of(key)).collect();
    let mut parts = Parts::open(place, |bucket| buckets.contains(&bucket)).await?;
    let found = find(place, &mut parts, &candidates, &wanted.key).await?;
    let answer = answer(found.survey, found.key, &found.bytes, found.ttl);
    let code = u8::from(answer.described.is_none() && answer.state != State::Loading);
    if wanted.raw {
        return match &answer.payload {
            Some(payload) => {
                out.bytes(&payload.bytes);
                Ok(code)
            }
            None => Err(Failure::problem(format!("`{}` has no payload", answer.key))
                .because(answer.reason.unwrap_or_else(|| "the value is None".into()))),
        };
    }
    if out.json {
        out.json(&answer);
    } else {
        out.text(&text(&answer, wanted, out));
    }
    Ok(code)
}

/// The key as it is written; as it is in keys that are made of such a text; and without what it begins with in Redis.
fn candidates(place: &Place, text: &str) -> Vec<String> {
    let escaped = CacheKey::new(text).as_str().to_owned();
    let mut candidates = vec![text.to_owned()];
    if escaped != text {
        candidates.push(escaped);
    }
    let mut prefixes = vec![place.prefix.clone()];
    prefixes.extend(Bucket::all().map(|bucket| bucket.prefix(&place.prefix)));
    let inner = prefixes.iter().filter(|prefix| !prefix.is_empty());
    candidates.extend(
        inner
            .filter_map(|prefix| text.strip_prefix(prefix.as_str()))
            .map(str::to_owned),
    );
    candidates
}

/// What stands at a key.
struct Found<'a> {
    survey: &'a Survey,
    key: String,
    bytes: Vec<u8>,
    ttl: Option<i64>,
}

/// The value at the first of these keys that has one.
async fn find<'a>(
    place: &Place,
    parts: &'a mut Parts,
    candidates: &[String],
    text: &str,
) -> Result<Found<'a>, Failure> {
    let mut found = None;
    for key in candidates {
        let at = parts.all.iter().position(|part| part.holds(key));
        let Some(at) = at else {
            return Err(missing_master(place, parts, key));
        };
        let read = parts.all[at].following(place, async |survey: &Survey| look(survey, key).await);
        match read.await {
            Ok(Some((bytes, ttl))) => {
                found = Some((at, key.clone(), bytes, ttl));
                break;
            }
            Ok(None) => {}
            Err(Fault::Refused(why)) if why.starts_with("WRONGTYPE") => {
                let name = parts.all[at].survey.full(key);
                return Err(Failure::problem(format!("`{}` is no entry of a cache", visible(&name)))
                    .because("another program stores a list, a set, a hash or the like there; caches leave it alone"));
            }
            Err(fault) => {
                return Err(explain::refused(
                    &place.target,
                    "the key cannot be read",
                    &fault,
                ));
            }
        }
    }
    match found {
        Some((at, key, bytes, ttl)) => Ok(Found {
            survey: &parts.all[at].survey,
            key,
            bytes,
            ttl,
        }),
        None => Err(nothing(place, parts, text).await),
    }
}

/// The value at a key, and what Redis says until it deletes it.
async fn look(survey: &Survey, key: &str) -> Result<Option<(Vec<u8>, Option<i64>)>, Fault> {
    let name = survey.full(key);
    let bytes = survey
        .console
        .ask::<Option<Vec<u8>>>(&["GET", &name])
        .await?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let ttl = survey.console.ask::<i64>(&["PTTL", &name]).await;
    Ok(Some((bytes, ttl.ok().filter(|ttl| *ttl >= 0))))
}

async fn nothing(place: &Place, parts: &Parts, text: &str) -> Failure {
    let failure = Failure::problem(format!("nothing is stored at `{}`", visible(text)));
    let Some(part) = parts.all.iter().find(|part| part.holds(text)) else {
        return failure;
    };
    match part.survey.is_catalogued(text).await {
        Some(true) => failure.because("there was an entry, and it has expired or was removed"),
        _ => failure
            .because(format!(
                "looked for `{}` in {}",
                visible(&part.survey.full(text)),
                place.described()
            ))
            .remedy("`cachectl keys` lists what there is; is CACHE_NAMESPACE right?"),
    }
}

/// The master of the key's bucket does not answer, while that of another spelling does.
fn missing_master(place: &Place, parts: &Parts, key: &str) -> Failure {
    let mut failure = Failure::problem(format!(
        "{}: the master that has `{}` does not answer",
        place.target,
        visible(key)
    ))
    .with_code(2);
    failure.unavailable = parts.away.clone();
    failure
}

fn answer(survey: &Survey, key: String, bytes: &[u8], ttl: Option<i64>) -> Answer {
    let mut answer = Answer {
        name: survey.full(&key),
        state: State::Foreign,
        size_bytes: bytes.len(),
        redis_ttl_ms: ttl,
        reason: None,
        described: None,
        template: None,
        fingerprint: None,
        payload: None,
        key,
    };
    match outline(bytes, survey.namespace) {
        Outlined::Entry(outline) => match parse(bytes, survey.namespace) {
            Stored::Entry(entry) => answer.describe(survey, &outline, &entry),
            _ => answer.is(
                State::Unreadable,
                "damaged: its checksum does not fit its bytes, so readers treat it as a miss",
            ),
        },
        Outlined::Unreadable(why) => answer.is(State::Unreadable, &why),
        Outlined::Lease => answer.is(
            State::Loading,
            "a load is under way: this is its lease, which holds no value",
        ),
        Outlined::Failed => answer.is(State::Failed, "a load has just failed: this is its mark"),
        Outlined::OtherNamespace => answer.is(
            State::OtherNamespace,
            "a cache with another namespace wrote it; this one leaves it alone",
        ),
        Outlined::Foreign => answer.is(
            State::Foreign,
            "this library did not write it, and neither uses nor deletes it",
        ),
    }
    answer
}

impl Answer {
    fn is(&mut self, state: State, reason: &str) {
        self.state = state;
        self.reason = Some(reason.to_owned());
    }

    fn describe(&mut self, survey: &Survey, outline: &Outline<'_>, entry: &Entry<'_>) {
        let described = Described::of(survey, &self.key, outline);
        self.state = described.state;
        self.reason = described.reason();
        self.described = Some(described);
        self.template = Some(format!("{:016x}", outline.template));
        self.fingerprint = Some(format!("{:016x}", outline.fingerprint));
        match payload(entry) {
            Ok(payload) => self.payload = payload,
            Err(why) => self.reason = Some(why),
        }
    }
}

/// `None`: the value is `None`, and has no payload.
fn payload(entry: &Entry<'_>) -> Result<Option<Payload>, String> {
    if entry.none {
        return Ok(None);
    }
    let Some(bytes) = entry.unpacked(LONGEST) else {
        return Err(
            "its payload cannot be decompressed: it is damaged, or this cachectl was built without that compression \
             (features `zstd` and `lz4`)"
                .into(),
        );
    };
    let bytes = bytes.into_owned();
    let json = match entry.codec {
        CodecKind::Json => serde_json::from_slice(&bytes).ok(),
        CodecKind::Bincode | CodecKind::Postcard => None,
    };
    Ok(Some(Payload {
        size_bytes: bytes.len(),
        hex: json.is_none().then(|| hex(&bytes)),
        json,
        bytes,
    }))
}

fn text(answer: &Answer, wanted: &Get, out: &Out) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        text.push_str(&format!("{name:<12} {value}\n"));
    };
    line("key", visible(&answer.key));
    line("in Redis", visible(&answer.name));
    line("state", answer.state.painted(out));
    if let Some(reason) = &answer.reason {
        line("", visible(reason));
    }
    line("size", units::bytes(answer.size_bytes as u64));
    if let Some(entry) = &answer.described {
        line("age", time(entry.age_seconds));
        line(
            "TTL",
            format!(
                "{} of {} left",
                time(entry.ttl_left_seconds),
                time(entry.ttl_seconds)
            ),
        );
        line("load time", format!("{} ms", entry.load_ms));
        line("encoding", entry.encoding());
        let tags: Vec<String> = entry.tags.iter().map(|tag| format!("#{tag}")).collect();
        let none = || "none".to_owned();
        line(
            "tags",
            Some(visible(&tags.join(" ")))
                .filter(|tags| !tags.is_empty())
                .unwrap_or_else(none),
        );
        line("template", answer.template.clone().unwrap_or_default());
        line("type", answer.fingerprint.clone().unwrap_or_default());
    }
    if let Some(ttl) = answer.redis_ttl_ms {
        line("deleted in", time(ttl as f64 / 1_000.0));
    }
    match &answer.payload {
        Some(payload) => text.push_str(&shown(payload, wanted.full)),
        None if answer.described.as_ref().is_some_and(|entry| entry.none) => {
            text.push_str("\nthe value is None: a cached absence, without a payload\n");
        }
        None => {}
    }
    text
}

/// JSON as it is, anything else as a hex dump.
fn shown(payload: &Payload, full: bool) -> String {
    let (text_limit, dump_limit) = if full {
        (usize::MAX, usize::MAX)
    } else {
        SHOWN
    };
    let size = units::bytes(payload.size_bytes as u64);
    let json = payload
        .json
        .as_ref()
        .and_then(|_| str::from_utf8(&payload.bytes).ok());
    let (kind, body, cut) = match json {
        Some(json) => {
            let end = json
                .char_indices()
                .map(|(at, _)| at)
                .find(|at| *at >= text_limit);
            let end = end.unwrap_or(json.len());
            (
                "JSON",
                format!("{}\n", visible(&json[..end])),
                end < json.len(),
            )
        }
        None => {
            let end = payload.bytes.len().min(dump_limit);
            (
                "binary",
                hexdump(&payload.bytes[..end]),
                end < payload.bytes.len(),
            )
        }
    };
    let more = match cut {
        true => "… (--full shows all of it, --raw writes it as it is)\n",
        false => "",
    };
    format!("\npayload: {size} of {kind}\n{body}{more}")
}
