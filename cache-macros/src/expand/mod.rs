//! From a [`CachedFn`] to tokens.
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
//!     // `of`: only where the function may be a method, of which there can be several instances.
//!     let call = __SITE.call().key(&[&skip, &limit]).of(instance!("list_jobs")).holds_caller(identify_caller!(u32));
//!     read::<Result<Vec<Job>, DbError>, _, _, _, _, _>(
//!         call,
//!         kind!(Result<Vec<Job>, DbError>),
//!         always,
//!         nothing_late,
//!         move || async move {
//!             if let Some(returned) = stated::<Result<Vec<Job>, DbError>>() { return returned; }
//!             body
//!         },
//!     ).await
//! }
//! ```
//!
//! With `stale`, `early` or `soft_timeout` the body may run in the background, and owns what it uses:
//!
//! ```text
//! // Input
//! #[cached(ttl = "list", key = "user:<name>", stale = "5m")]
//! async fn user(&self, name: &str) -> User { self.load(name).await }
//!
//! // Output: as above, except
//!     read_ahead::<User, _, _, _, _, _>(
//!         …
//!         move || {
//!             let __this = CloneForStale::owned(Lent, self);
//!             let name = CloneForStale::owned(Lent, name);
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
//! Every name is spelled from the runtime's `__private`, locals are `mixed_site`: neither can
//! meet a name of the body. Nothing that depends on a type is in the static, because the
//! instances of a generic function share it.

pub(crate) mod companions;

use std::time::Duration;

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Ident};

use crate::cached_fn::{CachedFn, Key, Pattern, Role};
use crate::function::mentions::mentions;
use crate::function::owned::{self, Taken};
use crate::function::signature::{self, Form};
use crate::options::lifetime::Lifetime;
use crate::options::policy::{Algorithm, Codec, Outage, Policy};
use crate::options::{Near, Ttl};
use crate::template::placeholder::{self, Part};

/// The function as cached, and its companions.
pub(crate) fn expand(cached: &CachedFn) -> TokenStream {
    let function = &cached.function;
    let (attrs, vis, sig) = (&function.attrs, &function.vis, &function.sig);
    let body = body(cached);
    let companions = companions::expand(cached);
    quote! {
        #(#attrs)*
        #vis #sig #body
        #companions
    }
}

/// The new body, in the form that the function had.
fn body(cached: &CachedFn) -> TokenStream {
    match &cached.shape.form {
        Form::Async(body) => {
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

fn braced(cached: &CachedFn, tokens: TokenStream) -> TokenStream {
    let mut group = Group::new(cached.function.body.delimiter(), tokens);
    group.set_span(cached.function.body.span());
    group.into_token_stream()
}

/// Site, call, and one call into the runtime.
fn statements(cached: &CachedFn, body: &TokenStream) -> TokenStream {
    let private = private(cached);
    let call = Ident::new("call", Span::mixed_site());
    let (site, static_site) = match cached.companions.site() {
        Some(site) => (site, None),
        None => (quote!(__SITE), Some(static_site(cached))),
    };
    let mut steps = keyed(cached, &cached.function.sig.ident);
    steps.extend(options_of_call(cached));
    let (stated_body, run) = run(cached, &private, &call, body);
    quote! {
        #static_site
        let #call = #site.call() #steps;
        #stated_body
        #run
    }
}

/// `static __SITE: Site = …;`: everything about the function that is known now.
pub(crate) fn static_site(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let name = &cached.name;
    let key = match cached.key() {
        Some(Key::Template { literals, .. }) => {
            Some(quote!(.key(#private::Template::new(&[#(#literals),*]))))
        }
        Some(Key::Automatic { types, parts }) => {
            let literals = automatic_literals(cached, types.len() + parts.len());
            Some(quote!(.key(#private::Template::new(&[#(#literals),*]))))
        }
        Some(Key::Expr(_)) | None => None,
    };
    let ttl = match &cached.ttl {
        Some(Ttl::Lifetime(Lifetime::Named(name))) => {
            let name = format_ident!("{name}");
            Some(quote!(.ttl(#private::Ttl::Named(&#private::ttl::#name))))
        }
        Some(Ttl::Lifetime(Lifetime::Fixed(length))) => {
            let length = duration(*length);
            Some(quote!(.ttl(#private::Ttl::Fixed(#length))))
        }
        Some(Ttl::Expr(_)) | None => None,
    };
    let none_ttl = cached.none_ttl.map(|length| {
        let length = duration(length);
        quote!(.none_ttl(#length))
    });
    let near = cached.near.as_ref().map(|near| match near {
        Near::On => quote!(.near(#private::Near::On)),
        Near::Off => quote!(.near(#private::Near::Off)),
        Near::AtMost(length) => {
            let length = duration(*length);
            quote!(.near(#private::Near::AtMost(#length)))
        }
    });
    let invalidates = pattern_list(&private, "invalidates", &cached.patterns);
    let always = cached.always.then(|| quote!(.always()));
    let tags = pattern_list(&private, "tags", &cached.tags);
    let late_tags = cached.given_tags.as_ref().filter(|tags| tags.is_late);
    let late_tags = late_tags.map(|_| quote!(.late_tags()));
    let policy = policy(&private, &cached.policy);
    let answer = answer(cached);
    let feature = feature(&private, &cached.policy);
    quote! {
        #feature
        static __SITE: #private::Site = #private::Site::new(#name) #key #ttl #none_ttl #near #policy #answer #invalidates #always #tags #late_tags;
    }
}

/// The steps of a site that say how its values are kept and served.
fn policy(private: &TokenStream, policy: &Policy) -> TokenStream {
    let lengths = [
        ("stale", &policy.stale),
        ("stale_on_error", &policy.stale_on_error),
        ("retry", &policy.retry),
        ("timeout", &policy.timeout),
        ("soft_timeout", &policy.soft_timeout),
    ];
    let lengths = lengths.into_iter().filter_map(|(step, length)| {
        let (step, length) = (format_ident!("{step}"), duration(*length.value()?));
        Some(quote!(.#step(#length)))
    });
    let early = policy.early.value().map(|beta| {
        let beta = proc_macro2::Literal::f64_unsuffixed(*beta);
        quote!(.early(#beta))
    });
    let jitter = policy.jitter.value().map(|percent| {
        let percent = proc_macro2::Literal::u8_unsuffixed(*percent);
        quote!(.jitter(#percent))
    });
    let outage = match policy.outage.value() {
        Some(Outage::Bypass) => Some(quote!(.bypass_in_outage())),
        Some(Outage::Memory) | None => None,
    };
    let codec = match policy.codec.value() {
        Some(Codec::Json) => Some(quote!(.codec(#private::CodecKind::Json))),
        Some(Codec::Bincode) | None => None,
    };
    let compress = policy.compress.value().map(|compress| {
        let algorithm = match compress.algorithm {
            Algorithm::Zstd => quote!(Zstd),
            Algorithm::Lz4 => quote!(Lz4),
        };
        let from = proc_macro2::Literal::usize_unsuffixed(compress.from);
        quote!(.compress(#private::Compression::#algorithm, #from))
    });
    quote!(#(#lengths)* #early #jitter #outage #codec #compress)
}

/// The steps of a site that say for whom its answers are.
fn answer(cached: &CachedFn) -> TokenStream {
    let public = matches!(cached.answer.public.value(), Some(None)).then(|| quote!(.public()));
    let vary = cached
        .answer
        .vary
        .value()
        .map(|headers| quote!(.vary(&[#(#headers),*])));
    quote!(#public #vary)
}

/// A statement that is nothing, or an error at the option, if the runtime was built without it.
fn feature(private: &TokenStream, policy: &Policy) -> Option<TokenStream> {
    let compress = policy.compress.value()?;
    let feature = match compress.algorithm {
        Algorithm::Zstd => "feature_zstd",
        Algorithm::Lz4 => "feature_lz4",
    };
    let (private, feature) = (
        placeholder::respanned(private.clone(), compress.at),
        Ident::new(feature, compress.at),
    );
    Some(quote_spanned!(compress.at=> #private::#feature!();))
}

/// The steps that give a call its cache and its key, inside a function of this name: what companions share.
pub(crate) fn keyed(cached: &CachedFn, function: &Ident) -> TokenStream {
    let (cache, key) = (cache_step(cached), key_steps(cached, function));
    quote!(#cache #key)
}

/// The step that gives a call its cache.
pub(crate) fn cache_step(cached: &CachedFn) -> Option<TokenStream> {
    let cache = borrowed(cached.cache.as_ref()?);
    Some(quote!(.cache(#cache)))
}

/// The steps that give a call its key.
pub(crate) fn key_steps(cached: &CachedFn, function: &Ident) -> Option<TokenStream> {
    let key = key_step(cached.key()?);
    let surroundings = cached.surroundings.step(&private(cached), function);
    Some(quote!(#key #surroundings))
}

fn key_step(key: &Key) -> TokenStream {
    match key {
        Key::Template { parts, .. } => {
            let parts = values(parts);
            quote!(.key(&[#parts]))
        }
        Key::Automatic { types, parts } if types.is_empty() => {
            let parts = values(parts);
            quote!(.key(&[#parts]))
        }
        Key::Automatic { types, parts } => {
            let parts = values(parts);
            quote!(.auto_key(&[#(#types),*], &[#parts]))
        }
        Key::Expr(expr) => quote!(.key_expr(#expr)),
    }
}

/// The path that all generated code goes through.
pub(crate) fn private(cached: &CachedFn) -> TokenStream {
    let runtime = &cached.runtime;
    quote!(#runtime::__private)
}

/// What is known of a call before its body: the lifetime, and patterns without `<result…>`.
fn options_of_call(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let ttl = match &cached.ttl {
        Some(Ttl::Expr(ttl)) => {
            let (there, _) = signature::ends(ttl);
            let lifetime = placeholder::respanned(quote!(#private::lifetime), there);
            let ttl = borrowed(ttl);
            Some(quote_spanned!(there=> .ttl(#lifetime(#ttl))))
        }
        _ => None,
    };
    let public = cached.answer.public.value().and_then(Option::as_ref);
    let public = public.map(|condition| {
        let (there, _) = signature::ends(condition);
        quote_spanned!(there=> .public(#condition))
    });
    let types = &cached.types_in_key;
    let caller =
        (!types.is_empty()).then(|| quote!(.holds_caller(#private::identify_caller!(#(#types),*))));
    let invalidates = early(&cached.patterns, "invalidates");
    let tags = early(&cached.tags, "tag");
    let given = cached.given_tags.as_ref().filter(|tags| !tags.is_late);
    let given = given.map(|tags| given_tags(&tags.expr, &quote!()));
    quote!(#ttl #public #caller #invalidates #tags #given)
}

/// `.tags(expr)` of something, underlined where the expression stands.
fn given_tags(expr: &Expr, of: &TokenStream) -> TokenStream {
    let (there, _) = signature::ends(expr);
    quote_spanned!(there=> #of.tags(#expr))
}

fn early(patterns: &[Pattern], step: &str) -> TokenStream {
    let step = format_ident!("{step}");
    let rendered = patterns
        .iter()
        .enumerate()
        .filter(|(_, pattern)| !pattern.parts.is_empty() && !pattern.is_late());
    rendered
        .map(|(index, pattern)| {
            let index = proc_macro2::Literal::usize_unsuffixed(index);
            let parts = values(&pattern.parts);
            quote!(.#step(#index, &[#parts]))
        })
        .collect()
}

/// The call that may run the body. Its tokens stand where the return type begins, so that a type
/// which cannot be cached is underlined there and reported once; where the type has an
/// `impl Trait`, the body becomes a statement of its own, and the type is read off it.
fn run(
    cached: &CachedFn,
    private: &TokenStream,
    call: &Ident,
    body: &TokenStream,
) -> (Option<TokenStream>, TokenStream) {
    let output = &cached.shape.output;
    let stated = &output.stated;
    let (there, _) = signature::ends(&output.written);
    let private_there = placeholder::respanned(private.clone(), there);
    let closure = closure(cached, &private_there, body);
    let (statement, probe, body) = match output.is_opaque {
        true => {
            let name = Ident::new("body", Span::mixed_site());
            (
                Some(quote!(let #name = #closure;)),
                quote!(of &#name),
                quote!(#name),
            )
        }
        false => (None, quote!(#stated), closure),
    };
    let late = late(cached, private);
    let (function, kind) = match cached.role {
        Role::Read(_) if cached.owned.is_some() => ("read_ahead", "kind"),
        Role::Read(_) => ("read", "kind"),
        Role::Put(_) => ("put", "kind"),
        Role::Write => ("write", "kind_of_write"),
    };
    let function = match function {
        "read_ahead" => function.to_owned(),
        _ if cached.as_it_is => format!("{function}_as_it_is"),
        _ => function.to_owned(),
    };
    let kind = call_at(there, &private_there, kind, quote!(!), probe);
    let demanded = |bound, kind| {
        call_at(
            there,
            &private_there,
            bound,
            quote!(::<#stated>::demanded),
            kind,
        )
    };
    let (unknown, arguments) = match cached.role {
        Role::Write => (quote!(_, _, _, _), quote!(#call, #kind, #late, #body)),
        Role::Read(_) | Role::Put(_) => {
            let kind = match cached.none_ttl {
                Some(_) => demanded("CanBeNone", kind),
                None => kind,
            };
            let demanded_of = |bound, part: (&str, TokenStream), kind| {
                let (part, method) = part;
                let kind = call_at(
                    there,
                    &private_there,
                    part,
                    quote!(::<#stated>::#method),
                    kind,
                );
                call_at(there, &private_there, bound, quote!(::demanded), kind)
            };
            let kind = if output.is_opaque {
                kind
            } else {
                demanded_of("CanBeCached", ("Peel", quote!(peel)), kind)
            };
            let policy = &cached.policy;
            let kind = if !policy.timeout.is_given() {
                kind
            } else if policy.has_stand_in() && !output.is_opaque {
                let arguments = quote!(#stated, #kind);
                call_at(there, &private_there, "may_time_out", quote!(!), arguments)
            } else {
                demanded_of("CanTimeOut", ("Failing", quote!(failing)), kind)
            };
            let kind = match cached.answer.statuses.value() {
                Some(statuses) => call_at(
                    there,
                    &private_there,
                    "CanKeepStatuses",
                    quote!(::<#stated>::demanded),
                    quote!(#kind, &[#(#statuses),*]),
                ),
                None => kind,
            };
            let when = when(cached, private);
            (
                quote!(_, _, _, _, _),
                quote!(#call, #kind, #when, #late, #body),
            )
        }
    };
    let run = call_at(
        there,
        &private_there,
        &function,
        quote!(::<#stated, #unknown>),
        arguments,
    );
    // As its author would end a block that gives nothing.
    let end = output.is_unit.then(|| quote_spanned!(there=> ;));
    let wait = quote_spanned!(there=> .await #end);
    (statement, quote!(#run #wait))
}

/// The predicate. What may judge in the background owns what it looks at.
fn when(cached: &CachedFn, private: &TokenStream) -> TokenStream {
    match &cached.when {
        None => quote!(#private::always),
        Some(Expr::Closure(closure)) if cached.owned.is_some() => {
            let mut closure = closure.clone();
            let start = closure.inputs_begin.span;
            closure.capture.get_or_insert(syn::token::Move(start));
            quote!(#closure)
        }
        Some(when) => quote!(#when),
    }
}

/// The body, which says in its first line what it returns, and takes along what it needs to own.
fn closure(cached: &CachedFn, private: &TokenStream, body: &TokenStream) -> TokenStream {
    let output = &cached.shape.output;
    let stated = &output.stated;
    let (first, _) = signature::ends(&output.written);
    let returned = Ident::new("returned", Span::mixed_site().located_at(first));
    let states = quote_spanned! {first=>
        if let ::core::option::Option::Some(#returned) = #private::stated::<#stated>() {
            return #returned;
        }
    };
    let body = cached.owned.as_ref().map_or(body, |owned| &owned.body);
    let Some(owned) = cached
        .owned
        .as_ref()
        .filter(|owned| !owned.taken.is_empty())
    else {
        let block = braced(cached, quote!(#states #body));
        return quote!(move || async move #block);
    };
    let clones = owned.taken.iter().map(|taken| {
        let Taken { from, name, .. } = taken;
        // All of it at the argument: a type that cannot be cloned is reported there, and once.
        let there = from.span();
        let private = placeholder::respanned(private.clone(), there);
        let clone = Ident::new(&owned.clone.to_string(), there);
        let cloned = quote_spanned!(there=> #private::#clone::owned(#private::Lent, #from));
        quote!(let #name = #cloned;)
    });
    let bindings = owned.taken.iter().map(bound_anew);
    let block = braced(cached, quote!(#states #(#bindings)* #body));
    quote!(move || { #(#clones)* async move #block })
}

/// `let name: &T = …;`: the reference that the body knew, to the copy that it owns.
fn bound_anew(taken: &Taken) -> TokenStream {
    let Taken {
        name,
        mutability,
        to,
        ..
    } = taken;
    let there = Span::mixed_site().located_at(name.span());
    match owned::ungrouped(to) {
        // What is left to inference could be borrowed as more than one type.
        syn::Type::ImplTrait(_) => quote_spanned!(there=> let #mutability #name = &#name;),
        _ => {
            let (to, _) = signature::inferred(to);
            quote_spanned! {there=>
                let #mutability #name: &#to = ::core::borrow::Borrow::<#to>::borrow(&#name);
            }
        }
    }
}

/// `private::name…(arguments)`, every token of its own at one place: rustc reports a bound once
/// for each place that it fails at.
fn call_at(
    there: Span,
    private: &TokenStream,
    name: &str,
    between: TokenStream,
    arguments: TokenStream,
) -> TokenStream {
    let (name, between) = (
        Ident::new(name, there),
        placeholder::respanned(between, there),
    );
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(there);
    quote_spanned!(there=> #private::#name #between #arguments)
}

/// The closure that fills in what depends on the success value. Arguments it needs as well are
/// rendered before the body takes them.
fn late(cached: &CachedFn, private: &TokenStream) -> TokenStream {
    let mut texts = Vec::new();
    let steps =
        [("invalidates", &cached.patterns), ("tag", &cached.tags)].map(|(step, patterns)| {
            let step = format_ident!("{step}");
            let late = patterns
                .iter()
                .enumerate()
                .filter(|(_, pattern)| pattern.is_late());
            let steps = late.map(|(index, pattern)| {
                let index = proc_macro2::Literal::usize_unsuffixed(index);
                let parts = pattern.parts.iter().map(|part| match part.is_late {
                    true => part.borrowed(),
                    false => {
                        let name = Ident::new(&format!("text_{}", texts.len()), Span::mixed_site());
                        let value = part.borrowed();
                        texts.push(quote!(let #name = #private::KeyText::of(#value);));
                        quote!(&#name)
                    }
                });
                quote!(late.#step(#index, &[#(#parts),*]);)
            });
            steps.collect::<TokenStream>()
        });
    let given = cached.given_tags.as_ref().filter(|tags| tags.is_late);
    if given.is_none() && steps.iter().all(TokenStream::is_empty) {
        return quote!(#private::nothing_late);
    }
    let result = late_value(cached);
    let given = given.map(|tags| {
        let mentioned = cached
            .shape
            .names()
            .filter(|name| mentions(&tags.expr, &name.to_string()));
        // The body takes the argument itself.
        texts
            .extend(mentioned.map(|name| quote!(let #name = ::core::clone::Clone::clone(&#name);)));
        let step = given_tags(&tags.expr, &quote!(late));
        quote!(#step;)
    });
    let closure = quote!(move |#result, late| { #(#steps)* #given });
    match texts.is_empty() {
        true => closure,
        false => quote!({ #(#texts)* #closure }),
    }
}

/// `result`, with the hygiene of the placeholders that use it.
fn late_value(cached: &CachedFn) -> TokenStream {
    let mut parts = cached
        .patterns
        .iter()
        .chain(&cached.tags)
        .flat_map(|pattern| &pattern.parts);
    let given = cached.given_tags.as_ref();
    let given = given.and_then(|tags| token_named(tags.expr.to_token_stream(), "result"));
    let span = parts
        .find(|part| part.is_late)
        .map(|part| signature::ends(&part.value).0)
        .or(given);
    Ident::new("result", span.unwrap_or_else(Span::call_site)).into_token_stream()
}

/// Where a name stands first.
fn token_named(tokens: TokenStream, name: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        proc_macro2::TokenTree::Ident(ident) if ident == name => Some(ident.span()),
        proc_macro2::TokenTree::Group(group) => token_named(group.stream(), name),
        _ => None,
    })
}

fn pattern_list(private: &TokenStream, step: &str, patterns: &[Pattern]) -> Option<TokenStream> {
    let step = format_ident!("{step}");
    let patterns = patterns.iter().map(|pattern| {
        let literals = &pattern.literals;
        quote!(#private::PatternTemplate::new(&[#(#literals),*]))
    });
    let patterns: Vec<_> = patterns.collect();
    (!patterns.is_empty()).then(|| quote!(.#step(&[#(#patterns),*])))
}

/// `path:<T>:<a>:<b>` without its values, types first. It begins with the path and not with the `name` option:
/// two functions may share a name in the statistics, never a key.
fn automatic_literals(cached: &CachedFn, parts: usize) -> Vec<TokenStream> {
    let path = format!("::{}", cached.function.sig.ident);
    if parts == 0 {
        return vec![quote!(::core::concat!(::core::module_path!(), #path))];
    }
    let mut literals = vec![quote!(::core::concat!(::core::module_path!(), #path, ":"))];
    literals.extend((1..parts).map(|_| quote!(":")));
    literals.push(quote!(""));
    literals
}

fn values(parts: &[Part]) -> TokenStream {
    let values = parts.iter().map(Part::borrowed);
    quote!(#(#values),*)
}

/// A reference to what an expression gives. `&` binds closer than an operator.
fn borrowed(expr: &Expr) -> TokenStream {
    let (there, _) = signature::ends(expr);
    match expr {
        Expr::Path(_)
        | Expr::Field(_)
        | Expr::Call(_)
        | Expr::MethodCall(_)
        | Expr::Macro(_)
        | Expr::Paren(_) => {
            quote_spanned!(there=> &#expr)
        }
        _ => quote_spanned!(there=> &(#expr)),
    }
}

fn duration(length: Duration) -> TokenStream {
    let (unit, count) = match length.subsec_nanos() {
        0 => ("from_secs", length.as_secs()),
        _ => (
            "from_millis",
            u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
        ),
    };
    let unit = format_ident!("{unit}");
    let count = proc_macro2::Literal::u64_unsuffixed(count);
    quote!(::core::time::Duration::#unit(#count))
}

impl Pattern {
    fn is_late(&self) -> bool {
        self.parts.iter().any(|part| part.is_late)
    }
}
