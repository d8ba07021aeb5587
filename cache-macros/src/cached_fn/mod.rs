//! Options and function together: one [`CachedFn`], or every error at once.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Type};

use crate::cached_fn::companions::Companions;
use crate::cached_fn::key::Key;
use crate::cached_fn::pattern::{Computed, Pattern};
use crate::cached_fn::resolve::Resolver;
use crate::cached_fn::surroundings::Surroundings;
use crate::errors::Errors;
use crate::function::Function;
use crate::function::owned::Owned;
use crate::function::signature::{Form, Shape};
use crate::options::Options;
use crate::options::http::Http;
use crate::options::policy::Policy;
use crate::options::ttl::{Near, Ttl};

mod caller;
pub(crate) mod companions;
pub(crate) mod key;
mod key_rules;
pub(crate) mod pattern;
mod resolve;
mod result_rules;
mod rules;
pub(crate) mod surroundings;
mod sync_rules;

/// A function that can be cached, and all that its expansion needs to know.
pub(crate) struct CachedFn {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
    /// The path of the runtime crate.
    pub(crate) runtime: TokenStream,
    /// An expression for the name in the statistics.
    pub(crate) name: TokenStream,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) none_ttl: Option<Duration>,
    pub(crate) near: Option<Near>,
    pub(crate) policy: Policy,
    pub(crate) http: Http,
    /// For a read, the types of the arguments that the key holds.
    pub(crate) types_in_key: Vec<Type>,
    /// For a body that may run in the background, the arguments that it clones.
    pub(crate) owned: Option<Owned>,
    /// Whether the future of the body need not be `Send`.
    pub(crate) not_send: bool,
    pub(crate) when: Option<Expr>,
    pub(crate) cache: Option<Expr>,
    pub(crate) invalidates: Vec<Pattern>,
    /// Patterns that expressions give.
    pub(crate) computed_removals: Vec<Computed>,
    /// What those expressions may name at most.
    pub(crate) invalidates_within: Vec<Pattern>,
    /// Whether a call that fails removes entries, too.
    pub(crate) invalidates_always: bool,
    pub(crate) tags: Vec<Pattern>,
    /// Tags that an expression gives.
    pub(crate) computed_tags: Option<Computed>,
    pub(crate) surroundings: Surroundings,
    pub(crate) companions: Companions,
}

/// The roles of a cached function.
pub(crate) enum Role {
    /// Answers from the cache; runs the body on a miss.
    Read(Key),
    /// Runs the body and stores its result.
    Put(Key),
    /// Runs the body and removes entries.
    Write,
}

impl CachedFn {
    /// Checks the options against the signature and against one another.
    pub(crate) fn new(options: Options, mut function: Function) -> syn::Result<Self> {
        rules::arguments_are_decided(&function)?;
        let mut errors = Errors::default();
        rules::check_function(&function, &mut errors);
        let shape = match Shape::of(&function) {
            Ok(shape) => shape,
            Err(error) => return Err(errors.and(error)),
        };
        rules::check_options(&options, &shape, &function, &mut errors);
        sync_rules::check(&options, &shape, &mut errors);
        let resolver = Resolver::new(&options, &function, &shape);
        let key = resolver.key(&mut errors);
        let invalidates = resolver.invalidated(&mut errors);
        let computed_removals = resolver.computed_removals();
        let invalidates_within = resolver.within(&computed_removals, &mut errors);
        let tags = resolver.tags(&mut errors);
        let computed_tags = resolver.computed_tags();
        let companions = resolver.companions();
        let surroundings = resolver.surroundings(key.as_ref(), &companions);
        let name = resolver.name();
        let role = Role::of(key, &options);
        let owned = owned(&role, &options, &shape, &mut errors);
        errors.finish(())?;
        if let Some(owned) = &owned {
            owned.release(&mut function.sig);
        }
        Ok(Self {
            types_in_key: role.types_in_key(&shape),
            role,
            runtime: runtime(&options),
            name,
            ttl: options.ttl.take(),
            none_ttl: options.none_ttl.take(),
            near: options.near.take(),
            policy: options.policy,
            http: options.http,
            owned,
            not_send: options.not_send.is_given() || shape.form.is_bound_to_its_thread(),
            when: options.when.take(),
            cache: options.cache.take(),
            invalidates,
            computed_removals,
            invalidates_within,
            invalidates_always: options.invalidates_always.is_given(),
            tags,
            computed_tags,
            surroundings,
            companions,
            function,
            shape,
        })
    }

    /// The key, if the function stores something.
    pub(crate) fn key(&self) -> Option<&Key> {
        match &self.role {
            Role::Read(key) | Role::Put(key) => Some(key),
            Role::Write => None,
        }
    }
}

impl Role {
    fn of(key: Option<Key>, options: &Options) -> Self {
        match key {
            Some(key) if options.put.is_given() => Self::Put(key),
            Some(key) => Self::Read(key),
            None => Self::Write,
        }
    }

    fn types_in_key(&self, shape: &Shape) -> Vec<Type> {
        match self {
            // Only answers to requests depend on who asks, and only an `async fn` can cache them.
            Self::Read(_) if matches!(shape.form, Form::Sync(_)) => Vec::new(),
            Self::Read(key) => caller::types_in_key(key, shape),
            Self::Put(_) | Self::Write => Vec::new(),
        }
    }
}

/// The arguments that the body clones, if an option lets it run in the background.
fn owned(role: &Role, options: &Options, shape: &Shape, errors: &mut Errors) -> Option<Owned> {
    match (role, options.policy.background_option()) {
        (Role::Read(_), Some(option)) => {
            Some(Owned::of(option, shape, options.when.value(), errors))
        }
        _ => None,
    }
}

fn runtime(options: &Options) -> TokenStream {
    match options.runtime.value() {
        Some(path) => quote!(#path),
        None => quote!(::cache_runtime),
    }
}
