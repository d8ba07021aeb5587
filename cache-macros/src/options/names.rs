//! `name`, `companions` and `crate`: names that generated code uses.

use syn::parse::ParseStream;
use syn::{Ident, LitBool, LitStr, Path};

use crate::options::value::error;

/// `companions = …`
pub(crate) enum Companions {
    /// `false`
    None,
    /// A name.
    Named(Ident),
}

/// The name of the function in the statistics.
pub(super) fn in_statistics(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let text: LitStr = input.parse().map_err(|found: syn::Error| {
        error(
            found.span(),
            "the name in the statistics is a text in quotes",
        )
    })?;
    if text.value().trim().is_empty() {
        return Err(error(
            text.span(),
            "the name is empty; write the name for the statistics, or leave `name` out",
        ));
    }
    Ok(text)
}

/// The name of the companions, or `false`.
pub(super) fn companions(input: ParseStream<'_>) -> syn::Result<Companions> {
    let wrong = |span| {
        error(
            span,
            "`companions` is `false`, or a name for them: `companions = \"job_list\"`",
        )
    };
    if input.peek(LitBool) {
        let wanted: LitBool = input.parse()?;
        return if wanted.value {
            Err(wrong(wanted.span))
        } else {
            Ok(Companions::None)
        };
    }
    let text: LitStr = input
        .parse()
        .map_err(|found: syn::Error| wrong(found.span()))?;
    text.parse::<Ident>()
        .map(Companions::Named)
        .map_err(|_| wrong(text.span()))
}

/// The path under which the program knows the runtime crate.
pub(super) fn runtime_crate(input: ParseStream<'_>) -> syn::Result<Path> {
    match input.peek(LitStr) {
        true => Err(input.error(
            "write the path of the runtime crate without quotes: `crate = my_app::cache_runtime`",
        )),
        false => input.call(Path::parse_mod_style),
    }
}
