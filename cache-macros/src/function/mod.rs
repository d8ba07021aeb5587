//! The function under the attribute.

pub(crate) mod generic;
pub(crate) mod mentions;
pub(crate) mod owned;
pub(crate) mod self_token;
pub(crate) mod signature;
pub(crate) mod types;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{AttrStyle, Attribute, Ident, Signature, Visibility};

/// A function. Its body is not parsed: rustc reports errors in it, and while somebody types in it, an editor
/// still knows the function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Function {
    /// Reads a function. Any other item is an error.
    pub(crate) fn parse(item: TokenStream) -> syn::Result<Self> {
        Self::read.parse2(item)
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        refuse_other_items(input)?;
        let sig: Signature = input.parse()?;
        if input.peek(syn::Token![;]) {
            return Err(syn::Error::new_spanned(
                &sig.ident,
                format!(
                    "`#[cached]` needs a body; put it on the implementation of `{}`",
                    sig.ident
                ),
            ));
        }
        let body = body(input)?;
        let (inner, body) = split_inner_attributes(&body)?;
        attrs.extend(inner);
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
        })
    }
}

/// Reads the body with its braces. If it comes from a `$body:block` of `macro_rules!`, an invisible group
/// stands around the braces.
fn body(input: ParseStream<'_>) -> syn::Result<Group> {
    let mut group = match input.parse()? {
        TokenTree::Group(group) => group,
        other => {
            return Err(syn::Error::new(
                other.span(),
                "expected the body of a function",
            ));
        }
    };
    while group.delimiter() == Delimiter::None {
        let mut inside = group.stream().into_iter();
        match (inside.next(), inside.next()) {
            (Some(TokenTree::Group(only)), None) => group = only,
            _ => break,
        }
    }
    Ok(group)
}

/// Moves `#![…]` from the beginning of the body to the function, because it would not compile inside the
/// generated closure.
fn split_inner_attributes(body: &Group) -> syn::Result<(Vec<Attribute>, Group)> {
    let split = |input: ParseStream<'_>| {
        let inner = input.call(Attribute::parse_inner).unwrap_or_default();
        let rest: TokenStream = input.parse()?;
        Ok((inner, rest))
    };
    let (mut inner, rest) = split.parse2(body.stream())?;
    for attribute in &mut inner {
        attribute.style = AttrStyle::Outer;
    }
    let mut moved = Group::new(body.delimiter(), rest);
    moved.set_span(body.span());
    Ok((inner, moved))
}

/// Refuses other items, with advice. The parser would only say that it expected `fn`.
fn refuse_other_items(input: ParseStream<'_>) -> syn::Result<()> {
    let Ok(keyword) = input.fork().call(Ident::parse_any) else {
        return Ok(());
    };
    match OTHER_ITEMS.iter().find(|(other, _)| keyword == other) {
        Some((_, advice)) => Err(syn::Error::new(
            keyword.span(),
            format!("`#[cached]` applies to a function{advice}"),
        )),
        None => Ok(()),
    }
}

const BLOCK: &str = "; put it on the functions inside\n\
    help: `#[cached_defaults(…)]` here gives them options that they share";

const OTHER_ITEMS: [(&str, &str); 10] = [
    ("impl", BLOCK),
    ("trait", BLOCK),
    ("mod", BLOCK),
    ("struct", ""),
    ("enum", ""),
    ("union", ""),
    ("static", ""),
    ("type", ""),
    ("use", ""),
    ("let", "; write a function in place of a closure"),
];
