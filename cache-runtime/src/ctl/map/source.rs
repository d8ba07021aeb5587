//! The text of one file, and its syntax.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
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
    /// The columns of texts, numbers and characters within each line.
    literals: Literals,
}

/// Columns, by their lines.
type Literals = HashMap<usize, Vec<Range<usize>>>;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unparsed {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// Brackets within brackets. The parser calls itself for each, and a thread's stack is finite.
const DEEPEST: usize = 128;

/// Names and operators in a row, without a comma, a semicolon, a literal or brackets: the parser may call itself for each,
/// as in `!!!true`.
const LONGEST_RUN: usize = 4_096;

/// Tokens in a row without a comma, a semicolon or a block. An expression is nested in itself for each operator or call in
/// it, as in `a + b + c` and `a.b().c()`.
const LONGEST_EXPRESSION: usize = 32_768;

impl Source {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// It is not Rust, or its brackets are nested too deeply.
    pub(super) fn parse(file: String, text: &str) -> Result<Self, Unparsed> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // a byte-order mark
        let code = without_shebang(text);
        let unparsed = |line, reason: String| Unparsed { line, reason };
        let tokens = TokenStream::from_str(&code)
            .map_err(|why| unparsed(why.span().start().line, unlexed(&code)))?;
        let (mut texts, mut literals) = (Vec::new(), Literals::new());
        walk(&tokens, &mut texts, &mut literals)?;
        let syntax = syn::parse2(tokens)
            .map_err(|why| unparsed(why.span().start().line, why.to_string()))?;
        Ok(Self {
            file,
            lines: text.lines().map(str::to_owned).collect(),
            syntax,
            texts,
            literals,
        })
    }

    /// A line, counted from one.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// Whether a column of a line, counted from zero, is within a text.
    pub(super) fn is_in_literal(&self, number: usize, column: usize) -> bool {
        let literals = self.literals.get(&number).into_iter().flatten();
        literals
            .into_iter()
            .any(|columns| columns.contains(&column))
    }

    /// Whether the line is part of a text that has several.
    pub(super) fn is_in_text(&self, number: usize) -> bool {
        self.texts.iter().any(|lines| lines.contains(&number))
    }
}

/// The text without a first line that is for the system; the lines keep their numbers.
fn without_shebang(text: &str) -> String {
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

/// Collects the lines of long texts, and the columns of short ones.
///
/// # Errors
///
/// The tokens are nested too deeply for the parser.
fn walk(
    tokens: &TokenStream,
    texts: &mut Vec<RangeInclusive<usize>>,
    literals: &mut Literals,
) -> Result<(), Unparsed> {
    let mut open = vec![tokens.clone().into_iter()];
    let (mut run, mut expression) = (0, 0);
    while let Some(innermost) = open.last_mut() {
        let Some(token) = innermost.next() else {
            open.pop();
            continue;
        };
        let ends = ends_an_expression(&token);
        expression = if ends { 0 } else { expression + 1 };
        run = if ends || matches!(token, TokenTree::Group(_) | TokenTree::Literal(_)) {
            0
        } else {
            run + 1
        };
        let line = token.span().start().line;
        let too = |reason| Unparsed { line, reason };
        if run > LONGEST_RUN || expression > LONGEST_EXPRESSION {
            return Err(too(
                "a row of names and operators that is far too long".to_owned()
            ));
        }
        match token {
            TokenTree::Group(_) if open.len() > DEEPEST => {
                return Err(too(format!(
                    "more than {DEEPEST} brackets within one another"
                )));
            }
            TokenTree::Group(group) => open.push(group.stream().into_iter()),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                if end.line > line {
                    texts.push(line..=end.line);
                } else {
                    let columns = literals.entry(line).or_default();
                    columns.push(start.column..end.column);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
    Ok(())
}

/// Whether what comes next is not part of the same expression.
fn ends_an_expression(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), ',' | ';'),
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    }
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
    fn what_is_nested_without_brackets_has_an_end_too() {
        for unit in [
            "!", "return ", "&", "|a| ", "b = ", "1 + ", "b().", "-(1) - ",
        ] {
            let text = |times: usize| format!("fn f() {{\n{}a }}", unit.repeat(times));
            assert!(parse(&text(20)).is_ok(), "{unit}");
            let Err(unparsed) = parse(&text(100_000)) else {
                panic!("{unit}");
            };
            assert!(
                unparsed.line == 2 && unparsed.reason.contains("too long"),
                "{unparsed:?}"
            );
        }
        let generics = format!("type A = {}u8{};", "B<".repeat(50_000), ">".repeat(50_000));
        assert!(parse(&generics).is_err());
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
