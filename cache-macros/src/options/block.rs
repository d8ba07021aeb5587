//! Options that a function has from `#[cached_defaults(…)]` at the block around it.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser as _};
use syn::{Token, parenthesized};

use crate::errors::Errors;
use crate::options::Options;
use crate::options::names::Companions;
use crate::suggest;

/// A block around the function, as `#[cached_defaults]` passes it on.
pub(crate) struct Block {
    /// Whether it is an `impl` or a trait, so that the function is a method.
    is_impl: bool,
    options: Options,
}

/// The name of the option by which a block is passed on. Nobody writes it.
pub(super) const PASSED: &str = "__block";

/// The options that a block can have. A function can override each of them, and they concern neither what an entry is nor what
/// a function removes.
const SHARED: [&str; 9] = [
    "cache",
    "crate",
    "ttl",
    "near",
    "outage",
    "codec",
    "compress",
    "jitter",
    "companions",
];

/// Checks the options of a block.
pub(crate) fn check(options: TokenStream) -> syn::Result<()> {
    let options = Options::parse(options)?;
    let mut errors = Errors::default();
    for name in &options.written {
        let text = name.to_string();
        if !SHARED.contains(&text.as_str()) {
            let suggestion = suggest::did_you_mean(&text, SHARED);
            let shared = SHARED.map(|shared| format!("`{shared}`")).join(", ");
            errors.at(
                name.span(),
                format!("`{text}` concerns one function, so it belongs in its `#[cached(…)]`{suggestion}\nhelp: a block can have {shared}"),
            );
        }
    }
    if let (Some(Companions::Named(_)), Some(name)) =
        (options.companions.value(), options.companions.name())
    {
        errors.at(name.span(), "all functions of the block would have companions of the same name; a block can only say `companions = false`");
    }
    errors.finish(())
}

/// `(impl; …)` or `(mod; …)`, behind its name.
pub(super) fn passed(input: ParseStream<'_>) -> syn::Result<Block> {
    let content;
    parenthesized!(content in input);
    let is_impl = content.parse::<Option<Token![impl]>>()?.is_some();
    if !is_impl {
        content.parse::<Token![mod]>()?;
    }
    content.parse::<Token![;]>()?;
    let options: TokenStream = content.parse()?;
    let options = Options::read.parse2(options)?;
    Ok(Block { is_impl, options })
}

impl Options {
    /// Adds the options of the blocks around the function, the innermost first, where the function has none of its own.
    pub(super) fn add_those_of_blocks(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        self.is_in_impl = blocks.first().is_some_and(|block| block.is_impl);
        for Block { options, .. } in blocks {
            self.cache_is_of_block |= self.cache.or(options.cache);
            self.runtime.or(options.runtime);
            self.companions.or(options.companions);
            if self.only_removes() {
                continue;
            }
            self.ttl.or(options.ttl);
            self.near.or(options.near);
            self.policy.outage.or(options.policy.outage);
            self.policy.codec.or(options.policy.codec);
            self.policy.compress.or(options.policy.compress);
            self.policy.jitter.or(options.policy.jitter);
        }
    }

    /// Whether nothing is stored. A TTL of the block must not change that.
    fn only_removes(&self) -> bool {
        self.invalidates.is_given() && !self.key.is_given() && !self.ttl.is_given()
    }
}
