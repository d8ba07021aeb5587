//! Replaces `self` in a body that may run in the background, by a variable that holds a clone.
//!
//! No variable can be called `self`, so every such token becomes [`NAME`]. It keeps its span, so errors are
//! reported where the author wrote `self`. Nested functions, `impl` and `trait` blocks have a `self` of their
//! own, and `self::path` is a path: these are left as they are. Arguments of macros are searched as well, as
//! `async_trait` does.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// The variable in place of `self`. It has the hygiene of the token that it replaces, so it cannot collide
/// with a variable of another macro.
pub(crate) fn name(span: Span) -> Ident {
    Ident::new(NAME, span)
}

/// A body in which `self` has been replaced.
pub(crate) struct Replaced {
    pub(crate) body: TokenStream,
    /// Whether the body had any.
    pub(crate) uses_self: bool,
    /// The places of texts such as `"{self}"` in macros, in which no token can be replaced.
    pub(crate) captures: Vec<Span>,
}

impl Replaced {
    /// Replaces every `self` that is the one of the method.
    pub(crate) fn of(body: TokenStream) -> Self {
        let mut replaced = Self {
            body: TokenStream::new(),
            uses_self: false,
            captures: Vec::new(),
        };
        replaced.body = replaced.stream(body, false);
        replaced
    }

    fn stream(&mut self, tokens: TokenStream, in_macro: bool) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut out = Vec::with_capacity(tokens.len());
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let others = own_self(&tokens[at..]);
            if others > 0 {
                out.extend_from_slice(&tokens[at..at + others]);
                at += others;
                continue;
            }
            out.push(match token {
                TokenTree::Ident(ident) if ident == "self" => {
                    self.uses_self = true;
                    name(ident.span()).into()
                }
                TokenTree::Literal(literal) if in_macro && captures(&literal.to_string()) => {
                    self.captures.push(literal.span());
                    token.clone()
                }
                TokenTree::Group(group) => {
                    let in_macro = in_macro || is_macro(&tokens[..at]);
                    let mut new =
                        Group::new(group.delimiter(), self.stream(group.stream(), in_macro));
                    new.set_span(group.span());
                    new.into()
                }
                other => other.clone(),
            });
            at += 1;
        }
        out.into_iter().collect()
    }
}

/// How many of the next tokens belong to an item or path whose `self` is not the one of the method.
fn own_self(tokens: &[TokenTree]) -> usize {
    let Some(TokenTree::Ident(first)) = tokens.first() else {
        return 0;
    };
    let second = tokens.get(1);
    match first.to_string().as_str() {
        "self" if is_punct(second, ':') && is_punct(tokens.get(2), ':') => 1,
        "use" if !is_punct(second, '<') => up_to(tokens, |_, token| is_punct(Some(token), ';')),
        "pub" if matches!(second, Some(TokenTree::Group(_))) => 2,
        // `fn(u8)` is a type, not a function.
        "fn" if !matches!(second, Some(TokenTree::Group(_))) => up_to(tokens, ends_item),
        "impl" | "trait" => up_to(tokens, ends_item),
        _ => 0,
    }
}

/// The number of tokens up to and including the first one that ends the item. `ends` sees a token and the one
/// before it.
fn up_to(tokens: &[TokenTree], ends: impl Fn(&TokenTree, &TokenTree) -> bool) -> usize {
    let ends = |pair: &[TokenTree]| matches!(pair, [before, token] if ends(before, token));
    let end = tokens.windows(2).position(ends);
    end.map_or(tokens.len(), |before| before + 2)
}

/// Whether the token ends an item: a `;`, or a block that is not a const argument (`Foo<{ N }>`).
fn ends_item(before: &TokenTree, token: &TokenTree) -> bool {
    let is_argument = ['<', ',', '=']
        .into_iter()
        .any(|c| is_punct(Some(before), c));
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_argument,
        token => is_punct(Some(token), ';'),
    }
}

/// Whether the tokens before a group are `name!`.
fn is_macro(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(_), bang] => is_punct(Some(bang), '!'),
        _ => false,
    }
}

/// Whether the literal is a text with `{self}` or `{self:…}`.
fn captures(literal: &str) -> bool {
    literal.starts_with(['"', 'r'])
        && literal.match_indices("self").any(|(at, _)| {
            let (before, after) = (literal[..at].trim_end(), literal[at + 4..].trim_start());
            let braces = before.len() - before.trim_end_matches('{').len();
            braces % 2 == 1 && after.starts_with(['}', ':'])
        })
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

const NAME: &str = "__this";

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn replaced(body: TokenStream) -> String {
        Replaced::of(body).body.to_string()
    }

    #[test]
    fn every_self_of_the_method_is_replaced() {
        for (body, expected) in [
            (quote!(self.a + f(self)), quote!(__this.a + f(__this))),
            (
                quote!(vec![self.a, { self.b }]),
                quote!(vec![__this.a, { __this.b }]),
            ),
            (
                quote!(iter.map(|x| x + self.y)),
                quote!(iter.map(|x| x + __this.y)),
            ),
            (quote!(Self::of(&self)), quote!(Self::of(&__this))),
            (
                quote!(let f: fn(u8) = g; self),
                quote!(let f: fn(u8) = g; __this),
            ),
        ] {
            assert_eq!(replaced(body), expected.to_string());
        }
    }

    #[test]
    fn another_self_is_left_alone() {
        for body in [
            quote!(self::load()),
            quote!(
                use self::jobs::{self, Job};
            ),
            quote!(
                fn inner(self) -> Self {
                    self
                }
            ),
            quote!(
                impl Trait<{ 1 }> for Foo {
                    fn f(&self) -> u8 {
                        self.0
                    }
                }
            ),
            quote!(
                trait T {
                    fn f(self) {
                        self
                    }
                }
            ),
            quote!(
                struct S {
                    pub(self) a: u8,
                }
            ),
        ] {
            let replaced = Replaced::of(body.clone());
            assert_eq!(replaced.body.to_string(), body.to_string());
            assert!(!replaced.uses_self, "{body}");
        }
    }

    #[test]
    fn what_follows_another_self_is_seen_again() {
        assert_eq!(
            replaced(quote!(
                fn f(self) {
                    self
                },
                self
            )),
            quote!(
                fn f(self) {
                    self
                },
                __this
            )
            .to_string()
        );
    }

    #[test]
    fn a_text_that_captures_self_is_found_in_macros_only() {
        let captures = |body| Replaced::of(body).captures.len();
        assert_eq!(captures(quote!(println!("{self:?}"))), 1);
        assert_eq!(captures(quote!(println!("{self}, {}", x))), 1);
        assert_eq!(captures(quote!(println!("{{self}}, {myself}"))), 0);
        assert_eq!(captures(quote!(render("{self}"))), 0);
    }
}
