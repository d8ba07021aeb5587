//! What is compiled for tests only. It is left out: a removal in a test must not hide that the program forgets it.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// Whether these attributes say that an item exists only in tests.
pub(super) fn is_for_tests(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let path = attr.path();
        let last = path.segments.last();
        let is_test = last.is_some_and(|last| last.ident == "test" || last.ident == "bench");
        is_test || (path.is_ident("cfg") && is_cfg_of_tests(&attr.meta))
    })
}

fn is_cfg_of_tests(meta: &Meta) -> bool {
    match meta {
        Meta::List(list) => list
            .parse_args::<Meta>()
            .is_ok_and(|condition| needs_test(&condition)),
        Meta::Path(_) | Meta::NameValue(_) => false,
    }
}

/// Whether a condition of `cfg` holds in tests only.
pub(super) fn needs_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let Ok(parts) = parts else {
        return false;
    };
    if list.path.is_ident("all") {
        parts.iter().any(needs_test)
    } else {
        list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_exists_in_tests_alone_is_left_out() {
        for (attribute, expected) in [
            ("#[cfg(test)]", true),
            ("#[cfg(all(test, feature = \"a\"))]", true),
            ("#[cfg(any(test, all(test, unix)))]", true),
            ("#[test]", true),
            ("#[tokio::test(flavor = \"multi_thread\")]", true),
            ("#[cfg(not(test))]", false),
            ("#[cfg(any(test, feature = \"a\"))]", false),
            ("#[cfg(feature = \"test\")]", false),
            ("#[inline]", false),
        ] {
            let item: syn::ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
            assert_eq!(is_for_tests(&item.attrs), expected, "{attribute}");
        }
    }
}
