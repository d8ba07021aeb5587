//! Which types identify the caller.

use std::rc::Rc;
use std::sync::Arc;

use crate::cacheable::dispatch::Probe;

/// A type whose values identify the caller: a user, a session, a token, an API key.
///
/// The trait matters for requests with `Authorization` behind a `CacheLayer` (feature `axum`). The answer to such a
/// request may depend on the credentials, and a cache must not serve it to anybody else (RFC 9111, section 3.5). So
/// the result of a cached function is stored for such a request, and served to it, only if the function's key contains
/// an argument whose type implements this trait, or if the function says `public` or `vary = "authorization"`.
/// Otherwise the cache is not used.
///
/// Implement it for the extractor, as written in the signature. It has no methods:
///
/// ```
/// use cache_runtime::{IdentifiesCaller, cached};
///
/// /// The signed-in user; `FromRequestParts` reads and checks the token.
/// struct CurrentUser(u64);
///
/// impl IdentifiesCaller for CurrentUser {}
///
/// # struct Dashboard;
/// #[cached(ttl = "1m", key = "dashboard:<user>")]
/// async fn dashboard(CurrentUser(user): CurrentUser) -> String {
///     format!("dashboard of {user}")
/// }
/// ```
///
/// Implement it only if *the part of such a value that the key contains* distinguishes callers as far as the answer
/// does: the id of the user, or the tenant if all of its users see the same. Do not implement it for a value that says
/// whether a caller has permission, but not who the caller is.
///
/// It is looked up by type when the function is compiled, so it works with aliases. For a parameter `T` of a generic
/// function, the bounds decide. If a type implements it, so do `Option`, `Result` (for the success value), references,
/// `Box`, `Rc`, `Arc` and axum's `Extension` of it. For a type of another crate, use `vary = "authorization"` on the
/// function.
pub trait IdentifiesCaller {}

impl<T: IdentifiesCaller + ?Sized> IdentifiesCaller for &T {}
impl<T: IdentifiesCaller + ?Sized> IdentifiesCaller for &mut T {}
impl<T: IdentifiesCaller + ?Sized> IdentifiesCaller for Box<T> {}
impl<T: IdentifiesCaller + ?Sized> IdentifiesCaller for Rc<T> {}
impl<T: IdentifiesCaller + ?Sized> IdentifiesCaller for Arc<T> {}
impl<T: IdentifiesCaller> IdentifiesCaller for Option<T> {}
impl<T: IdentifiesCaller, E> IdentifiesCaller for Result<T, E> {}
#[cfg(feature = "axum")]
impl<T: IdentifiesCaller> IdentifiesCaller for axum::Extension<T> {}

/// Checked by autoref dispatch (see [`crate::cacheable::dispatch`]): a type that identifies the caller…
pub trait Marked {
    /// Yes.
    fn identifies_caller(&self) -> bool {
        true
    }
}

/// … or any other.
pub trait Unmarked {
    /// No.
    fn identifies_caller(&self) -> bool {
        false
    }
}

impl<T: IdentifiesCaller> Marked for &Probe<T> {}
impl<T> Unmarked for Probe<T> {}

/// Whether one of these types identifies the caller.
#[doc(hidden)]
#[macro_export]
macro_rules! __cached_identify_caller {
    ($($argument:ty),+) => {{
        #[allow(unused_imports)] // each type needs one of the two
        use $crate::__private::{Marked as _, Unmarked as _};
        $((&&$crate::__private::dispatch::Probe::<$argument>::new()).identifies_caller())||+
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    struct User;
    type Alias = Option<User>;
    struct Page;

    impl IdentifiesCaller for User {}

    fn of<T>() -> bool {
        crate::__cached_identify_caller!(T)
    }

    fn of_marked<T: IdentifiesCaller>() -> bool {
        crate::__cached_identify_caller!(T)
    }

    #[test]
    fn the_type_decides_and_not_its_name() {
        assert!(crate::__cached_identify_caller!(User) && crate::__cached_identify_caller!(Alias));
        assert!(
            crate::__cached_identify_caller!(Result<&User, Page>)
                && crate::__cached_identify_caller!(Arc<User>)
        );
        assert!(crate::__cached_identify_caller!(Page, User));
        assert!(
            !crate::__cached_identify_caller!(Page, u64)
                && !crate::__cached_identify_caller!(Result<Page, User>)
        );
        assert!(!crate::__cached_identify_caller!(Vec<User>));
    }

    #[test]
    fn of_a_type_parameter_its_bounds_decide() {
        assert!(!of::<User>());
        assert!(of_marked::<User>());
    }
}
