//! The attribute and the environment read durations by one grammar.
//!
//! Their parsers stand in two crates that cannot share code, so this test includes the source of both and gives them the
//! same texts.

#[path = "../cache-macros/src/options/duration.rs"]
#[allow(dead_code, reason = "only the parser is tested here")]
mod attribute;
#[path = "../cache-runtime/src/ttl/duration.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the parser is tested here")]
mod environment;

use std::time::Duration;

/// How the attribute reads the text. It refuses zero and durations over ten years later, with the name of the option.
fn attribute(text: &str) -> Result<Duration, String> {
    match attribute::parse_millis(text) {
        Ok(0) => Err("zero".into()),
        Ok(millis) => Ok(Duration::from_millis(millis).min(environment::LONGEST)),
        Err(why) => Err(format!("{why:?}").to_lowercase()),
    }
}

/// How an environment variable, or `ttl_names!`, reads the text.
fn environment(text: &str) -> Result<Duration, String> {
    environment::parse_duration(text).map_err(|why| format!("{why:?}").to_lowercase())
}

#[test]
fn both_read_the_documented_texts() {
    for (text, millis) in [
        ("90s", Ok(90_000)),
        ("5m", Ok(300_000)),
        ("5min", Ok(300_000)),
        ("300", Ok(300_000)),
        ("1h30m", Ok(5_400_000)),
        ("1h 30m", Ok(5_400_000)),
        ("30m 1h", Ok(5_400_000)),
        ("2 days", Ok(172_800_000)),
        (" 250ms ", Ok(250)),
        ("", Err("empty")),
        ("s", Err("number")),
        ("-5s", Err("number")),
        ("1.5s", Err("unit")),
        ("1h 30", Err("unit")),
        ("5S", Err("unit")),
        ("0s", Err("zero")),
    ] {
        let expected = millis.map(Duration::from_millis).map_err(str::to_owned);
        assert_eq!(attribute(text), expected, "the attribute: {text:?}");
        assert_eq!(environment(text), expected, "the environment: {text:?}");
    }
}

/// Every text of up to five of these pieces.
#[test]
fn both_read_every_short_text_alike() {
    const PIECES: [&str; 14] = [
        "0",
        "7",
        "30",
        "99999999999999999999",
        " ",
        "\t",
        "ms",
        "s",
        "min",
        "h",
        "weeks",
        "years",
        "x",
        ".",
    ];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        let longer = |text: &String| PIECES.map(|piece| format!("{text}{piece}"));
        let last = texts.len();
        texts.extend(texts[..last].iter().flat_map(longer).collect::<Vec<_>>());
        texts.sort_unstable();
        texts.dedup();
    }
    for text in texts {
        assert_eq!(attribute(&text), environment(&text), "{text:?}");
    }
}
