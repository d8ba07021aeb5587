//! The companions of a cached function: functions that give the key, remove an entry, refresh it, or bypass
//! the cache.
//!
//! ```text
//! // beside `async fn list_jobs(skip: u32, db: &Db) -> Vec<Job>`, with `skip(db)`
//! mod __companions_of_list_jobs__in_an_impl_say_companions_false { pub enum list_jobs {} }
//! use __companions_of_list_jobs__in_an_impl_say_companions_false::*;
//! impl __companions_of_list_jobs__in_an_impl_say_companions_false::list_jobs {
//!     fn __site() -> &'static Site { static __SITE: Site = …; &__SITE }
//!     fn key(skip: u32) -> CacheKey { … }
//!     fn invalidate(skip: u32) -> impl Future<Output = Invalidation> { … }
//!     fn invalidate_all() -> impl Future<Output = Invalidation> { … }
//!     fn refresh(skip: u32, db: &Db) -> impl Future<Output = Vec<Job>> { refresh(Self::__site(), list_jobs(skip, db)) }
//!     fn uncached(skip: u32, db: &Db) -> impl Future<Output = Vec<Job>> { uncached(Self::__site(), list_jobs(skip, db)) }
//! }
//! ```
//!
//! Types and functions have separate namespaces, so the type can have the name of the function. It is an enum
//! without variants; functions of a module would not see types that are local to a function. The type is
//! imported by a `*`, so a module or type of the same name takes precedence: then the function has no
//! companions, but the program compiles. The body is printed only once, in the function.
//!
//! A module cannot stand in an `impl`, and a macro does not see that it is in one if nothing says `self` or
//! `Self`. rustc then reports that it does not know the module, so the name of the module says what to do.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Attribute, Generics, PatType};

use crate::cached_fn::companions::Companions;
use crate::cached_fn::key::Key;
use crate::cached_fn::{CachedFn, Role};
use crate::expand::call;
use crate::expand::site::static_site;
use crate::expand::tokens::{companions_module, private};
use crate::function::generic::{instance, retained};
use crate::function::mentions::mentions;
use crate::function::signature::{Argument, Form};

/// The companions, if the function has any.
pub(super) fn expand(cached: &CachedFn) -> Option<TokenStream> {
    match &cached.companions {
        Companions::None => None,
        Companions::Type(name) => Some(beside_a_function(cached, name)),
        Companions::Methods(name) => Some(beside_a_method(cached, name)),
    }
}

/// The function that gives the static, if companions share it with the cached function.
pub(super) fn shared_site(companions: &Companions) -> Option<TokenStream> {
    match companions {
        Companions::None => None,
        Companions::Type(name) => {
            let module = companions_module(name);
            Some(quote!(#module::#name::__site()))
        }
        Companions::Methods(name) => {
            let site = format_ident!("__{name}_site");
            Some(quote!(Self::#site()))
        }
    }
}

fn beside_a_function(cached: &CachedFn, name: &Ident) -> TokenStream {
    let (function, vis) = (&cached.function.sig.ident, &cached.function.vis);
    let functions = Functions {
        cached,
        callee: quote!(#function),
        prefix: String::new(),
        site: format_ident!("__site"),
    };
    let functions = functions.all();
    let doc = format!(
        "The companions of the function `{function}`: the key of its entries, and operations on them."
    );
    let module = companions_module(name);
    let (cfgs, allow) = (cfgs(cached), allow());
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #allow
        mod #module {
            #[doc = #doc]
            pub enum #name {}
        }
        #(#cfgs)*
        #allow
        #vis use #module::*;
        #(#cfgs)*
        #allow
        impl #module::#name { #(#functions)* }
    }
}

fn beside_a_method(cached: &CachedFn, name: &Ident) -> TokenStream {
    let method = &cached.function.sig.ident;
    let functions = Functions {
        cached,
        callee: quote!(Self::#method),
        prefix: format!("{name}_"),
        site: format_ident!("__{name}_site"),
    };
    let (cfgs, allow) = (cfgs(cached), allow());
    let functions = functions.all();
    functions
        .iter()
        .map(|function| quote!(#(#cfgs)* #allow #function))
        .collect()
}

/// The `#[cfg]` attributes of the function, which its companions need as well.
fn cfgs(cached: &CachedFn) -> Vec<&Attribute> {
    let attrs = cached.function.attrs.iter();
    attrs.filter(|attr| attr.path().is_ident("cfg")).collect()
}

/// The lints that companions may break.
fn allow() -> TokenStream {
    quote!(#[allow(dead_code, unused_imports, non_camel_case_types, unreachable_pub, unused_mut, unused_variables, clippy::all, clippy::redundant_clone)])
}

/// Prints the companions of one function.
struct Functions<'a> {
    cached: &'a CachedFn,
    /// The cached function, as companions call it.
    callee: TokenStream,
    /// The beginning of the names of companions.
    prefix: String,
    /// The function that gives the static.
    site: Ident,
}

impl Functions<'_> {
    fn all(&self) -> Vec<TokenStream> {
        let mut all = vec![self.site(), self.key(), self.invalidate()];
        all.extend(self.invalidate_all());
        if matches!(self.cached.role, Role::Read(_)) {
            all.push(self.through(
                "refresh",
                "Runs the body now and stores its result, whether or not an entry exists.",
            ));
        }
        all.push(self.through(
            "uncached",
            "Runs the body without the cache: nothing is read, stored or removed.",
        ));
        all
    }

    fn site(&self) -> TokenStream {
        let private = private(self.cached);
        let (name, site) = (&self.site, static_site(self.cached));
        quote! {
            #[doc(hidden)]
            fn #name() -> &'static #private::Site {
                #site
                &__SITE
            }
        }
    }

    fn key(&self) -> TokenStream {
        let private = private(self.cached);
        let uses = |name: &str| self.cached.key().is_some_and(|key| key.uses(name));
        let step = call::key_steps(self.cached, &self.name_of("key"));
        let Head {
            vis,
            name,
            doc,
            generics,
            inputs,
            predicates,
        } = self.head(
            "key",
            "The key under which a call with these arguments is cached.",
            &uses,
            step.as_ref(),
        );
        let site = &self.site;
        quote! {
            #doc
            #[must_use]
            #vis fn #name #generics (#inputs) -> #private::CacheKey #predicates {
                Self::#site().call() #step .into_key()
            }
        }
    }

    fn invalidate(&self) -> TokenStream {
        let private = private(self.cached);
        let cache = &self.cached.cache;
        let steps = call::keyed(self.cached, &self.name_of("invalidate"));
        let uses = |name: &str| {
            self.cached.key().is_some_and(|key| key.uses(name)) || mentions(quote!(#cache), name)
        };
        let Head {
            vis,
            name,
            doc,
            generics,
            inputs,
            predicates,
        } = self.head(
            "invalidate",
            "Removes the entry of a call with these arguments.",
            &uses,
            Some(&steps),
        );
        let site = &self.site;
        quote! {
            #doc
            #vis fn #name #generics (#inputs)
            -> impl ::core::future::Future<Output = #private::Invalidation> #predicates {
                // Returns a future of the runtime, which is compiled once and not for each function. It holds no
                // argument.
                Self::#site().call() #steps .invalidate()
            }
        }
    }

    /// Exists only if the template begins with text, because keys that begin with a value have no beginning in
    /// common.
    fn invalidate_all(&self) -> Option<TokenStream> {
        let has_beginning = match self.cached.key()? {
            Key::Template { literals, .. } => !literals.first()?.is_empty(),
            Key::Automatic { .. } => true,
            Key::Expr(_) => false,
        };
        if !has_beginning {
            return None;
        }
        let private = private(self.cached);
        let cache = &self.cached.cache;
        let uses = |name: &str| mentions(quote!(#cache), name);
        let Head {
            vis,
            name,
            doc,
            generics,
            inputs,
            predicates,
        } = self.head(
            "invalidate_all",
            "Removes the entries of all calls, and all other entries whose keys have the same beginning.",
            &uses,
            None,
        );
        let (site, cache) = (&self.site, call::cache_step(self.cached));
        Some(quote! {
            #doc
            #vis fn #name #generics (#inputs)
            -> impl ::core::future::Future<Output = #private::Invalidation> #predicates {
                Self::#site().call() #cache .invalidate_all()
            }
        })
    }

    /// A companion that calls the function and tells the runtime how to run it: `refresh` or `uncached`.
    fn through(&self, name: &str, doc: &str) -> TokenStream {
        let private = private(self.cached);
        let (shape, function) = (&self.cached.shape, &self.cached.function.sig.ident);
        let callee = &self.callee;
        let rule = format_ident!("{name}");
        let Head { vis, name, doc, .. } = self.head(name, doc, &|_| false, None);
        let receiver = shape.receiver.iter().map(|receiver| quote!(#receiver));
        let arguments = shape.arguments.iter().enumerate().map(|(index, argument)| {
            let (name, ty) = (argument.companion_name(index, function), &argument.typed.ty);
            quote!(#name: #ty)
        });
        let inputs = receiver.chain(arguments);
        let receiver = shape.receiver.iter().map(|receiver| {
            let this = &receiver.self_token;
            quote!(#this)
        });
        let names = shape.arguments.iter().enumerate().map(|(index, argument)| {
            let name = argument.companion_name(index, function);
            quote!(#name)
        });
        let passed = receiver.chain(names);
        let (generics, predicates) = (
            &self.cached.function.sig.generics,
            &self.cached.function.sig.generics.where_clause,
        );
        let instance = instance(generics);
        let (site, output) = (&self.site, &shape.output.written);
        if matches!(shape.form, Form::Sync(_)) {
            let rule = format_ident!("{rule}_blocking");
            return quote! {
                #doc
                #vis fn #name #generics (#(#inputs),*) -> #output #predicates {
                    #private::#rule(Self::#site(), move || #callee #instance(#(#passed),*))
                }
            };
        }
        quote! {
            #doc
            #vis fn #name #generics (#(#inputs),*)
            -> impl ::core::future::Future<Output = #output> #predicates {
                // As an `async fn` it would be one more future to check, which takes a tenth of the time to compile the function.
                #private::#rule(Self::#site(), #callee #instance(#(#passed),*))
            }
        }
    }

    fn name_of(&self, name: &str) -> Ident {
        format_ident!("{}{name}", self.prefix)
    }

    /// The head of a companion that takes the arguments that `uses` selects, with the generics that these
    /// and `step` need.
    fn head(
        &self,
        name: &str,
        doc: &str,
        uses: &dyn Fn(&str) -> bool,
        step: Option<&TokenStream>,
    ) -> Head<'_> {
        let function = &self.cached.function;
        let doc = format!("{doc}\n\nA companion of `{}`.", function.sig.ident);
        let taken =
            |argument: &&Argument| argument.names.iter().any(|name| uses(&name.to_string()));
        let typed: Vec<&PatType> = self
            .cached
            .shape
            .arguments
            .iter()
            .filter(taken)
            .map(|argument| &argument.typed)
            .collect();
        let receiver = uses("self").then(|| quote!(&self));
        let generics = retained(&function.sig.generics, &quote!(#(#typed),* #step));
        let predicates = generics.where_clause.clone();
        let inputs = receiver
            .into_iter()
            .chain(typed.iter().map(|typed| quote!(#typed)));
        Head {
            vis: &function.vis,
            name: self.name_of(name),
            doc: quote!(#[doc = #doc]),
            generics,
            inputs: quote!(#(#inputs),*),
            predicates: quote!(#predicates),
        }
    }
}

/// The signature of a companion, and its documentation.
struct Head<'a> {
    vis: &'a syn::Visibility,
    name: Ident,
    doc: TokenStream,
    generics: Generics,
    inputs: TokenStream,
    predicates: TokenStream,
}
