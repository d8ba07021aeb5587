//! What the attribute refuses: one small function a rule.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Ident, LitStr, Safety, Signature};

use crate::cached_fn::Key;
use crate::errors::Errors;
use crate::function::Function;
use crate::function::generic;
use crate::function::owned::ungrouped;
use crate::function::signature::Shape;
use crate::options::{Args, Tags};
use crate::suggest;

/// Rules about the function alone.
pub(crate) fn check_function(function: &Function, errors: &mut Errors) {
    once_only(function, errors);
    safe_only(function, errors);
    not_const(function, errors);
    fixed_arity(function, errors);
}

/// Rules about options, with one another and with the return type.
pub(crate) fn check_options(args: &Args, shape: &Shape, errors: &mut Errors) {
    says_what_to_do(args, errors);
    put_needs_a_key(args, errors);
    always_needs_invalidates(args, errors);
    nothing_for_a_pure_write(args, errors);
    nothing_that_a_put_cannot_heed(args, errors);
    soft_timeout_needs_a_stand_in(args, errors);
    soft_timeout_is_the_shorter(args, errors);
    retry_needs_a_stand_in(args, errors);
    background_needs_send(args, errors);
    something_to_store(args, shape, errors);
    owned_results(args, shape, errors);
    listed_once(args, errors);
}

/// A body that may run in the background may run on another thread.
fn background_needs_send(args: &Args, errors: &mut Errors) {
    if let (Some(name), Some(option)) = (args.as_it_is.name(), args.policy.ahead()) {
        errors.at(
            name.span(),
            format!("`{option}` runs the body in a task of its own, which may be on another thread: `?Send` cannot be had with it"),
        );
    }
}

/// Every argument is in the key or skipped: a forgotten `user_id` shows one user another's data.
pub(crate) fn check_arguments(
    key: &Key,
    shape: &Shape,
    function: &Ident,
    is_skipped: impl Fn(&Ident) -> bool,
    errors: &mut Errors,
) {
    for name in shape.names() {
        match (key.uses(&name.to_string()), is_skipped(name)) {
            (false, false) => errors.at(name.span(), missing(name, key, function)),
            (true, true) if !skips_itself(name, shape) => {
                errors.at(
                    name.span(),
                    format!(
                        "`{name}` is in the key of `{function}` and skipped; it can only be one"
                    ),
                );
            }
            _ => {}
        }
    }
}

/// A skipped name is one that the function binds: an argument, or something that it is generic over.
pub(crate) fn check_skipped(
    name: &Ident,
    shape: &Shape,
    signature: &Signature,
    may_be_method: bool,
) -> syn::Result<()> {
    let function = &signature.ident;
    let names = || shape.names().chain(generic::names(&signature.generics));
    if name == "self" || name == "Self" && may_be_method || names().any(|known| known == name) {
        return Ok(());
    }
    let known: Vec<String> = names().map(ToString::to_string).collect();
    let suggestion = suggest::did_you_mean(&name.to_string(), known.iter().map(String::as_str));
    Err(syn::Error::new(
        name.span(),
        format!("`{function}` has no argument `{name}` to skip{suggestion}"),
    ))
}

/// Is this among the skipped names?
pub(crate) fn skips(args: &Args, name: &str) -> bool {
    let mut skipped = args.skip.value().into_iter().flatten();
    skipped.any(|skipped| skipped == name)
}

/// The texts of `tags`.
pub(crate) fn listed_tags(args: &Args) -> Option<&Vec<LitStr>> {
    match args.tags.value() {
        Some(Tags::Listed(texts)) => Some(texts),
        Some(Tags::Given(_)) | None => None,
    }
}

fn missing(name: &Ident, key: &Key, function: &Ident) -> String {
    let advice = match key {
        Key::Expr(_) => format!("use `{name}` in the key's expression"),
        _ => format!("put `<{name}>` into the key"),
    };
    format!(
        "argument `{name}` is missing from the key of `{function}`\n\
         help: {advice} if it shapes the result, or say `skip({name})` if it does not"
    )
}

fn skips_itself(name: &Ident, shape: &Shape) -> bool {
    shape
        .arguments
        .iter()
        .any(|argument| argument.skips_itself && argument.names.contains(name))
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
            "a function is cached once; put all options into one `#[cached]`",
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

/// Whether an argument under `#[cfg]` is there, is decided after the attribute has seen the function.
pub(crate) fn arguments_are_decided(function: &Function) -> syn::Result<()> {
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

fn says_what_to_do(args: &Args, errors: &mut Errors) {
    let does_something = args.ttl.is_given()
        || args.key.is_given()
        || args.invalidates.is_given()
        || args.put.is_given();
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

fn put_needs_a_key(args: &Args, errors: &mut Errors) {
    if let (Some(put), false) = (args.put.name(), args.key.is_given()) {
        errors.at(
            put.span(),
            "`put` replaces one entry, so it needs the `key` that a read finds it by",
        );
    }
}

fn always_needs_invalidates(args: &Args, errors: &mut Errors) {
    if let (Some(always), false) = (args.always.name(), args.invalidates.is_given()) {
        errors.at(
            always.span(),
            "`invalidates_on` says when `invalidates` removes, and there is no `invalidates`",
        );
    }
}

/// Without `key` and `ttl` nothing is stored, and options about what is stored say nothing.
fn nothing_for_a_pure_write(args: &Args, errors: &mut Errors) {
    if args.key.is_given() || args.ttl.is_given() || !args.invalidates.is_given() {
        return;
    }
    let stored = [
        args.tags.name(),
        args.when.name(),
        args.none_ttl.name(),
        args.near.name(),
    ];
    let stored = stored
        .into_iter()
        .flatten()
        .chain(args.policy.names())
        .chain(args.answer.names());
    for option in stored {
        errors.at(
            option.span(),
            format!("`{option}` is about a stored value, and this function stores none: it has neither `key` nor `ttl`"),
        );
    }
    if args
        .companions
        .value()
        .is_some_and(|companions| matches!(companions, crate::options::Companions::Named(_)))
        && let Some(companions) = args.companions.name()
    {
        errors.at(companions.span(), "companions are for what is stored, and this function stores nothing: it has neither `key` nor `ttl`");
    }
}

fn nothing_that_a_put_cannot_heed(args: &Args, errors: &mut Errors) {
    if args.put.is_given() {
        for option in args.policy.of_reads() {
            errors.at(
                option.span(),
                format!("`{option}` is about when the body runs, and with `put` it always does; put `{option}` on the read of this entry"),
            );
        }
    }
}

fn soft_timeout_needs_a_stand_in(args: &Args, errors: &mut Errors) {
    if let (Some(soft), false) = (args.policy.soft_timeout.name(), args.policy.has_stand_in()) {
        errors.at(
            soft.span(),
            "`soft_timeout` answers with a stale value, and none is kept\n\
             help: say for how long: `stale = \"5m\"`, or `stale_on_error = \"1h\"`",
        );
    }
}

fn retry_needs_a_stand_in(args: &Args, errors: &mut Errors) {
    if let (Some(retry), false) = (
        args.policy.retry.name(),
        args.policy.stale_on_error.is_given(),
    ) {
        errors.at(
            retry.span(),
            "`retry` says when a source that has failed is asked again, while an older value stands in, and none does\n\
             help: say for how long one may: `stale_on_error = \"1h\"`",
        );
    }
}

fn soft_timeout_is_the_shorter(args: &Args, errors: &mut Errors) {
    let (soft, hard) = (&args.policy.soft_timeout, &args.policy.timeout);
    if let (Some(name), Some(soft), Some(hard)) = (soft.name(), soft.value(), hard.value())
        && soft >= hard
    {
        errors.at(
            name.span(),
            "`soft_timeout` is not shorter than `timeout`, which ends the body before\n\
             help: the soft one answers early and lets the body go on, the hard one gives up on it",
        );
    }
}

fn something_to_store(args: &Args, shape: &Shape, errors: &mut Errors) {
    let stores = args.key.is_given() || args.ttl.is_given();
    if stores && shape.output.is_unit {
        errors.over(
            &shape.output.written,
            "this function returns nothing that could be cached\n\
             help: what only removes entries has `invalidates` and neither `key` nor `ttl`",
        );
    }
}

/// What a call borrows from its arguments cannot be given to another call. rustc says so as well,
/// in three errors about `Deserialize` for lifetimes.
fn owned_results(args: &Args, shape: &Shape, errors: &mut Errors) {
    if !(args.key.is_given() || args.ttl.is_given()) {
        return;
    }
    if let Some(lent) = static_reference(&shape.output.written) {
        errors.over(
            lent,
            "a reference cannot be cached, not even a `'static` one: what comes from Redis has to be owned by somebody\n\
             help: return what owns its data, such as `String` or `Arc<str>` for `&'static str`",
        );
        return;
    }
    let mut borrows = Borrows::default();
    borrows.visit_type(&shape.output.written);
    if let Some(borrow) = borrows.0 {
        errors.over(
            borrow,
            "a borrowed result cannot be cached: a later call would outlive what it borrows from\n\
             help: return what owns its data, such as `String` or `Arc<str>` for `&str`",
        );
    }
}

/// A `&'static` where a value is kept. Errors are not, and other types may know what to do with theirs.
fn static_reference(ty: &syn::Type) -> Option<&syn::TypeReference> {
    match ungrouped(ty) {
        syn::Type::Reference(reference) => {
            let lifetime = reference.lifetime.as_ref()?;
            (lifetime.ident == "static").then_some(reference)
        }
        syn::Type::Tuple(tuple) => tuple.elems.iter().find_map(static_reference),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let keeps = ["Result", "Option", "Vec", "Arc", "Json"]
                .iter()
                .any(|name| last.ident == name);
            match arguments.args.first() {
                Some(syn::GenericArgument::Type(first)) if keeps => static_reference(first),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The first reference or lifetime in a type that is not `'static`.
#[derive(Default)]
struct Borrows(Option<TokenStream>);

impl<'ast> Visit<'ast> for Borrows {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => {
                visit::visit_type_reference(self, reference);
            }
            _ => {
                self.0.get_or_insert_with(|| reference.to_token_stream());
            }
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if lifetime.ident != "static" {
            self.0.get_or_insert_with(|| lifetime.to_token_stream());
        }
    }

    /// Functions and trait objects have lifetimes of their own.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}

    fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {}

    fn visit_type_trait_object(&mut self, _: &'ast syn::TypeTraitObject) {}
}

fn listed_once(args: &Args, errors: &mut Errors) {
    for list in [
        args.invalidates.value(),
        listed_tags(args),
        args.answer.vary.value(),
    ]
    .into_iter()
    .flatten()
    {
        for (at, text) in list.iter().enumerate() {
            if list[..at]
                .iter()
                .any(|before| before.value() == text.value())
            {
                errors.at(text.span(), format!("`{}` is listed twice", text.value()));
            }
        }
    }
    let skipped = args.skip.value().into_iter().flatten().collect::<Vec<_>>();
    for (at, name) in skipped.iter().enumerate() {
        if skipped[..at].contains(name) {
            errors.at(name.span(), format!("`{name}` is listed twice"));
        }
    }
}
