//! The text of one file, and its syntax.

use std::ops::RangeInclusive;
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file that was read.
pub(super) struct Source {
    /// As it is printed.
    pub(super) file: String,
    pub(super) lines: Vec<String>,
    pub(super) syntax: syn::File,
    /// Lines within texts, in which a comment is none.
    texts: Vec<RangeInclusive<usize>>,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unparsed {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// Brackets within brackets. The parser calls itself for each, and a thread's stack is finite.
const DEEPEST: usize = 128;

impl Source {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// It is not Rust, or its brackets are nested too deeply.
    pub(super) fn parse(file: String, text: &str) -> Result<Self, Unparsed> {
        let code = without_shebang(text);
        let unparsed = |line, reason: String| Unparsed { line, reason };
        let tokens = TokenStream::from_str(&code)
            .map_err(|why| unparsed(why.span().start().line, unlexed(&code)))?;
        let mut texts = Vec::new();
        if let Some(line) = walk(&tokens, &mut texts) {
            let reason = format!("more than {DEEPEST} brackets within one another");
            return Err(unparsed(line, reason));
        }
        let syntax = syn::parse2(tokens)
            .map_err(|why| unparsed(why.span().start().line, why.to_string()))?;
        Ok(Self {
            file,
            lines: text.lines().map(str::to_owned).collect(),
            syntax,
            texts,
        })
    }

    /// A line, counted from one.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// Whether the line is part of a text that has several.
    pub(super) fn is_in_text(&self, number: usize) -> bool {
        self.texts.iter().any(|lines| lines.contains(&number))
    }
}

/// The text without a byte order mark and a first line that is for the system; the lines keep their numbers.
fn without_shebang(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => rest
            .find('\n')
            .map(|at| rest[at..].to_owned())
            .unwrap_or_default(),
        _ => text.to_owned(),
    }
}

/// Why a text has no tokens. The lexer does not say.
fn unlexed(code: &str) -> String {
    let opened = code.matches(['(', '[', '{']).count();
    let closed = code.matches([')', ']', '}']).count();
    match opened == closed {
        true => "a character, text or escape that Rust does not know".to_owned(),
        false => "brackets that do not match, or a text that does not end".to_owned(),
    }
}

/// Collects the lines of long texts. Returns the line at which brackets are nested too deeply.
fn walk(tokens: &TokenStream, texts: &mut Vec<RangeInclusive<usize>>) -> Option<usize> {
    let mut open = vec![tokens.clone().into_iter()];
    while let Some(innermost) = open.last_mut() {
        match innermost.next() {
            None => drop(open.pop()),
            Some(TokenTree::Group(group)) => {
                if open.len() > DEEPEST {
                    return Some(group.span_open().start().line);
                }
                if group.delimiter() != Delimiter::None {
                    open.push(group.stream().into_iter());
                }
            }
            Some(TokenTree::Literal(literal)) => {
                let span = literal.span();
                let (first, last) = (span.start().line, span.end().line);
                if last > first {
                    texts.push(first..=last);
                }
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Source, Unparsed> {
        Source::parse("a.rs".to_owned(), text)
    }

    #[test]
    fn what_is_no_rust_is_named_with_its_line() {
        for (text, line, reason) in [
            ("fn f() {}\nfn g( {}\n", 2, ""),
            ("fn f() {}\n\nlet x = 1;\n", 3, "expected"),
            ("const A: &str = \"\n", 1, ""),
            ("fn f() {}\nconst A: &str = \"\\:\";", 2, ""),
        ] {
            let Err(unparsed) = parse(text) else {
                panic!("{text}");
            };
            assert!(unparsed.line <= line && unparsed.line > 0, "{unparsed:?}");
            assert!(unparsed.reason.contains(reason), "{unparsed:?}");
        }
    }

    #[test]
    fn brackets_may_be_nested_but_not_without_end() {
        let nested =
            |depth: usize| format!("fn f() {{\n{}1{}\n}}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(DEEPEST / 2)).is_ok());
        for depth in [DEEPEST * 2, 100_000] {
            let Err(unparsed) = parse(&nested(depth)) else {
                panic!("{depth}");
            };
            assert_eq!(unparsed.line, 2);
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        for text in [
            "#!/usr/bin/env run\nfn f() {}",
            "\u{feff}\nfn f() {}",
            "#![allow(a)]\nfn f() {}",
        ] {
            let source = parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            let syn::Item::Fn(item) = &source.syntax.items[0] else {
                panic!("{text}");
            };
            assert_eq!(item.sig.ident.span().start().line, 2, "{text}");
            assert_eq!(source.line(2), Some("fn f() {}"));
            assert_eq!((source.line(0), source.line(3)), (None, None));
        }
    }

    #[test]
    fn long_texts_are_known() {
        let source = parse("const A: &str = r\"one\n// two\n\";\n// four")
            .unwrap_or_else(|why| panic!("{why:?}"));
        let lines: Vec<bool> = (1..=4).map(|line| source.is_in_text(line)).collect();
        assert_eq!(lines, [true, true, true, false]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), code in "([(){};:<>#!\"'/=,.&|*-]|fn |mod |cached|\n| |a){0,40}") {
            let _ = (parse(&text).is_ok(), parse(&code).is_ok());
        }
    }
}
