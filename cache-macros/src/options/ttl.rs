//! `ttl`, `none_ttl` and `near`: how long values live.

use std::time::Duration;

use syn::parse::ParseStream;
use syn::{Expr, ExprClosure, LitBool, LitInt, LitStr};

use crate::options::lifetime::{self, Lifetime};
use crate::options::value::{at, ends_here, error};

/// `ttl = …`
pub(crate) enum Ttl {
    /// Known when the crate is compiled.
    Lifetime(Lifetime),
    /// Known when the function is called.
    Expr(Expr),
    /// Known when the function has returned: a closure that is given the success value.
    OfValue(ExprClosure),
}

/// `near = …`
pub(crate) enum Near {
    /// `true`
    On,
    /// `false`
    Off,
    /// Up to this age.
    AtMost(Duration),
}

/// A text or a number that is the whole value is a lifetime. Anything else is an expression.
pub(super) fn ttl(input: ParseStream<'_>) -> syn::Result<Ttl> {
    let fork = input.fork();
    if let (Ok(text), true) = (fork.parse::<LitStr>(), ends_here(&fork)) {
        input.parse::<LitStr>()?;
        return at(text.span(), Lifetime::parse(&text.value())).map(Ttl::Lifetime);
    }
    if let Some(length) = whole_seconds(input)? {
        return Ok(Ttl::Lifetime(Lifetime::Fixed(length)));
    }
    match input.parse()? {
        Expr::Lit(other) => Err(not_a_lifetime(&other)),
        Expr::Unary(negative) if matches!(negative.op, syn::UnOp::Neg(_)) => {
            Err(not_a_lifetime(&negative))
        }
        Expr::Closure(closure) if closure.inputs.len() != 1 => Err(error(
            closure.inputs_begin.span,
            "this closure is given the value that is stored: `ttl = |value| …`",
        )),
        Expr::Closure(closure) => Ok(Ttl::OfValue(closure)),
        expr => Ok(Ttl::Expr(expr)),
    }
}

/// A duration, as text or in whole seconds.
pub(super) fn length(input: ParseStream<'_>) -> syn::Result<Duration> {
    if let Some(length) = whole_seconds(input)? {
        return Ok(length);
    }
    let text: LitStr = input.parse().map_err(|found: syn::Error| {
        error(
            found.span(),
            "a duration is written `\"90s\"`, or as a number of seconds",
        )
    })?;
    at(text.span(), lifetime::duration(&text.value()))
}

/// A number that is the whole value: `120`, but not `120 * FACTOR`.
fn whole_seconds(input: ParseStream<'_>) -> syn::Result<Option<Duration>> {
    let fork = input.fork();
    let (Ok(number), true) = (fork.parse::<LitInt>(), ends_here(&fork)) else {
        return Ok(None);
    };
    input.parse::<LitInt>()?;
    let seconds = number.base10_parse().map_err(|_| not_a_lifetime(&number))?;
    at(number.span(), lifetime::seconds(seconds)).map(Some)
}

fn not_a_lifetime(tokens: &impl quote::ToTokens) -> syn::Error {
    syn::Error::new_spanned(
        tokens,
        "a lifetime is a name (`\"list\"`), a duration (`\"90s\"`), whole seconds (`120`), an expression that returns one, or a closure that is given the value",
    )
}

/// `true`, `false`, or how long a value may stay in memory.
pub(super) fn near(input: ParseStream<'_>) -> syn::Result<Near> {
    if input.peek(LitBool) {
        let on: LitBool = input.parse()?;
        return Ok(if on.value { Near::On } else { Near::Off });
    }
    if input.peek(LitStr) || input.peek(LitInt) {
        return length(input).map(Near::AtMost);
    }
    Err(input.error("`near` is `false`, or how long memory may serve a value: `near = \"5s\"`"))
}
