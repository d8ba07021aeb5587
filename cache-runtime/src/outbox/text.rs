//! The text of a row: one pattern a line, in the syntax of [`Pattern`].

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::key::Pattern;

/// Begins a line that is no text of a pattern, because `Pattern::parse` refuses this character. The rest of the line is the
/// pattern's serialized form, in percent escapes.
const ESCAPED: char = '?';

/// The patterns of a row that could be read, and why the others could not.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) patterns: Vec<Pattern>,
    /// The first problem.
    pub(super) problem: Option<String>,
}

/// Writes patterns, one a line. Every database can store the result, whatever its encoding: it is ASCII.
pub(super) fn write<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> String {
    let mut text = String::new();
    for pattern in patterns {
        if !text.is_empty() {
            text.push('\n');
        }
        let readable = pattern.to_string();
        let is_plain = readable.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain && Pattern::parse(&readable).as_ref() == Ok(pattern) {
            text.push_str(&readable);
        } else {
            text.push(ESCAPED);
            let wire = pattern.to_wire();
            text.extend(utf8_percent_encode(&wire, NON_ALPHANUMERIC));
        }
    }
    text
}

/// Reads what [`write`] has written, or what somebody has written by hand.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    let mut lines = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        lines += 1;
        match read_line(line) {
            Ok(pattern) => read.patterns.push(pattern),
            Err(problem) => {
                read.problem
                    .get_or_insert_with(|| format!("line {lines}: {problem}"));
            }
        }
    }
    if lines == 0 {
        read.problem = Some("there is no pattern in it".to_owned());
    }
    read
}

fn read_line(line: &str) -> Result<Pattern, String> {
    let Some(escaped) = line.strip_prefix(ESCAPED) else {
        return Pattern::parse(line).map_err(|error| error.to_string());
    };
    let wire = percent_decode_str(escaped).decode_utf8();
    wire.ok()
        .and_then(|wire| Pattern::from_wire(&wire))
        .ok_or_else(|| "this version cannot read the escaped pattern".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::{CacheKey, KeyPrefix, Tag};

    #[track_caller]
    fn round_trip(patterns: &[Pattern]) -> String {
        let text = write(patterns);
        assert!(text.is_ascii(), "{text:?}");
        let read = read(&text);
        assert_eq!(read.problem, None, "{text:?}");
        assert_eq!(read.patterns, patterns, "{text:?}");
        text
    }

    #[test]
    fn what_has_a_plain_text_is_written_as_people_write_it() {
        let plain = [
            "=jobs:stats",
            "jobs:stats",
            "jobs:",
            "jobs:li*",
            "*",
            "user:*:roles",
            "#author:7",
            "#author:*",
            "#a+#b",
            "=%",
        ];
        let patterns = plain.map(|text| Pattern::parse(text).unwrap());
        assert_eq!(round_trip(&patterns), plain.join("\n"));
    }

    #[test]
    fn keys_prefixes_and_tags_of_any_text_come_back_as_they_were() {
        for text in [
            "",
            " ",
            "a b",
            "a:b",
            "a:",
            ":",
            "back\\slash",
            "żółw 東京",
            "new\nline",
            "100%",
            "*",
            "?",
            "#",
            "=",
            "+#",
            "\0",
            "<id>",
            "\u{1f}",
        ] {
            round_trip(&[
                Pattern::key(&CacheKey::new(text)),
                Pattern::key(&CacheKey::of("a").segment(text)),
                Pattern::from(KeyPrefix::from(text)),
                Pattern::from(KeyPrefix::of("a").segment(text)),
                Pattern::tag(Tag::from(text)),
                Pattern::tag(Tag::of("a").segment(text)),
                Pattern::all_tags([text, "b"]),
            ]);
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_leaves_the_others_readable() {
        let read = read("jobs:\n\n  #author:7\r\nuser 7\n?x\n?%FF\n");
        let expected = ["jobs:", "#author:7"].map(|text| Pattern::parse(text).unwrap());
        assert_eq!(read.patterns, expected);
        let problem = read.problem.unwrap();
        assert!(problem.starts_with("line 3: "), "{problem}");
        assert!(super::read(" \n").problem.is_some());
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        let text = any::<String>();
        (text, any::<String>(), 0..6).prop_map(|(text, other, kind)| match kind {
            0 => Pattern::Key(text),
            1 => Pattern::Subtree(text),
            2 => Pattern::Prefix(text),
            3 => Pattern::Tag(text),
            4 => Pattern::TagPrefix(text),
            _ => Pattern::parse(&format!("{other}*{text}")).unwrap_or(Pattern::Key(other)),
        })
    }

    proptest! {
        #[test]
        fn any_pattern_comes_back_as_it_was(patterns in prop::collection::vec(any_pattern(), 1..5)) {
            round_trip(&patterns);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            read(&text);
        }
    }
}
