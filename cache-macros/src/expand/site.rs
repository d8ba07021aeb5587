//! The static of a cached function: everything that is known of it when it is compiled.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use crate::cached_fn::CachedFn;
use crate::cached_fn::key::Key;
use crate::cached_fn::pattern::Pattern;
use crate::expand::tokens::{duration, private};
use crate::options::lifetime::Lifetime;
use crate::options::policy::{Algorithm, Codec, Outage, Policy};
use crate::options::ttl::{Near, Ttl};
use crate::spans::respanned;

/// `static __SITE: Site = …;`
pub(super) fn static_site(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let name = &cached.name;
    let key = key(cached);
    let lifetimes = lifetimes(cached);
    let policy = policy(&private, &cached.policy);
    let http = http(cached);
    let removals = cached.invalidates.iter().chain(&cached.invalidates_within);
    let invalidates = pattern_list(&private, "invalidates", removals);
    let within = (!cached.invalidates_within.is_empty()).then(|| {
        let own = Literal::usize_unsuffixed(cached.invalidates.len());
        quote!(.invalidates_within(#own))
    });
    let always = cached.invalidates_always.then(|| quote!(.always()));
    let tags = pattern_list(&private, "tags", &cached.tags);
    let result_tags = cached
        .computed_tags
        .as_ref()
        .filter(|tags| tags.uses_result);
    let result_tags = result_tags.map(|_| quote!(.result_tags()));
    let compress = compress_feature(&private, &cached.policy);
    let codec = codec_feature(&private, &cached.policy);
    quote! {
        #compress
        #codec
        static __SITE: #private::Site = #private::Site::new(#name) #key #lifetimes #policy #http #invalidates #within #always #tags #result_tags;
    }
}

/// The step that says how the key begins and what stands between its values.
fn key(cached: &CachedFn) -> Option<TokenStream> {
    let private = private(cached);
    match cached.key() {
        Some(Key::Template { literals, .. }) => {
            Some(quote!(.key(#private::Template::new(&[#(#literals),*]))))
        }
        Some(Key::Automatic { types, parts }) => {
            let literals = automatic_literals(cached, types.len() + parts.len());
            Some(quote!(.key(#private::Template::new(&[#(#literals),*]))))
        }
        Some(Key::Expr(_)) | None => None,
    }
}

/// The steps that say how long values live.
fn lifetimes(cached: &CachedFn) -> TokenStream {
    let private = private(cached);
    let ttl = match &cached.ttl {
        Some(Ttl::Lifetime(Lifetime::Named(name))) => {
            let name = format_ident!("{name}");
            Some(quote!(.ttl(#private::Ttl::Named(&#private::ttl::#name))))
        }
        Some(Ttl::Lifetime(Lifetime::Fixed(length))) => {
            let length = duration(*length);
            Some(quote!(.ttl(#private::Ttl::Fixed(#length))))
        }
        Some(Ttl::OfValue(_)) => Some(quote!(.ttl_of_value())),
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
    quote!(#ttl #none_ttl #near)
}

/// The steps that say how values are kept and served.
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
        let beta = Literal::f64_unsuffixed(*beta);
        quote!(.early(#beta))
    });
    let jitter = policy.jitter.value().map(|percent| {
        let percent = Literal::u8_unsuffixed(*percent);
        quote!(.jitter(#percent))
    });
    let outage = match policy.outage.value() {
        Some(Outage::Bypass) => Some(quote!(.outage(#private::Outage::Bypass))),
        Some(Outage::Memory) => Some(quote!(.outage(#private::Outage::Memory))),
        None => None,
    };
    let codec = match policy.codec.value() {
        Some(Codec::Json) => Some(quote!(.codec(#private::CodecKind::Json))),
        Some(Codec::Postcard) => Some(quote!(.codec(#private::CodecKind::Postcard))),
        // It is the default wherever it is there.
        Some(Codec::Bincode) | None => None,
    };
    let compress = policy.compress.value().map(|compress| {
        let algorithm = match compress.algorithm {
            Algorithm::Zstd => quote!(Zstd),
            Algorithm::Lz4 => quote!(Lz4),
        };
        let from = Literal::usize_unsuffixed(compress.from);
        quote!(.compress(#private::Compression::#algorithm, #from))
    });
    let verify = policy.verify.value().map(|hits| {
        let hits = Literal::u32_unsuffixed(*hits);
        quote!(.verify(#hits))
    });
    let shadow = policy.shadow.is_given().then(|| quote!(.shadow()));
    quote!(#(#lengths)* #early #jitter #outage #codec #compress #verify #shadow)
}

/// The steps that say who may share an answer.
fn http(cached: &CachedFn) -> TokenStream {
    let public = matches!(cached.http.public.value(), Some(None)).then(|| quote!(.public()));
    let vary = cached.http.vary.value();
    let vary = vary.map(|headers| quote!(.vary(&[#(#headers),*])));
    quote!(#public #vary)
}

/// A statement that does nothing. Where the runtime was built without the algorithm of `compress`, it is an
/// error at the option.
fn compress_feature(private: &TokenStream, policy: &Policy) -> Option<TokenStream> {
    let compress = policy.compress.value()?;
    let feature = match compress.algorithm {
        Algorithm::Zstd => "feature_zstd",
        Algorithm::Lz4 => "feature_lz4",
    };
    Some(needs(private, feature, compress.at))
}

/// The same for the codec.
fn codec_feature(private: &TokenStream, policy: &Policy) -> Option<TokenStream> {
    let feature = match policy.codec.value()? {
        Codec::Bincode => "feature_bincode",
        Codec::Postcard => "feature_postcard",
        Codec::Json => return None,
    };
    Some(needs(private, feature, policy.codec.name()?.span()))
}

fn needs(private: &TokenStream, feature: &str, at: Span) -> TokenStream {
    let (private, feature) = (respanned(private.clone(), at), Ident::new(feature, at));
    quote_spanned!(at=> #private::#feature!();)
}

/// The step that lists patterns.
fn pattern_list<'a>(
    private: &TokenStream,
    step: &str,
    patterns: impl IntoIterator<Item = &'a Pattern>,
) -> Option<TokenStream> {
    let step = format_ident!("{step}");
    let patterns = patterns.into_iter().map(|pattern| {
        let literals = &pattern.literals;
        quote!(#private::PatternTemplate::new(&[#(#literals),*]))
    });
    let patterns: Vec<_> = patterns.collect();
    (!patterns.is_empty()).then(|| quote!(.#step(&[#(#patterns),*])))
}

/// The literals of `path:<T>:<a>:<b>`, an automatic key. It does not begin with the option `name`: two
/// functions may share a name in the statistics, but they must not share a key.
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
