//! Prints a [`CachedFn`]: the function, with a body that calls the runtime, and its companions.
//!
//! ```text
//! // Input
//! #[cached(ttl = "list", key = "jobs:list:<skip>:<limit>", companions = false)]
//! async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<Job>, DbError> { body }
//!
//! // Output
//! async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<Job>, DbError> {
//!     static __SITE: Site = Site::new(concat!(module_path!(), "::list_jobs"))
//!         .key(Template::new(&["jobs:list:", ":", ""]))
//!         .ttl(Ttl::Named(&ttl::LIST));
//!     // `of` is there only if the function may be a method, because a method can have several instances.
//!     let call = __SITE.call().key(&[&skip, &limit]).of(instance!("list_jobs")).holds_caller(identify_caller!(u32));
//!     read::<Result<Vec<Job>, DbError>, _, _, _, _, _>(
//!         call,
//!         kind!(Result<Vec<Job>, DbError>),
//!         always,
//!         no_result_patterns,
//!         move || async move {
//!             if let Some(returned) = stated::<Result<Vec<Job>, DbError>>() { return returned; }
//!             body
//!         },
//!     ).await
//! }
//! ```
//!
//! With `stale`, `early`, `soft_timeout` or `verify` the body may run in the background, so it owns what it uses:
//!
//! ```text
//! // Input
//! #[cached(ttl = "list", key = "user:<name>", stale = "5m")]
//! async fn user(&self, name: &str) -> User { self.load(name).await }
//!
//! // Output: as above, except
//!     read_detachable::<User, _, _, _, _, _>(
//!         …
//!         move || {
//!             let __this = CloneForStale::owned(BorrowedArgument, self);
//!             let name = CloneForStale::owned(BorrowedArgument, name);
//!             async move {
//!                 if let Some(returned) = stated::<User>() { return returned; }
//!                 let __this: &Self = Borrow::<Self>::borrow(&__this);
//!                 let name: &str = Borrow::<str>::borrow(&name);
//!                 __this.load(name).await
//!             }
//!         },
//!     ).await
//! ```
//!
//! Without `async` the body is a closure, and nothing is awaited:
//!
//! ```text
//! // Input
//! #[cached(ttl = "1h", key = "rate:<currency>")]
//! fn rate(currency: &str) -> f64 { body }
//!
//! // Output: as above, except
//!     read_blocking::<f64, _, _, _, _>(
//!         …
//!         move || {
//!             if let Some(returned) = stated::<f64>() { return returned; }
//!             body
//!         },
//!     )
//! ```
//!
//! Generated names cannot collide with names of the body: paths begin with the runtime's `__private`, and
//! local variables have the hygiene of the macro (`mixed_site`). The static holds nothing that depends on a
//! type parameter, because all instances of a generic function share it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::cached_fn::CachedFn;
use crate::expand::tokens::braced;
use crate::function::signature::Form;

mod body;
mod call;
mod companions;
mod result_patterns;
mod site;
mod tokens;

/// The cached function, and its companions.
pub(crate) fn expand(cached: &CachedFn) -> TokenStream {
    let function = &cached.function;
    let (attrs, vis, sig) = (&function.attrs, &function.vis, &function.sig);
    let body = new_body(cached);
    let companions = companions::expand(cached);
    quote! {
        #(#attrs)*
        #vis #sig #body
        #companions
    }
}

/// The new body, in the form of the old one.
fn new_body(cached: &CachedFn) -> TokenStream {
    match &cached.shape.form {
        Form::Async(body) | Form::Sync(body) => {
            let statements = statements(cached, body);
            braced(cached, statements)
        }
        Form::Boxed {
            before, pin, body, ..
        } => {
            let statements = statements(cached, body);
            braced(cached, quote!(#(#before)* #pin(async move { #statements })))
        }
    }
}

/// Everything about the function, everything about the call, and the call into the runtime.
fn statements(cached: &CachedFn, body: &TokenStream) -> TokenStream {
    let call = Ident::new("call", Span::mixed_site());
    let (site, static_site) = match companions::shared_site(&cached.companions) {
        Some(site) => (site, None),
        None => (quote!(__SITE), Some(site::static_site(cached))),
    };
    let key = call::keyed(cached, &cached.function.sig.ident);
    let options = call::options_of_call(cached);
    let run = body::run(cached, &call, body);
    quote! {
        #static_site
        let #call = #site.call() #key #options;
        #run
    }
}
