//! The `#[cached]` attribute. Use it through `cache_runtime`, which re-exports it and documents it.
//!
//! An attribute becomes code in steps. Each step is a folder, and imports only from those below it:
//!
//! ```text
//! block       passes the options of a block on to its functions
//! expand      prints: the function, which makes one call into the runtime, and its companions
//! cached_fn   validates: options and function become one `CachedFn`, or every error at once
//! template    parses the text of keys and patterns
//! function    parses the function under the attribute
//! options     parses what stands between the parentheses of the attribute
//! errors, suggest, spans
//! ```
//!
//! The crate knows nothing of Redis, memory or tasks: all of that is behind the call that it prints.

use proc_macro2::TokenStream;

mod block;
mod cached_fn;
mod errors;
mod expand;
mod function;
mod options;
mod spans;
mod suggest;
mod template;

#[cfg(test)]
mod snapshots;

/// Turns a function into a cached one. See `cache_runtime::cached` for the reference.
#[proc_macro_attribute]
pub fn cached(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cached_impl(args.into(), item.into()).into()
}

/// Gives options to all cached functions of a block. See `cache_runtime::cached_defaults` for the reference.
#[proc_macro_attribute]
pub fn cached_defaults(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    block::cached_defaults(args.into(), item.into()).into()
}

/// The attribute `cached`, on tokens that a unit test can make. If something is wrong, it returns the item as written
/// and all errors.
fn cached_impl(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::Function::parse(item.clone()) {
        Ok(function) => function,
        Err(error) => return errors::beside(item, error),
    };
    match options::Options::parse(args)
        .and_then(|options| cached_fn::CachedFn::new(options, function))
    {
        Ok(cached) => expand::expand(&cached),
        Err(error) => errors::beside(item, error),
    }
}
