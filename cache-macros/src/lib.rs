//! The `#[cached]` attribute. Use it through `cache_runtime`, which re-exports it and documents it.
//!
//! The crate reads in the order in which an attribute becomes code: `args`, `policy`, `template`,
//! `pattern`, `lifetime`, `item` and `signature` *parse*; `rules`, `generic`, `owned` and `cached_fn`
//! *validate*, and end in one `CachedFn` or in every error at once; `expand` and `companions`
//! *print*. It knows nothing of Redis, memory or tasks: all of that is behind the one call that
//! it prints.

use proc_macro2::TokenStream;

mod answer;
mod args;
mod cached_fn;
mod companions;
mod errors;
mod expand;
mod generic;
mod item;
mod lifetime;
mod mentions;
mod owned;
mod pattern;
mod peers;
mod placeholder;
mod policy;
mod rules;
mod signature;
mod slot;
mod suggest;
mod template;
mod this;

#[cfg(test)]
mod snapshots;

/// Turns an `async fn` into a cached one. See `cache_runtime::cached` for the reference.
#[proc_macro_attribute]
pub fn cached(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cached_impl(args.into(), item.into()).into()
}

/// The attribute on tokens that a unit test can hold: parse, validate, print; or the item as
/// written, beside everything that is wrong with it, so that nothing else in the crate breaks.
fn cached_impl(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match item::Function::parse(item.clone()) {
        Ok(function) => function,
        Err(error) => return errors::beside(item, error),
    };
    match args::Args::parse(args).and_then(|args| cached_fn::CachedFn::new(args, function)) {
        Ok(cached) => expand::expand(&cached),
        Err(error) => errors::beside(item, error),
    }
}
