//! Finds out which entries a function stores and removes, from the options of `#[cached]` and its signature.

use std::collections::HashSet;
use std::time::Duration;

use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{Expr, FnArg, Lit, Signature, Type};

use crate::ctl::map::computed::Computed;
use crate::ctl::map::expr::{plain, source_of};
use crate::ctl::map::function::{
    Companion, Function, How, Key, Removal, Removed, Store, Tags, Unread,
};
use crate::ctl::map::imports::Imports;
use crate::ctl::map::lifetime::Lifetime;
use crate::ctl::map::options::{Companions, Options, texts};
use crate::ctl::map::reading::Reading;
use crate::ctl::map::shape::{ANY, Covered, VALUE};
use crate::ctl::map::text::Text;

/// The type or trait around a method.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) name: String,
    /// Whether there may be several instances of its methods.
    pub(super) is_generic: bool,
    /// Whether its path begins with the name of this crate for certain.
    pub(super) is_local: bool,
}

/// A function, as it is written.
pub(super) struct Written<'a> {
    pub(super) sig: &'a Signature,
    pub(super) owner: Option<&'a Owner>,
    /// The name with which paths of its crate begin, if it is known.
    pub(super) crate_name: Option<&'a str>,
    /// The modules around it; `None` if another function is around it, too.
    pub(super) modules: Option<&'a [String]>,
    pub(super) mentions_self: bool,
    /// Its parameters that are whole numbers.
    pub(super) numbers: HashSet<String>,
}

/// Adds what `invalidates` removes.
pub(super) fn removed(
    options: &Options,
    written: &Written<'_>,
    function: &mut Function,
    reading: Reading<'_>,
    imports: &Imports,
) {
    let is_number = |name: &str| written.numbers.contains(name);
    let template = |(text, line): &(String, usize)| Removal::template(text, *line, is_number);
    let removals = options.invalidates.iter().map(template);
    function.removes.extend(removals);
    let mut uses_bounds = false;
    for expr in &options.computed {
        let line = expr.span().start().line;
        let computed = Computed {
            reading,
            imports,
            line,
        };
        match computed.removals(expr) {
            Some(removals) => function.removes.extend(removals),
            None if !options.within.is_empty() => uses_bounds = true,
            // A comment says it instead.
            None if !function.notes.removes.is_empty() => {}
            None => function.unread.push(Unread {
                line,
                what: format!("what `{}` removes is computed", source_of(plain(expr))),
                remedy: "say it above the function: `// cache-map: removes jobs:<id>`".to_owned(),
            }),
        }
    }
    if uses_bounds {
        function.removes.extend(options.within.iter().map(template));
    }
}

/// The entry that a function stores.
pub(super) fn stored(
    options: &Options,
    written: &Written<'_>,
    function: &mut Function,
    reading: Reading<'_>,
    default_ttl: Duration,
) -> Store {
    let key = key(options, written, function, reading);
    let tags = tags(options, function, reading);
    if options.put
        && let Key::Known { shown, shape, .. } = &key
    {
        function.removes.push(Removal {
            written: format!("={shown}"),
            line: function.place.line,
            what: Removed::Entries(Covered::Keys(shape.clone())),
        });
    }
    Store {
        how: if options.put { How::Put } else { How::Read },
        key,
        ttl: match &options.ttl {
            Some(ttl) => Lifetime::read(ttl, reading),
            None => Lifetime::default(default_ttl),
        },
        tags,
        companion: companion(options, written),
        stale: options.stale.clone(),
        near: options.near.clone(),
        line: function.place.line,
    }
}

fn key(
    options: &Options,
    written: &Written<'_>,
    function: &mut Function,
    reading: Reading<'_>,
) -> Key {
    let below = may_name_its_type(options, written);
    if let Some(stated) = &function.notes.key
        && let Ok(text) = Text::template(stated)
    {
        return Key::of(&text, below);
    }
    let Some(key) = &options.key else {
        return automatic(options, written);
    };
    if let Expr::Lit(lit) = plain(key)
        && let Lit::Str(text) = &lit.lit
    {
        return match Text::template(&text.value()) {
            Ok(text) => {
                let text = text.with_numbers(|name| written.numbers.contains(name));
                Key::of(&text, below)
            }
            Err(_) => Key::Unread(text.value()),
        };
    }
    match reading.key(key) {
        Some(text) => Key::of(&text, below),
        None => {
            let source = source_of(plain(key));
            function.unread.push(Unread {
                line: function.place.line,
                what: format!("the key `{source}` is not in the source"),
                remedy: "say it above the function: `// cache-map: key jobs:<id>`".to_owned(),
            });
            Key::Unread(source)
        }
    }
}

/// The key of a function that states none: the function's path, its types and its arguments.
fn automatic(options: &Options, written: &Written<'_>) -> Key {
    let whole = whole_path(options, written);
    let path = whole.clone().unwrap_or_else(|| path_in_part(written));
    let (mut marked, mut names) = (path.marked.clone(), path.names.clone());
    for name in in_automatic_key(options, written.sig) {
        marked.push(':');
        marked.push(VALUE);
        names.push(name);
    }
    let text = Text { marked, names };
    let text = text.with_numbers(|name| written.numbers.contains(name));
    let shape = text.shape();
    Key::Known {
        shown: text.to_string().replace("<…>", "…"),
        beginning: text.beginning().to_owned(),
        // The type around a method is in its path, or comes last.
        shape: if whole.is_some() {
            shape
        } else {
            shape.or_below()
        },
        every: path.shape().or_below(),
    }
}

/// The path of a free function, if it is in the source.
fn whole_path(options: &Options, written: &Written<'_>) -> Option<Text> {
    let is_free = written.owner.is_none() && options.companions != Companions::None;
    let (name, modules) = written
        .crate_name
        .zip(written.modules)
        .filter(|_| is_free)?;
    let function = written.sig.ident.to_string();
    let path = [&[name.to_owned()], modules, &[function]].concat();
    Some(Text::literal(&path.join("::")))
}

/// The path of any other function. What is around it is written as the compiler writes it, so any text may stand there.
fn path_in_part(written: &Written<'_>) -> Text {
    let start = match written.crate_name {
        Some(name) if written.owner.is_none_or(|owner| owner.is_local) => format!("{name}::"),
        _ => String::new(),
    };
    Text {
        marked: format!("{start}{ANY}{}", written.sig.ident),
        names: vec!["…".to_owned()],
    }
}

/// The types and arguments in an automatic key, as the attribute lists them.
fn in_automatic_key(options: &Options, sig: &Signature) -> Vec<String> {
    let types = sig.generics.type_params().map(|param| &param.ident);
    let constants = sig.generics.const_params().map(|param| &param.ident);
    let mut names: Vec<String> = types.chain(constants).map(ToString::to_string).collect();
    for input in &sig.inputs {
        if let FnArg::Typed(argument) = input
            && !is_state(&argument.ty)
        {
            let mut bound = Bound::default();
            bound.visit_pat(&argument.pat);
            names.extend(bound.0);
        }
    }
    names.retain(|name| !options.skip.contains(name));
    names
}

/// The names that a pattern binds.
#[derive(Default)]
struct Bound(Vec<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        let name = pat.ident.to_string();
        let is_plain = pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none();
        if !(is_plain && name.starts_with(char::is_uppercase)) {
            self.0.push(name);
        }
        if let Some((_, inner)) = &pat.subpat {
            self.visit_pat(inner);
        }
    }
}

fn is_state(ty: &Type) -> bool {
    matches!(ty, Type::Path(ty) if ty.path.segments.last().is_some_and(|last| last.ident == "State"))
}

/// Whether the name of a type may follow the key: that of a generic `impl` or trait, unless the key or `skip` says
/// `Self`.
fn may_name_its_type(options: &Options, written: &Written<'_>) -> bool {
    let skips = options.skip.iter().any(|name| name == "Self");
    let in_key = options.key.as_ref().is_some_and(|key| match plain(key) {
        Expr::Lit(lit) => matches!(&lit.lit, Lit::Str(text) if text.value().contains("<Self")),
        other => source_of(other).contains("Self"),
    });
    written.owner.is_some_and(|owner| owner.is_generic) && !skips && !in_key
}

fn tags(options: &Options, function: &mut Function, reading: Reading<'_>) -> Tags {
    let stated = &function.notes.tags;
    let stated = stated.iter().filter_map(|text| Text::template(text).ok());
    let mut tags = Tags {
        listed: stated.collect(),
        unread: None,
    };
    let Some(expr) = &options.tags else {
        return tags;
    };
    let is_list = match plain(expr) {
        Expr::Lit(_) => true,
        Expr::Array(list) => list
            .elems
            .iter()
            .all(|item| matches!(plain(item), Expr::Lit(_))),
        _ => false,
    };
    if is_list {
        let texts = texts(expr).into_iter();
        tags.listed
            .extend(texts.filter_map(|(text, _)| Text::template(&text).ok()));
    } else if let Some(read) = reading.tags(expr) {
        tags.listed.extend(read);
    } else if tags.listed.is_empty() {
        let source = source_of(plain(expr));
        function.unread.push(Unread {
            line: function.place.line,
            what: format!("the tags `{source}` are not in the source"),
            remedy: "say them above the function: `// cache-map: tags author:<id>, articles`"
                .to_owned(),
        });
        tags.unread = Some(source);
    }
    tags
}

/// How the companions are called, if there are any.
fn companion(options: &Options, written: &Written<'_>) -> Option<Companion> {
    match (&options.companions, written.owner) {
        (Companions::None, _) | (Companions::Usual, Some(_)) => None,
        (Companions::Named(name), Some(_)) if written.mentions_self => {
            Some(Companion::Methods(name.clone()))
        }
        (Companions::Named(name), _) => Some(Companion::Type(name.clone())),
        (Companions::Usual, None) => Some(Companion::Type(written.sig.ident.to_string())),
    }
}
