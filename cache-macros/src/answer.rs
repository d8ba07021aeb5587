//! For whom an answer is, and which answers are kept: the options that matter to HTTP.

use proc_macro2::{Ident, Span};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, GenericArgument, LitInt, LitStr, PathArguments, Token, Type, bracketed, token};

use crate::args::{texts, value};
use crate::cached_fn::Key;
use crate::owned::ungrouped;
use crate::signature::Shape;
use crate::slot::Slot;

/// These options, as written.
#[derive(Default)]
pub(crate) struct Answer {
    /// Alone, or with what decides.
    pub(crate) public: Slot<Option<Expr>>,
    /// Names of request headers, in lower case.
    pub(crate) vary: Slot<Vec<LitStr>>,
    pub(crate) statuses: Slot<Vec<LitInt>>,
}

impl Answer {
    /// Reads the option of that name, one of [`KNOWN`].
    pub(crate) fn read_option(&mut self, name: Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "public" if !input.peek(Token![=]) => self.public.fill(name, None),
            "public" => {
                let decides = value(&name, input, public)?;
                self.public.fill(name, Some(decides))
            }
            "vary" => {
                let headers = value(&name, input, headers)?;
                self.vary.fill(name, headers)
            }
            _ => {
                let read = value(&name, input, statuses)?;
                self.statuses.fill(name, read)
            }
        }
    }

    /// All that are given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        let names = [self.public.name(), self.vary.name(), self.statuses.name()];
        names.into_iter().flatten()
    }

    /// Does the function say that its key depends on the request's credentials?
    pub(crate) fn varies_by_authorization(&self) -> bool {
        let headers = self.vary.value().into_iter().flatten();
        headers
            .into_iter()
            .any(|name| name.value() == "authorization")
    }
}

fn public(input: ParseStream<'_>) -> syn::Result<Expr> {
    match input.parse()? {
        Expr::Lit(literal) if !matches!(literal.lit, syn::Lit::Bool(_)) => {
            Err(syn::Error::new_spanned(
                literal,
                "`public` stands alone, or takes a condition on the arguments: `public = reader.is_none()`",
            ))
        }
        condition => Ok(condition),
    }
}

/// Names of request headers, brought into lower case.
fn headers(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    let names = texts(input, "[\"cookie\", \"accept-language\"]")?;
    let checked = names.into_iter().map(|name| {
        let text = name.value();
        // RFC 9110, section 5.6.2.
        let is_token = !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if text == "*" || !is_token {
            return Err(syn::Error::new(
                name.span(),
                format!(
                    "`{text}` is not the name of a request header\n\
                     help: name the headers that the key depends on: `vary = \"accept-language\"`"
                ),
            ));
        }
        Ok(LitStr::new(&text.to_ascii_lowercase(), name.span()))
    });
    checked.collect()
}

/// One status, or a list of them.
fn statuses(input: ParseStream<'_>) -> syn::Result<Vec<LitInt>> {
    let (statuses, at): (Vec<LitInt>, Span) = if input.peek(token::Bracket) {
        let content;
        let bracket = bracketed!(content in input);
        let list = Punctuated::<LitInt, Token![,]>::parse_terminated(&content)
            .map_err(|error| not_a_status(error.span()))?;
        (list.into_iter().collect(), bracket.span.join())
    } else {
        let at = input.span();
        let one: LitInt = input.parse().map_err(|_| not_a_status(at))?;
        (vec![one], at)
    };
    if statuses.is_empty() {
        return Err(syn::Error::new(at, "the list is empty"));
    }
    for (index, status) in statuses.iter().enumerate() {
        let number = status.base10_parse::<u16>().ok();
        let number = number.filter(|_| status.suffix().is_empty());
        if !number.is_some_and(|number| (400..=599).contains(&number)) {
            return Err(not_a_status(status.span()));
        }
        if statuses[..index]
            .iter()
            .any(|before| before.base10_digits() == status.base10_digits())
        {
            return Err(syn::Error::new(
                status.span(),
                format!("`{status}` is listed twice"),
            ));
        }
    }
    Ok(statuses)
}

fn not_a_status(at: Span) -> syn::Error {
    syn::Error::new(
        at,
        "`statuses` lists error statuses whose answers are kept, from 400 to 599: `statuses = [404, 410]`\n\
         help: answers below 400 are kept anyway",
    )
}

/// Can the key tell who asks? Through an argument that is more than plain data of the request: `CurrentUser(user)`, say.
/// A method, and what takes values that no request holds as such, is not called by a router.
pub(crate) fn holds_caller(key: &Key, shape: &Shape) -> bool {
    shape.receiver.is_some()
        || shape.arguments.iter().any(|argument| {
            !is_request_data(&argument.typed.ty)
                && argument
                    .names
                    .iter()
                    .any(|name| key.uses(&name.to_string()))
        })
}

/// By its last word, as everything that a macro can know about a type; that of what may be missing by what it is of.
fn is_request_data(ty: &Type) -> bool {
    let Type::Path(ty) = ungrouped(ty) else {
        return false;
    };
    let Some(last) = ty.path.segments.last() else {
        return false;
    };
    let of = match &last.arguments {
        PathArguments::AngleBracketed(of) => of.args.first(),
        _ => None,
    };
    match (last.ident.to_string().as_str(), of) {
        ("Option" | "Result", Some(GenericArgument::Type(ty))) => is_request_data(ty),
        ("TypedHeader", Some(GenericArgument::Type(header))) => !is_authorization(header),
        (name, _) => REQUEST_DATA.contains(&name),
    }
}

fn is_authorization(header: &Type) -> bool {
    matches!(ungrouped(header), Type::Path(header) if header.path.segments.last().is_some_and(|last| last.ident == "Authorization"))
}

/// Extractors that say what is asked for, or of what, and not by whom.
const REQUEST_DATA: [&str; 19] = [
    "Path",
    "Query",
    "Json",
    "Form",
    "Bytes",
    "String",
    "Uri",
    "OriginalUri",
    "MatchedPath",
    "NestedPath",
    "RawQuery",
    "RawForm",
    "RawPathParams",
    "Method",
    "Version",
    "Host",
    "HeaderMap",
    "ConnectInfo",
    "State",
];

/// The names of these options.
pub(crate) const KNOWN: [&str; 3] = ["public", "vary", "statuses"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_told_from_what_is_asked_for() {
        for (ty, is_data) in [
            ("Path<u64>", true),
            ("axum::extract::Query<Page>", true),
            ("Option<Query<Page>>", true),
            ("Result<Json<New>, JsonRejection>", true),
            ("HeaderMap", true),
            ("State<Tenants>", true),
            ("TypedHeader<UserAgent>", true),
            ("TypedHeader<headers::Authorization<Bearer>>", false),
            ("CurrentUser", false),
            ("Option<CurrentUser>", false),
            ("Extension<User>", false),
            // What no router passes: a caller of ours does.
            ("u64", false),
            ("&str", false),
        ] {
            let parsed: Type = syn::parse_str(ty).unwrap_or_else(|error| panic!("{ty}: {error}"));
            assert_eq!(is_request_data(&parsed), is_data, "{ty}");
        }
    }
}
