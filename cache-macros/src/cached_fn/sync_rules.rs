//! Rules about a function that is not `async`: which options need one that is.

use syn::Ident;

use crate::errors::Errors;
use crate::function::signature::{Form, Shape};
use crate::options::Options;
use crate::options::ttl::Near;

/// Checks the options of a function that is not `async`.
pub(super) fn check(options: &Options, shape: &Shape, errors: &mut Errors) {
    if !matches!(shape.form, Form::Sync(_)) {
        return;
    }
    for (option, why) in refused(options) {
        errors.at(
            option.span(),
            format!("`{option}` needs an `async fn`: {why}\nhelp: write `async fn`, or leave `{option}` out"),
        );
    }
    if let Some(mark) = options.not_send.name() {
        errors.at(
            mark.span(),
            "`?Send` needs an `async fn`: the body of any other function runs on its caller's thread, and need not be `Send`\n\
             help: leave `?Send` out",
        );
    }
    if let (Some(name), Some(Near::Off)) = (options.near.name(), options.near.value()) {
        errors.at(
            name.span(),
            "`near = false` needs an `async fn`: the values of a function that is not `async` are in memory only\n\
             help: write `async fn`, or limit how long memory is used: `near = \"1s\"`",
        );
    }
    if let (Some(invalidates), true) = (
        options.invalidates.name(),
        options.key.is_given() || options.ttl.is_given(),
    ) {
        errors.at(
            invalidates.span(),
            "a function that is not `async` either caches its result or `invalidates`\n\
             help: write `async fn`, or let another function remove the entries",
        );
    }
    if shape.output.is_opaque {
        errors.over(
            &shape.output.written,
            "a function that is not `async` has to name the type of its result here\n\
             help: return a type with a name in place of `impl …`, or write `async fn`",
        );
    }
}

/// The given options that need an `async fn`, and why.
fn refused(options: &Options) -> impl Iterator<Item = (Ident, &'static str)> {
    let (policy, http) = (&options.policy, &options.http);
    let behind = "it lets the body run behind the caller's back, in a task";
    let older = "it serves an older value, which is looked up in Redis, too";
    let bytes = "the values of other functions are not encoded, because they are in memory only";
    let answer = "it concerns answers to HTTP requests, which other functions cannot cache";
    let stored = "it compares the values of such functions only";
    let thread = "the body of any other function cannot be ended before it returns";
    let named = [
        (
            options.put.name(),
            "it replaces the entry in Redis, for which the caller has to wait",
        ),
        (policy.stale.name(), behind),
        (policy.early.name(), behind),
        (policy.soft_timeout.name(), behind),
        (policy.stale_on_error.name(), older),
        (policy.retry.name(), older),
        (policy.timeout.name(), thread),
        (policy.verify.name(), behind),
        (policy.shadow.name(), stored),
        (policy.codec.name(), bytes),
        (policy.compress.name(), bytes),
        (http.public.name(), answer),
        (http.vary.name(), answer),
        (http.statuses.name(), answer),
    ];
    named
        .into_iter()
        .filter_map(|(name, why)| Some((name?.clone(), why)))
}
