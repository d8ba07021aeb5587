//! Options that say how long a stored value may be served, when it is refreshed, and how it becomes
//! bytes. None of them changes the key or the value of an entry.

use std::time::Duration;

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Ident, LitFloat, LitInt, LitStr};

use crate::options::lifetime::{self, LONGEST};
use crate::options::slot::Slot;
use crate::options::value::error;
use crate::suggest;

/// The options of this file, as written.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) stale: Slot<Duration>,
    pub(crate) stale_on_error: Slot<Duration>,
    pub(crate) retry: Slot<Duration>,
    /// How many times earlier than usual a refresh may begin: the beta of the XFetch algorithm.
    pub(crate) early: Slot<f64>,
    pub(crate) timeout: Slot<Duration>,
    pub(crate) soft_timeout: Slot<Duration>,
    /// In percent.
    pub(crate) jitter: Slot<u8>,
    pub(crate) outage: Slot<Outage>,
    pub(crate) codec: Slot<Codec>,
    pub(crate) compress: Slot<Compress>,
    /// Of how many hits one is compared with what the body returns.
    pub(crate) verify: Slot<u32>,
    pub(crate) shadow: Slot<()>,
}

/// `outage = …`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The copy in memory is served.
    Memory,
    /// The body runs.
    Bypass,
}

/// `codec = …`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Bincode,
    Json,
    Postcard,
}

/// `compress = …`
#[derive(Clone, Copy)]
pub(crate) struct Compress {
    pub(crate) algorithm: Algorithm,
    /// Values of at least so many bytes are compressed.
    pub(crate) from: usize,
    /// The place of the text, for the error if the runtime was built without the algorithm.
    pub(crate) at: Span,
}

/// How values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Zstd,
    Lz4,
}

impl Policy {
    /// The first option that may run the body in the background, where it cannot borrow from its caller.
    pub(crate) fn background_option(&self) -> Option<&Ident> {
        let options = [
            self.stale.name(),
            self.early.name(),
            self.soft_timeout.name(),
            self.verify.name(),
        ];
        options.into_iter().flatten().next()
    }

    /// Whether an older value may be served in place of a result.
    pub(crate) fn has_fallback(&self) -> bool {
        self.stale.is_given() || self.stale_on_error.is_given()
    }

    /// The given options that say when the body runs. They mean nothing where it always runs.
    pub(crate) fn about_running(&self) -> impl Iterator<Item = &Ident> {
        let names = [
            self.stale.name(),
            self.stale_on_error.name(),
            self.retry.name(),
            self.early.name(),
            self.timeout.name(),
            self.soft_timeout.name(),
            self.verify.name(),
            self.shadow.name(),
        ];
        names.into_iter().flatten()
    }

    /// All given options of this file.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Ident> {
        let names = [
            self.jitter.name(),
            self.outage.name(),
            self.codec.name(),
            self.compress.name(),
        ];
        self.about_running().chain(names.into_iter().flatten())
    }
}

/// The number after `verify =`.
pub(super) fn verify(input: ParseStream<'_>) -> syn::Result<u32> {
    let expected = "`verify` is a number: with `verify = 100`, one hit in 100 is compared with what the body returns";
    let number: LitInt = input
        .parse()
        .map_err(|found| error(found.span(), expected))?;
    match number.base10_parse() {
        Ok(0) => Err(error(
            number.span(),
            "`verify = 0` compares nothing; leave it out, or write `verify = 1` to compare every hit",
        )),
        Ok(hits) => Ok(hits),
        Err(_) => Err(error(number.span(), expected)),
    }
}

/// A duration above zero. Its errors name the option.
pub(super) fn length(name: &Ident, input: ParseStream<'_>) -> syn::Result<Duration> {
    let (at, text, length) = if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let seconds = number.base10_parse().map(Duration::from_secs);
        (number.span(), number.to_string(), seconds.ok())
    } else {
        let text: LitStr = input.parse().map_err(|found| {
            error(
                found.span(),
                format!("`{name}` is a duration: `{name} = \"90s\"`, or a number of seconds"),
            )
        })?;
        let length = lifetime::length(&text.value()).map_err(|why| error(text.span(), why))?;
        (text.span(), text.value(), Some(length))
    };
    match length {
        Some(length) if length.is_zero() => Err(error(
            at,
            format!("`{name}` of `{text}` has no effect; leave it out, or give it at least `1ms`"),
        )),
        Some(length) if length <= LONGEST => Ok(length),
        _ => Err(error(at, format!("`{text}` is longer than ten years"))),
    }
}

/// The number after `early =`.
pub(super) fn early(input: ParseStream<'_>) -> syn::Result<f64> {
    let wrong = |span| {
        error(
            span,
            "`early` stands alone, or takes a number above 0 and up to 100: \
             at `early = 2.0` a refresh begins twice as early",
        )
    };
    let (at, number) = if input.peek(LitFloat) {
        let number: LitFloat = input.parse()?;
        (number.span(), number.base10_parse::<f64>())
    } else if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        (number.span(), number.base10_parse::<f64>())
    } else {
        return Err(wrong(input.span()));
    };
    match number {
        Ok(number) if number > 0.0 && number <= 100.0 => Ok(number),
        _ => Err(wrong(at)),
    }
}

/// The percentage after `jitter =`.
pub(super) fn jitter(input: ParseStream<'_>) -> syn::Result<u8> {
    let wrong = |span| {
        error(
            span,
            "`jitter` is a share of the lifetime, from `\"1%\"` to `\"90%\"`: `jitter = \"10%\"`",
        )
    };
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| wrong(found.span()))?;
    let percent = text.value().strip_suffix('%').and_then(whole::<u8>);
    match percent {
        Some(percent @ 1..=90) => Ok(percent),
        _ => Err(wrong(text.span())),
    }
}

pub(super) fn outage(name: &Ident, input: ParseStream<'_>) -> syn::Result<Outage> {
    let outages = [("memory", Outage::Memory), ("bypass", Outage::Bypass)];
    one_of(name, input, outages, "what a call uses while Redis is down")
}

pub(super) fn codec(name: &Ident, input: ParseStream<'_>) -> syn::Result<Codec> {
    let codecs = [
        ("bincode", Codec::Bincode),
        ("postcard", Codec::Postcard),
        ("json", Codec::Json),
    ];
    one_of(name, input, codecs, "how a value is encoded")
}

/// One of a few words.
fn one_of<T: Copy, const N: usize>(
    name: &Ident,
    input: ParseStream<'_>,
    words: [(&'static str, T); N],
    what: &str,
) -> syn::Result<T> {
    let known = words.map(|(word, _)| word);
    let wrong = |span, suggestion: String| {
        let known = known.map(|word| format!("`\"{word}\"`")).join(" or ");
        error(span, format!("`{name}` says {what}: {known}{suggestion}"))
    };
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| wrong(found.span(), String::new()))?;
    let found = words.into_iter().find(|(word, _)| *word == text.value());
    found.map(|(_, value)| value).ok_or_else(|| {
        let suggestion = suggest::did_you_mean(&text.value(), known);
        wrong(text.span(), suggestion)
    })
}

pub(super) fn compress(input: ParseStream<'_>) -> syn::Result<Compress> {
    let text: LitStr = input.parse().map_err(|found: syn::Error| {
        error(found.span(), format!("`compress` {HOW_TO_COMPRESS}"))
    })?;
    let (algorithm, from) = compression(&text.value()).map_err(|why| error(text.span(), why))?;
    Ok(Compress {
        algorithm,
        from,
        at: text.span(),
    })
}

/// `zstd`, or `zstd from 4KiB`.
fn compression(text: &str) -> Result<(Algorithm, usize), String> {
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default();
    let Some((_, algorithm)) = ALGORITHMS.into_iter().find(|(name, _)| *name == word) else {
        let known = ALGORITHMS.map(|(name, _)| name);
        let suggestion = suggest::did_you_mean(word, known);
        return Err(format!(
            "unknown compression `{word}`{suggestion}\nhelp: `compress` {HOW_TO_COMPRESS}"
        ));
    };
    let rest: Vec<&str> = words.collect();
    let size_text = match rest.as_slice() {
        [] => return Ok((algorithm, FROM)),
        ["from", size] => (*size).to_owned(),
        ["from", number, unit] => format!("{number}{unit}"),
        _ => return Err(format!("`compress` {HOW_TO_COMPRESS}")),
    };
    size(&size_text).map(|from| (algorithm, from))
}

/// `512B`, `4KiB`, `1MiB`.
fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let Some((_, bytes)) = UNITS.into_iter().find(|(name, _)| *name == unit) else {
        let nearest = match unit {
            "K" | "k" | "KB" | "kB" | "kb" | "kib" | "KIB" => Some("KiB"),
            "M" | "MB" | "mb" | "mib" | "MIB" => Some("MiB"),
            "b" | "bytes" | "byte" => Some("B"),
            _ => None,
        };
        let suggestion = nearest
            .filter(|_| !number.is_empty())
            .map(|unit| format!("; did you mean `{number}{unit}`?"))
            .unwrap_or_default();
        return Err(format!(
            "`{text}` is not a size{suggestion}\nhelp: write a whole number of `B`, `KiB` or `MiB`, as in `4KiB`"
        ));
    };
    whole::<usize>(number)
        .and_then(|number| number.checked_mul(bytes))
        .filter(|size| *size <= LARGEST)
        .ok_or_else(|| {
            format!("`{text}` is not a size: write a whole number up to `1024MiB`, as in `4KiB`")
        })
}

/// A number written in digits only. `parse` alone would accept a sign, too.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

const HOW_TO_COMPRESS: &str = "is `\"zstd\"` or `\"lz4\"`, from 1 KiB on, or with another size: `compress = \"lz4 from 4KiB\"`";

const ALGORITHMS: [(&str, Algorithm); 2] = [("zstd", Algorithm::Zstd), ("lz4", Algorithm::Lz4)];

const UNITS: [(&str, usize); 3] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)];

/// The default size. Below it, the header of a compressed block costs more than compression saves.
const FROM: usize = 1 << 10;

/// The limit for the size of an entry.
const LARGEST: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_read_with_and_without_a_size() {
        assert_eq!(compression("zstd"), Ok((Algorithm::Zstd, 1024)));
        assert_eq!(compression("lz4 from 4KiB"), Ok((Algorithm::Lz4, 4096)));
        assert_eq!(compression("lz4 from 1 MiB"), Ok((Algorithm::Lz4, 1 << 20)));
        assert_eq!(compression("zstd from 512B"), Ok((Algorithm::Zstd, 512)));
    }

    #[test]
    fn what_is_no_compression_says_why() {
        for (text, reason) in [
            ("", "unknown compression ``"),
            ("zst", "did you mean `zstd`?"),
            ("gzip", "help: `compress` is `\"zstd\"` or `\"lz4\"`"),
            ("lz4 4KiB", "`compress` is"),
            ("lz4 from", "`compress` is"),
            ("lz4 from 4KB", "did you mean `4KiB`?"),
            ("lz4 from 4", "`4` is not a size"),
            ("lz4 from 1.5KiB", "`1.5KiB` is not a size"),
            ("lz4 from KiB", "`KiB` is not a size"),
            ("lz4 from 99999999999999999999MiB", "up to `1024MiB`"),
        ] {
            let error = compression(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
