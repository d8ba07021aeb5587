//! Rules about the function, and about options beside one another: one function for each rule.
//!
//! Rules about the key are in `key_rules.rs`, those about the return type in `result_rules.rs`.

use syn::{LitStr, Safety};

use crate::cached_fn::result_rules;
use crate::errors::Errors;
use crate::function::Function;
use crate::function::mentions::mentions;
use crate::function::signature::Shape;
use crate::options::{Options, entries, names};

/// Rules about the function alone.
pub(super) fn check_function(function: &Function, errors: &mut Errors) {
    once_only(function, errors);
    safe_only(function, errors);
    not_const(function, errors);
    fixed_arity(function, errors);
}

/// Rules about options beside one another, and about the return type of what is stored.
pub(super) fn check_options(
    options: &Options,
    shape: &Shape,
    function: &Function,
    errors: &mut Errors,
) {
    says_what_to_do(options, errors);
    put_needs_a_key(options, errors);
    always_needs_invalidates(options, errors);
    the_cache_of_the_block_is_in_reach(options, shape, function, errors);
    skip_all_needs_a_key(options, errors);
    skip_all_skips_all(options, shape, errors);
    a_write_stores_nothing(options, errors);
    a_put_always_runs_its_body(options, errors);
    soft_timeout_needs_a_fallback(options, errors);
    soft_timeout_is_the_shorter(options, errors);
    retry_needs_a_fallback(options, errors);
    background_needs_send(options, errors);
    only_reads_are_compared(options, errors);
    shadow_compares_each_call(options, errors);
    if options.key.is_given() || options.ttl.is_given() {
        result_rules::check(&shape.output, errors);
    }
    listed_once(options, errors);
}

/// A body that may run in the background may run on another thread.
fn background_needs_send(options: &Options, errors: &mut Errors) {
    if let (Some(name), Some(option)) =
        (options.not_send.name(), options.policy.background_option())
    {
        errors.at(
            name.span(),
            format!("`{option}` runs the body in a task of its own, which may be on another thread, so it cannot be combined with `?Send`"),
        );
    }
}

/// A comparison runs the body once more, or instead of serving a value, so the body must change nothing.
fn only_reads_are_compared(options: &Options, errors: &mut Errors) {
    let compared = [options.policy.verify.name(), options.policy.shadow.name()];
    if let (Some(option), true) = (
        compared.into_iter().flatten().next(),
        options.invalidates.is_given(),
    ) {
        errors.at(
            option.span(),
            format!(
                "`{option}` compares what a read returns, and a function with `invalidates` writes\n\
                 help: put `{option}` on the functions whose entries this one invalidates"
            ),
        );
    }
}

fn shadow_compares_each_call(options: &Options, errors: &mut Errors) {
    if let (Some(verify), true) = (
        options.policy.verify.name(),
        options.policy.shadow.is_given(),
    ) {
        errors.at(
            verify.span(),
            "`shadow` compares the value of each call already, and serves none; leave out one of the two",
        );
    }
}

/// The texts of `tags`.
pub(super) fn listed_tags(options: &Options) -> Option<&Vec<LitStr>> {
    match options.tags.value() {
        Some(entries::Tags::Listed(texts)) => Some(texts),
        Some(entries::Tags::Given(_)) | None => None,
    }
}

/// The texts of `invalidates`.
pub(super) fn listed_removals(options: &Options) -> impl Iterator<Item = &LitStr> {
    let removals = options.invalidates.value().into_iter().flatten();
    removals.filter_map(entries::Removal::template)
}

fn once_only(function: &Function, errors: &mut Errors) {
    let is_cached = |attr: &&syn::Attribute| {
        attr.path()
            .segments
            .last()
            .is_some_and(|last| last.ident == "cached")
    };
    if let Some(second) = function.attrs.iter().find(is_cached) {
        errors.over(
            second,
            "this function has two `#[cached]` attributes; put all options into one",
        );
    }
}

fn safe_only(function: &Function, errors: &mut Errors) {
    if let Safety::Unsafe(keyword) = &function.sig.safety {
        errors.at(
            keyword.span,
            "an `unsafe fn` cannot be cached; cache a safe function around it",
        );
    }
}

fn not_const(function: &Function, errors: &mut Errors) {
    if let Some(keyword) = &function.sig.constness {
        errors.at(keyword.span, "a `const fn` cannot be cached");
    }
}

fn fixed_arity(function: &Function, errors: &mut Errors) {
    if let Some(variadic) = &function.sig.variadic {
        errors.over(variadic, "a variadic function cannot be cached");
    }
}

/// Refuses `#[cfg]` on an argument: rustc decides whether the argument exists only after this macro has run.
pub(super) fn arguments_are_decided(function: &Function) -> syn::Result<()> {
    let sig = &function.sig;
    let arguments = sig.inputs.iter().flat_map(|input| match input {
        syn::FnArg::Receiver(receiver) => &receiver.attrs,
        syn::FnArg::Typed(typed) => &typed.attrs,
    });
    let generics = sig
        .generics
        .params
        .iter()
        .flat_map(|parameter| match parameter {
            syn::GenericParam::Lifetime(lifetime) => &lifetime.attrs,
            syn::GenericParam::Type(ty) => &ty.attrs,
            syn::GenericParam::Const(constant) => &constant.attrs,
        });
    let decides = |attr: &&syn::Attribute| {
        let path = attr.path();
        path.is_ident("cfg") || path.is_ident("cfg_attr")
    };
    match arguments.chain(generics).find(decides) {
        None => Ok(()),
        Some(attr) => Err(syn::Error::new_spanned(
            attr,
            "`#[cached]` needs to know every argument; write two functions, each under its `#[cfg]`",
        )),
    }
}

fn says_what_to_do(options: &Options, errors: &mut Errors) {
    let does_something = options.ttl.is_given()
        || options.key.is_given()
        || options.invalidates.is_given()
        || options.put.is_given();
    if !does_something {
        errors.at(
            proc_macro2::Span::call_site(),
            "`#[cached]` needs to know what to do\n\
             help: `ttl = \"list\"` caches what the function returns, \
             `key = \"jobs:list:<skip>\"` says under which key, \
             `invalidates = \"jobs:\"` removes entries after it",
        );
    }
}

fn put_needs_a_key(options: &Options, errors: &mut Errors) {
    if let (Some(put), false) = (options.put.name(), options.key.is_given()) {
        errors.at(
            put.span(),
            "`put` replaces one entry, so it needs the `key` of the read that uses this entry",
        );
    }
}

fn always_needs_invalidates(options: &Options, errors: &mut Errors) {
    if let (Some(always), false) = (
        options.invalidates_always.name(),
        options.invalidates.is_given(),
    ) {
        errors.at(
            always.span(),
            "`invalidates_on` decides when `invalidates` removes, and this function has no `invalidates`",
        );
    }
}

fn the_cache_of_the_block_is_in_reach(
    options: &Options,
    shape: &Shape,
    function: &Function,
    errors: &mut Errors,
) {
    let uses_self = options
        .cache
        .value()
        .is_some_and(|cache| mentions(cache, "self"));
    if options.cache_is_of_block && uses_self && shape.receiver.is_none() {
        let name = &function.sig.ident;
        errors.at(
            name.span(),
            format!(
                "`{name}` has no `self`, and the `cache` of `#[cached_defaults]` around it needs one\n\
                 help: say which cache it uses, as in `cache = cache_runtime::cache()`"
            ),
        );
    }
}

/// Without a key that names what it holds, all calls would share one entry, whoever calls.
fn skip_all_needs_a_key(options: &Options, errors: &mut Errors) {
    if let (Some(skip_all), false) = (options.skip_all.name(), options.key.is_given()) {
        errors.at(
            skip_all.span(),
            "`skip_all` skips what the `key` does not name, and this function has no `key`: all calls would share one entry\n\
             help: write `key = \"…\"` with what the result depends on, or name the arguments to skip: `skip(db)`",
        );
    }
}

fn skip_all_skips_all(options: &Options, shape: &Shape, errors: &mut Errors) {
    let skipped = options.skip.value().into_iter().flatten();
    let mut arguments = skipped.filter(|name| shape.names().any(|argument| argument == *name));
    if let (true, Some(argument)) = (options.skip_all.is_given(), arguments.next()) {
        errors.at(
            argument.span(),
            format!("`skip_all` skips `{argument}` already; remove one of the two"),
        );
    }
}

/// Without `key` and `ttl` nothing is stored, so options about stored values have no effect.
fn a_write_stores_nothing(options: &Options, errors: &mut Errors) {
    if options.key.is_given() || options.ttl.is_given() || !options.invalidates.is_given() {
        return;
    }
    let stored = [
        options.tags.name(),
        options.when.name(),
        options.none_ttl.name(),
        options.near.name(),
    ];
    let stored = stored
        .into_iter()
        .flatten()
        .chain(options.policy.given())
        .chain(options.http.given());
    for option in stored {
        errors.at(
            option.span(),
            format!("`{option}` concerns a stored value, but this function stores nothing, because it has neither `key` nor `ttl`"),
        );
    }
    if options
        .companions
        .value()
        .is_some_and(|companions| matches!(companions, names::Companions::Named(_)))
        && let Some(companions) = options.companions.name()
    {
        errors.at(companions.span(), "companions act on a stored value, but this function stores nothing, because it has neither `key` nor `ttl`");
    }
}

fn a_put_always_runs_its_body(options: &Options, errors: &mut Errors) {
    if options.put.is_given() {
        for option in options.policy.about_running() {
            errors.at(
                option.span(),
                format!("`{option}` decides when the body runs, but with `put` it always runs; put `{option}` on the read of this entry"),
            );
        }
    }
}

fn soft_timeout_needs_a_fallback(options: &Options, errors: &mut Errors) {
    if let (Some(soft), false) = (
        options.policy.soft_timeout.name(),
        options.policy.has_fallback(),
    ) {
        errors.at(
            soft.span(),
            "`soft_timeout` answers with a stale value, and none is kept\n\
             help: say for how long: `stale = \"5m\"`, or `stale_on_error = \"1h\"`",
        );
    }
}

fn retry_needs_a_fallback(options: &Options, errors: &mut Errors) {
    if let (Some(retry), false) = (
        options.policy.retry.name(),
        options.policy.stale_on_error.is_given(),
    ) {
        errors.at(
            retry.span(),
            "`retry` says how long an older value is served after an error before the body runs again, but no older value is kept\n\
             help: say for how long to keep one: `stale_on_error = \"1h\"`",
        );
    }
}

fn soft_timeout_is_the_shorter(options: &Options, errors: &mut Errors) {
    let (soft, hard) = (&options.policy.soft_timeout, &options.policy.timeout);
    if let (Some(name), Some(soft), Some(hard)) = (soft.name(), soft.value(), hard.value())
        && soft >= hard
    {
        errors.at(
            name.span(),
            "`soft_timeout` is not shorter than `timeout`, so it would never be reached\n\
             help: `soft_timeout` serves an older value and lets the body go on, `timeout` ends the body",
        );
    }
}

fn listed_once(options: &Options, errors: &mut Errors) {
    let lists: [Vec<&LitStr>; 4] = [
        listed_removals(options).collect(),
        options
            .invalidates_within
            .value()
            .into_iter()
            .flatten()
            .collect(),
        listed_tags(options).into_iter().flatten().collect(),
        options.http.vary.value().into_iter().flatten().collect(),
    ];
    for list in lists {
        for (at, text) in list.iter().enumerate() {
            if list[..at]
                .iter()
                .any(|before| before.value() == text.value())
            {
                errors.at(text.span(), format!("`{}` is listed twice", text.value()));
            }
        }
    }
    let skipped = options
        .skip
        .value()
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    for (at, name) in skipped.iter().enumerate() {
        if skipped[..at].contains(name) {
            errors.at(name.span(), format!("`{name}` is listed twice"));
        }
    }
}
