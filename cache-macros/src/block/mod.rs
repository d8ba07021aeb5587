//! `#[cached_defaults(…)]`: options that all cached functions of an `impl`, trait or module share.
//!
//! ```text
//! // Input                                        // Output
//! #[cached_defaults(cache = self.cache)]
//! impl Repo {                                     impl Repo {
//!     #[cached(key = "job:<id>")]                     #[cached(__block(impl; cache = self.cache), key = "job:<id>")]
//!     async fn job(&self, id: u64) -> Job { … }       async fn job(&self, id: u64) -> Job { … }
//! }                                               }
//! ```
//!
//! The options are passed on as tokens; [`crate::options::block`] reads them where a function lacks its own. Functions are not
//! parsed here, so a mistake in one of them leaves the others as they are.

use proc_macro2::{Span, TokenStream};

use crate::block::items::with_options;
use crate::errors;
use crate::options::block::check;

mod items;

/// The block, with the options at its cached functions. If something is wrong, it returns the block as written and all errors.
pub(crate) fn cached_defaults(args: TokenStream, item: TokenStream) -> TokenStream {
    let options = args.clone();
    match check(args).and_then(|()| with_options(&item, &options)) {
        Ok(Some(item)) => item,
        Ok(None) => errors::beside(item, syn::Error::new(Span::call_site(), NONE_CACHED)),
        Err(error) => errors::beside(item, error),
    }
}

const NONE_CACHED: &str = "no function in this block has the attribute `#[cached]`\n\
    help: `#[cached_defaults]` caches nothing; it gives options to functions that say `#[cached(…)]`, by this name";
