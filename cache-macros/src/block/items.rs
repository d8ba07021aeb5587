//! Finds the attributes of the functions in a block. It looks at tokens and not at syntax, because the bodies between them need
//! not be understood.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;

/// What an item is.
#[derive(Clone, Copy)]
enum Item {
    Block(Kind),
    /// Without functions that get options.
    Other,
}

/// A block of items.
#[derive(Clone, Copy)]
enum Kind {
    /// An `impl` or a trait: its functions are methods.
    Impl,
    Module,
}

/// The item with these options at each of its cached functions; `None` if it has none.
///
/// # Errors
///
/// The item is no block, or a module in a file of its own.
pub(super) fn with_options(
    item: &TokenStream,
    options: &TokenStream,
) -> syn::Result<Option<TokenStream>> {
    let item: TokenStream = unwrapped(item.clone()).into_iter().collect();
    must_be_a_block(&item)?;
    let mut passing = Passing {
        options,
        found: false,
    };
    let item = passing.items(item, None);
    Ok(passing.found.then_some(item))
}

fn must_be_a_block(item: &TokenStream) -> syn::Result<()> {
    let words = item.clone().into_iter().filter_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident),
        _ => None,
    });
    let mut known = words.filter_map(|word| Some((Item::begun_by(&word)?, word)));
    let is_block = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let message = match known.next() {
        Some((Item::Block(_), _)) if item.clone().into_iter().any(|token| is_block(&token)) => {
            return Ok(());
        }
        Some((Item::Block(_), word)) => (word.span(), IN_ANOTHER_FILE),
        Some((Item::Other, word)) => (word.span(), NO_BLOCK),
        None => (Span::call_site(), NO_BLOCK),
    };
    Err(syn::Error::new(message.0, message.1))
}

const NO_BLOCK: &str = "`#[cached_defaults]` gives options to the cached functions of an `impl`, a trait or a `mod { … }`; one function \
    has its options in `#[cached(…)]`";

const IN_ANOTHER_FILE: &str = "an attribute does not see the file of a module\n\
    help: put the functions into an `impl`, or into a `mod { use super::*; … }` in that file";

/// Passes options on to cached functions.
struct Passing<'a> {
    options: &'a TokenStream,
    /// Whether there was a cached function.
    found: bool,
}

impl Passing<'_> {
    /// Items one after the other, in such a block; outside of one, attributes are left alone.
    fn items(&mut self, items: TokenStream, inside: Option<Kind>) -> TokenStream {
        let mut item = None;
        let mut after_hash = false;
        let mut tokens = items.into_iter().peekable();
        let mut out = Vec::new();
        while let Some(token) = tokens.next() {
            let is_attribute = std::mem::replace(&mut after_hash, is_punct(&token, '#'));
            out.push(match token {
                TokenTree::Group(group) => match (group.delimiter(), item, inside) {
                    (Delimiter::Bracket, _, Some(kind)) if is_attribute => {
                        regrouped(&group, self.attribute(group.stream(), kind))
                    }
                    (Delimiter::Brace, begun, _) => {
                        // Behind `<{ N }` the item goes on.
                        let goes_on = |next| is_punct(next, '>') || is_punct(next, ',');
                        if !tokens.peek().is_some_and(goes_on) {
                            item = None;
                        }
                        match begun {
                            Some(Item::Block(kind)) => {
                                regrouped(&group, self.items(group.stream(), Some(kind)))
                            }
                            Some(Item::Other) | None => group.into(),
                        }
                    }
                    // What a macro has passed on: an item, or an expression.
                    (Delimiter::None, None, Some(_)) => {
                        regrouped(&group, self.items(group.stream(), inside))
                    }
                    _ => group.into(),
                },
                TokenTree::Ident(ident) => {
                    item = item.or_else(|| Item::begun_by(&ident));
                    ident.into()
                }
                token => {
                    if is_punct(&token, ';') {
                        item = None;
                    }
                    token
                }
            });
        }
        out.into_iter().collect()
    }

    /// What stands in an attribute, with the options if it is `cached`, also under a condition.
    fn attribute(&mut self, attribute: TokenStream, kind: Kind) -> TokenStream {
        let tokens = unwrapped(attribute);
        let (path, list) = match tokens.as_slice() {
            [path @ .., TokenTree::Group(list)] if list.delimiter() == Delimiter::Parenthesis => {
                (path, Some(list))
            }
            path => (path, None),
        };
        let path: TokenStream = path.iter().cloned().collect();
        let names = path.to_string().replace(' ', "");
        let names: Vec<&str> = names.trim_start_matches("::").split("::").collect();
        match (names.as_slice(), list) {
            (["cfg_attr"], Some(list)) => {
                let parts = self.parts(list.stream(), kind);
                let list = regrouped(list, parts);
                quote!(#path #list)
            }
            // The crate `cached` has an attribute of the same name.
            (["cached", _, ..], _) => quote!(#path #list),
            ([.., "cached"], list) => {
                self.found = true;
                let passed = self.passed(kind);
                match list {
                    None => quote!(#path(#passed)),
                    Some(list) => {
                        let own = list.stream();
                        let list = regrouped(list, quote!(#passed, #own));
                        quote!(#path #list)
                    }
                }
            }
            _ => quote!(#path #list),
        }
    }

    /// The parts of `cfg_attr(…)`: a condition, which is left alone, and attributes.
    fn parts(&mut self, parts: TokenStream, kind: Kind) -> TokenStream {
        let parts: Vec<TokenTree> = parts.into_iter().collect();
        let mut out = TokenStream::new();
        for (at, part) in parts.split(|token| is_punct(token, ',')).enumerate() {
            let part: TokenStream = part.iter().cloned().collect();
            if at == 0 {
                out.extend(part);
            } else {
                let part = self.attribute(part, kind);
                out.extend(quote!(, #part));
            }
        }
        out
    }

    fn passed(&self, kind: Kind) -> TokenStream {
        let options = self.options;
        let kind = match kind {
            Kind::Impl => quote!(impl),
            Kind::Module => quote!(mod),
        };
        quote!(__block(#kind; #options))
    }
}

impl Item {
    fn begun_by(word: &Ident) -> Option<Self> {
        const OTHERS: [&str; 11] = [
            "fn",
            "struct",
            "enum",
            "union",
            "const",
            "static",
            "type",
            "use",
            "extern",
            "macro_rules",
            "let",
        ];
        if word == "impl" || word == "trait" {
            Some(Self::Block(Kind::Impl))
        } else if word == "mod" {
            Some(Self::Block(Kind::Module))
        } else {
            OTHERS
                .iter()
                .any(|other| word == other)
                .then_some(Self::Other)
        }
    }
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// The tokens of an attribute or item. What a macro has passed on as `$attribute:meta` or `$item:item` may be in a group without
/// delimiters.
fn unwrapped(piece: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = piece.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            unwrapped(group.stream())
        }
        _ => tokens,
    }
}

/// A group of the same kind at the same place.
fn regrouped(group: &Group, stream: TokenStream) -> TokenTree {
    let mut other = Group::new(group.delimiter(), stream);
    other.set_span(group.span());
    other.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(item: TokenStream) -> String {
        let item = with_options(&item, &quote!(ttl = 5));
        let item = item.unwrap_or_else(|why| panic!("{why}"));
        item.map_or_else(|| "no function".to_owned(), |item| item.to_string())
    }

    #[test]
    fn every_cached_function_of_a_block_gets_the_options() {
        for (item, expected) in [
            (
                quote!(impl A<{ 1 }> { #[cached] async fn a() { #[cached] async fn b() {} } }),
                quote!(impl A<{ 1 }> { #[cached(__block(impl; ttl = 5))] async fn a() { #[cached] async fn b() {} } }),
            ),
            (
                quote!(
                    pub trait A {
                        const N: B = B {};
                        #[inline]
                        #[runtime::cached(key = "a", put)]
                        async fn a(&self) {}
                    }
                ),
                quote!(
                    pub trait A {
                        const N: B = B {};
                        #[inline]
                        #[runtime::cached(__block(impl; ttl = 5), key = "a", put)]
                        async fn a(&self) {}
                    }
                ),
            ),
            (
                quote!(
                    mod a {
                        struct S {
                            #[cached]
                            s: u8,
                        }
                        mod b {
                            impl C {
                                #[cached()]
                                fn c() {}
                            }
                        }
                        #[cfg_attr(d, inline, cached(put))]
                        fn d() {}
                    }
                ),
                quote!(
                    mod a {
                        struct S {
                            #[cached]
                            s: u8,
                        }
                        mod b {
                            impl C {
                                #[cached(__block(impl; ttl = 5),)]
                                fn c() {}
                            }
                        }
                        #[cfg_attr(d, inline, cached(__block(mod; ttl = 5), put))]
                        fn d() {}
                    }
                ),
            ),
        ] {
            assert_eq!(passed(item), expected.to_string());
        }
    }

    #[test]
    fn what_a_macro_passes_on_as_one_piece_is_found() {
        let piece = |stream| Group::new(Delimiter::None, stream);
        let attribute = piece(quote!(cached(put)));
        assert_eq!(
            passed(quote!(impl A { #[#attribute] fn a() {} })),
            quote!(impl A { #[cached(__block(impl; ttl = 5), put)] fn a() {} }).to_string()
        );
        assert_eq!(
            passed(quote!(
                mod a {
                    #[cfg_attr(cached, #attribute)]
                    fn a() {}
                }
            )),
            quote!(
                mod a {
                    #[cfg_attr(cached, cached(__block(mod; ttl = 5), put))]
                    fn a() {}
                }
            )
            .to_string()
        );
        let item = piece(quote!(
            #[cached]
            fn a() {}
        ));
        assert_eq!(
            passed(quote!(mod a { #item })),
            quote!(
                mod a {
                    #[cached(__block(mod; ttl = 5))]
                    fn a() {}
                }
            )
            .to_string()
        );
    }

    #[test]
    fn what_has_no_cached_function_or_is_no_block_is_refused() {
        for item in [
            quote!(impl A { fn a() {} #[cached::proc_macro::cached] fn b() {} }),
            quote!(
                mod a {
                    fn f() {
                        #[cached]
                        fn g() {}
                    }
                }
            ),
        ] {
            assert_eq!(passed(item), "no function");
        }
        for item in [
            quote!(
                pub mod a;
            ),
            quote!(
                async fn a() {}
            ),
            quote!(
                struct S {
                    s: u8,
                }
            ),
            quote!(x! {}),
        ] {
            assert!(with_options(&item, &quote!()).is_err(), "{item}");
        }
    }
}
