//! The call into the runtime that may run the body.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, Type};

use crate::cached_fn::{CachedFn, Role};
use crate::expand::result_patterns::result_patterns;
use crate::expand::tokens::{braced, private};
use crate::function::owned::{Owned, Taken};
use crate::function::signature::Form;
use crate::function::types::{inferred, ungrouped};
use crate::spans::{ends, respanned};

/// `read::<T, …>(call, kind, when, result_patterns, body).await`, or another function of the runtime.
///
/// Where the return type has an `impl Trait`, a statement before it names the body, and the type is
/// inferred from that.
pub(super) fn run(cached: &CachedFn, call: &Ident, body: &TokenStream) -> TokenStream {
    let printer = Printer::new(cached);
    let output = &cached.shape.output;
    let closure = printer.closure(body);
    let (statement, body) = if output.is_opaque {
        let name = opaque_body();
        (Some(quote!(let #name = #closure;)), quote!(#name))
    } else {
        (None, closure)
    };
    let kind = printer.kind();
    let result_patterns = result_patterns(cached);
    let is_sync = matches!(cached.shape.form, Form::Sync(_));
    // The type of the future, which the runtime does not name without `async`.
    let future = (!is_sync).then(|| quote!(, _));
    let (unknown, arguments) = match cached.role {
        Role::Write => (
            quote!(_, _, _ #future),
            quote!(#call, #kind, #result_patterns, #body),
        ),
        Role::Read(_) | Role::Put(_) => {
            let when = when(cached);
            (
                quote!(_, _, _, _ #future),
                quote!(#call, #kind, #when, #result_patterns, #body),
            )
        }
    };
    let (there, stated) = (printer.there, printer.stated);
    let run = printer.code(function(cached), quote!(::<#stated, #unknown>), arguments);
    // A block that returns nothing usually ends in a semicolon, and lints expect it.
    let end = output.is_unit.then(|| quote_spanned!(there=> ;));
    if is_sync {
        return quote!(#statement #run #end);
    }
    let wait = quote_spanned!(there=> .await #end);
    quote!(#statement #run #wait)
}

/// The name of the body's closure, if the type of its result cannot be written.
fn opaque_body() -> Ident {
    Ident::new("body", Span::mixed_site())
}

/// The function of the runtime to call.
fn function(cached: &CachedFn) -> &'static str {
    if matches!(cached.shape.form, Form::Sync(_)) {
        return match cached.role {
            Role::Write => "write_blocking",
            // A `put` is refused before.
            Role::Read(_) | Role::Put(_) => "read_blocking",
        };
    }
    match cached.role {
        Role::Read(_) if cached.owned.is_some() => "read_detachable",
        Role::Read(_) if cached.not_send => "read_local",
        Role::Read(_) => "read",
        Role::Put(_) if cached.not_send => "put_local",
        Role::Put(_) => "put",
        Role::Write if cached.not_send => "write_local",
        Role::Write => "write",
    }
}

/// The predicate of `when`. One that may run in the background owns what it captures.
fn when(cached: &CachedFn) -> TokenStream {
    match &cached.when {
        None => {
            let private = private(cached);
            quote!(#private::always)
        }
        Some(Expr::Closure(closure)) if cached.owned.is_some() => {
            let mut closure = closure.clone();
            let start = closure.inputs_begin.span;
            closure.capture.get_or_insert(syn::token::Move(start));
            quote!(#closure)
        }
        Some(when) => quote!(#when),
    }
}

/// Prints code whose tokens all stand at the beginning of the return type. rustc reports a trait that a
/// type does not have once for each place, so a type that cannot be cached is reported there, and once.
struct Printer<'a> {
    cached: &'a CachedFn,
    /// The beginning of the return type.
    there: Span,
    /// The path of the runtime's module, at that place.
    private: TokenStream,
    /// The return type, with `_` for `impl Trait`.
    stated: &'a Type,
}

impl<'a> Printer<'a> {
    fn new(cached: &'a CachedFn) -> Self {
        let output = &cached.shape.output;
        let (there, _) = ends(&output.written);
        Self {
            cached,
            there,
            private: respanned(private(cached), there),
            stated: &output.stated,
        }
    }

    /// `private::name…(arguments)`.
    fn code(&self, name: &str, between: TokenStream, arguments: TokenStream) -> TokenStream {
        let (there, private) = (self.there, &self.private);
        let name = Ident::new(name, there);
        let between = respanned(between, there);
        let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
        arguments.set_span(there);
        quote_spanned!(there=> #private::#name #between #arguments)
    }

    /// How the runtime treats the return type. Each option that not every type supports adds a call
    /// that does not compile for other types.
    fn kind(&self) -> TokenStream {
        let is_opaque = self.cached.shape.output.is_opaque;
        let (stated, body) = (self.stated, opaque_body());
        let probe = match is_opaque {
            true => quote!(of &#body),
            false => quote!(#stated),
        };
        if matches!(self.cached.role, Role::Write) {
            return self.code("kind_of_write", quote!(!), probe);
        }
        let kind = self.code("kind", quote!(!), probe);
        let kind = self.with_none_ttl(kind);
        let kind = if is_opaque {
            let kind = self.code(
                "innermost_of_result",
                TokenStream::new(),
                quote!(&#body, #kind),
            );
            self.code("CanBeCached", quote!(::demanded), kind)
        } else {
            self.demand_of("CanBeCached", "Innermost", "innermost", kind)
        };
        if matches!(self.cached.shape.form, Form::Sync(_)) {
            return self.demand("CanBlock", kind);
        }
        let kind = self.with_timeout(kind);
        self.with_statuses(kind)
    }

    fn with_none_ttl(&self, kind: TokenStream) -> TokenStream {
        match self.cached.none_ttl {
            Some(_) => self.demand("CanBeNone", kind),
            None => kind,
        }
    }

    fn with_timeout(&self, kind: TokenStream) -> TokenStream {
        let policy = &self.cached.policy;
        if !policy.timeout.is_given() {
            return kind;
        }
        if policy.has_fallback() && !self.cached.shape.output.is_opaque {
            let stated = self.stated;
            return self.code("may_time_out", quote!(!), quote!(#stated, #kind));
        }
        self.demand_of("CanTimeOut", "Failing", "failing", kind)
    }

    fn with_statuses(&self, kind: TokenStream) -> TokenStream {
        match self.cached.http.statuses.value() {
            Some(statuses) => self.demand("CanKeepStatuses", quote!(#kind, &[#(#statuses),*])),
            None => kind,
        }
    }

    /// `Bound::<T>::demanded(arguments)`: compiles if `T` has the bound.
    fn demand(&self, bound: &str, arguments: TokenStream) -> TokenStream {
        let stated = self.stated;
        self.code(bound, quote!(::<#stated>::demanded), arguments)
    }

    /// `Bound::demanded(Part::<T>::method(kind))`: compiles if the part of `T` that the method gives has
    /// the bound.
    fn demand_of(&self, bound: &str, part: &str, method: &str, kind: TokenStream) -> TokenStream {
        let (stated, method) = (self.stated, Ident::new(method, self.there));
        let kind = self.code(part, quote!(::<#stated>::#method), kind);
        self.code(bound, quote!(::demanded), kind)
    }

    /// `move || async move { body }`, or `move || { body }`. Its first statement tells the compiler the return type. A body that may
    /// run in the background gets clones of what its caller lent.
    fn closure(&self, body: &TokenStream) -> TokenStream {
        let cached = self.cached;
        let states = self.states();
        // Where `when` borrows what the body takes, rustc then points at the function, not at the whole attribute.
        let (begins, body_begins) = {
            let there = self.there;
            (
                quote_spanned!(there=> move ||),
                quote_spanned!(there=> async move),
            )
        };
        if matches!(cached.shape.form, Form::Sync(_)) {
            let block = braced(cached, quote!(#states #body));
            return quote!(#begins #block);
        }
        let Some(owned) = &cached.owned else {
            let block = braced(cached, quote!(#states #body));
            return quote!(#begins #body_begins #block);
        };
        let body = &owned.body;
        if owned.taken.is_empty() {
            let block = braced(cached, quote!(#states #body));
            return quote!(#begins #body_begins #block);
        }
        let clones = owned.taken.iter().map(|taken| self.cloned(owned, taken));
        let bindings = owned.taken.iter().map(bound_anew);
        let block = braced(cached, quote!(#states #(#bindings)* #body));
        quote!(#begins { #(#clones)* #body_begins #block })
    }

    /// A statement that is never true, and from which the compiler infers what the body returns.
    fn states(&self) -> TokenStream {
        let (there, stated, private) = (self.there, self.stated, &self.private);
        let returned = Ident::new("returned", Span::mixed_site().located_at(there));
        quote_spanned! {there=>
            if let ::core::option::Option::Some(#returned) = #private::stated::<#stated>() {
                return #returned;
            }
        }
    }

    /// `let name = …;`: a clone of a borrowed argument. All of it stands at the argument, so a type that
    /// cannot be cloned is reported there, and once.
    fn cloned(&self, owned: &Owned, taken: &Taken) -> TokenStream {
        let Taken { from, name, .. } = taken;
        let there = from.span();
        let private = respanned(self.private.clone(), there);
        let clone = Ident::new(&owned.clone.to_string(), there);
        let cloned =
            quote_spanned!(there=> #private::#clone::owned(#private::BorrowedArgument, #from));
        quote!(let #name = #cloned;)
    }
}

/// `let name: &T = …;`: a reference to the clone, with the name and the type of the argument.
fn bound_anew(taken: &Taken) -> TokenStream {
    let Taken {
        name,
        mutability,
        to,
        ..
    } = taken;
    let there = Span::mixed_site().located_at(name.span());
    match ungrouped(to) {
        // The type has no name here, and without it rustc could not choose the `Borrow` to use.
        Type::ImplTrait(_) => quote_spanned!(there=> let #mutability #name = &#name;),
        _ => {
            let (to, _) = inferred(to);
            quote_spanned! {there=>
                let #mutability #name: &#to = ::core::borrow::Borrow::<#to>::borrow(&#name);
            }
        }
    }
}
