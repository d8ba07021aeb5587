//! What stands beside a cached function: its key, removal, refresh, and the way past the cache.
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
//!     async fn refresh(skip: u32, db: &Db) -> Vec<Job> { refresh(Self::__site(), list_jobs(skip, db)).await }
//!     async fn uncached(skip: u32, db: &Db) -> Vec<Job> { uncached(Self::__site(), list_jobs(skip, db)).await }
//! }
//! ```
//!
//! Types and functions have namespaces of their own, so the two names do not meet; an enum without
//! variants, because a module could not see types local to a function. Its name comes in by a `*`, so that a module or a
//! type which the function shares its name with goes first; then there are no companions, and nothing is in the way. The
//! body stands only once.
//!
//! In an `impl` none of this can stand, and a macro does not see that it is in one where nothing says `self` or `Self`.
//! rustc then reports that it does not know the module, so the module's name says what to write.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{GenericParam, Generics, PatType, WherePredicate};

use crate::cached_fn::{CachedFn, Companions, Key, Role};
use crate::expand;
use crate::function::mentions::mentions;
use crate::function::signature::Argument;

/// The companions, if the function has any.
pub(crate) fn expand(cached: &CachedFn) -> Option<TokenStream> {
    let sig = &cached.function.sig;
    let vis = &cached.function.vis;
    let cfgs: Vec<_> = cached
        .function
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .collect();
    let allow = quote!(#[allow(dead_code, unused_imports, non_camel_case_types, unreachable_pub, unused_mut, unused_variables, clippy::all, clippy::redundant_clone)]);
    match &cached.companions {
        Companions::None => None,
        Companions::Type(name) => {
            let functions = Functions {
                cached,
                callee: &sig.ident.clone().into(),
                prefix: String::new(),
                site: format_ident!("__site"),
            };
            let functions = functions.all();
            let doc = format!(
                "Beside the function `{}`: the key of its entries, and what can be done with them.",
                sig.ident
            );
            let room = room(name);
            Some(quote! {
                #(#cfgs)*
                #[doc(hidden)]
                #allow
                mod #room {
                    #[doc = #doc]
                    pub enum #name {}
                }
                #(#cfgs)*
                #allow
                #vis use #room::*;
                #(#cfgs)*
                #allow
                impl #room::#name { #(#functions)* }
            })
        }
        Companions::Methods(name) => {
            let callee = &sig.ident;
            let functions = Functions {
                cached,
                callee: &Callee(quote!(Self::#callee)),
                prefix: format!("{name}_"),
                site: format_ident!("__{name}_site"),
            };
            let functions = functions.all();
            let attrs = quote!(#(#cfgs)* #allow);
            Some(
                functions
                    .iter()
                    .map(|function| quote!(#attrs #function))
                    .collect(),
            )
        }
    }
}

/// The module that the type of a free function's companions stands in.
pub(crate) fn room(name: &Ident) -> Ident {
    format_ident!("__companions_of_{name}__in_an_impl_say_companions_false")
}

/// The cached function, as companions call it.
struct Callee(TokenStream);

impl From<Ident> for Callee {
    fn from(name: Ident) -> Self {
        Self(quote!(#name))
    }
}

struct Functions<'a> {
    cached: &'a CachedFn,
    callee: &'a Callee,
    prefix: String,
    site: Ident,
}

impl Functions<'_> {
    fn all(&self) -> Vec<TokenStream> {
        let mut all = vec![self.site(), self.key(), self.invalidate()];
        all.extend(self.invalidate_all());
        if matches!(self.cached.role, Role::Read(_)) {
            all.push(self.through(
                "refresh",
                "Runs the body now and stores what it returns, whatever stands in the cache.",
            ));
        }
        all.push(self.through(
            "uncached",
            "Runs the body, past the cache: nothing is read, stored or removed.",
        ));
        all
    }

    fn site(&self) -> TokenStream {
        let private = expand::private(self.cached);
        let (name, site) = (&self.site, expand::static_site(self.cached));
        quote! {
            #[doc(hidden)]
            fn #name() -> &'static #private::Site {
                #site
                &__SITE
            }
        }
    }

    fn key(&self) -> TokenStream {
        let private = expand::private(self.cached);
        let uses = |name: &str| self.cached.key().is_some_and(|key| key.uses(name));
        let step = expand::key_steps(self.cached, &self.name_of("key"));
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
        let private = expand::private(self.cached);
        let cache = &self.cached.cache;
        let steps = expand::keyed(self.cached, &self.name_of("invalidate"));
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
            "Removes what a call with these arguments left in the cache.",
            &uses,
            Some(&steps),
        );
        let site = &self.site;
        quote! {
            #doc
            #vis fn #name #generics (#inputs)
            -> impl ::core::future::Future<Output = #private::Invalidation> #predicates {
                // The runtime's future and none of its own, which each function would have to be compiled for. It holds no
                // argument.
                Self::#site().call() #steps .invalidate()
            }
        }
    }

    /// Only where the template says how the keys begin: what begins with a value begins with anything.
    fn invalidate_all(&self) -> Option<TokenStream> {
        let has_beginning = match self.cached.key()? {
            Key::Template { literals, .. } => !literals.first()?.is_empty(),
            Key::Automatic { .. } => true,
            Key::Expr(_) => false,
        };
        if !has_beginning {
            return None;
        }
        let private = expand::private(self.cached);
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
            "Removes what any call left in the cache, and whatever else has a key that begins so.",
            &uses,
            None,
        );
        let (site, cache) = (&self.site, expand::cache_step(self.cached));
        Some(quote! {
            #doc
            #vis fn #name #generics (#inputs)
            -> impl ::core::future::Future<Output = #private::Invalidation> #predicates {
                Self::#site().call() #cache .invalidate_all()
            }
        })
    }

    /// A companion that runs the function itself under another rule.
    fn through(&self, name: &str, doc: &str) -> TokenStream {
        let private = expand::private(self.cached);
        let (shape, function) = (&self.cached.shape, &self.cached.function.sig.ident);
        let Callee(callee) = self.callee;
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
        quote! {
            #doc
            #vis async fn #name #generics (#(#inputs),*) -> #output #predicates {
                #private::#rule(Self::#site(), #callee #instance(#(#passed),*)).await
            }
        }
    }

    fn name_of(&self, name: &str) -> Ident {
        format_ident!("{}{name}", self.prefix)
    }

    /// Name, documentation and the inputs that satisfy `uses`, with the generics that these and some steps need.
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

struct Head<'a> {
    vis: &'a syn::Visibility,
    name: Ident,
    doc: TokenStream,
    generics: Generics,
    inputs: TokenStream,
    predicates: TokenStream,
}

/// The generics that some code mentions, directly or through another's bounds: one that nothing
/// mentions could never be inferred.
fn retained(generics: &Generics, code: &TokenStream) -> Generics {
    let mut code = code.clone();
    let (mut kept, mut dropped): (Vec<&GenericParam>, Vec<&GenericParam>) =
        (Vec::new(), generics.params.iter().collect());
    while let Some(at) = dropped
        .iter()
        .position(|parameter| mentions_parameter(&code, parameter))
    {
        let next = dropped.remove(at);
        code.extend(quote!(#next));
        kept.push(next);
    }
    let predicates = generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates);
    let predicates: Vec<&WherePredicate> = predicates
        .filter(|predicate| {
            !dropped
                .iter()
                .any(|parameter| mentions_parameter(&quote!(#predicate), parameter))
        })
        .collect();
    // Lifetimes come first in a list of generics.
    kept.sort_by_key(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    Generics {
        lt_token: Some(Default::default()),
        params: kept.into_iter().cloned().collect(),
        gt_token: Some(Default::default()),
        where_clause: (!predicates.is_empty()).then(|| syn::parse_quote!(where #(#predicates),*)),
    }
}

/// `::<T, N>`, since a parameter that only the result shows cannot be inferred inside a companion.
fn instance(generics: &Generics) -> Option<TokenStream> {
    let named: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!named.is_empty()).then(|| quote!(::<#(#named),*>))
}

fn mentions_parameter(code: &TokenStream, parameter: &GenericParam) -> bool {
    match parameter {
        GenericParam::Type(parameter) => mentions(code, &parameter.ident.to_string()),
        GenericParam::Const(parameter) => mentions(code, &parameter.ident.to_string()),
        // The tick is a token of its own that matters nowhere else.
        GenericParam::Lifetime(parameter) => mentions(code, &parameter.lifetime.ident.to_string()),
    }
}
