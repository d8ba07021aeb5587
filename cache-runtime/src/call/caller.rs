//! Which types tell who asks.

use std::rc::Rc;
use std::sync::Arc;

use crate::cacheable::dispatch::Probe;

/// A type whose values tell who asks: a user, a session, a token, an API key.
///
/// It concerns requests with `Authorization` behind a `CacheLayer` (feature `axum`). The answer to such a request may depend on
/// the credentials, and a cache must not give it to anybody else (RFC 9111, section 3.5). So an answer of a cached function
/// is stored for such a request, and served to it, only if the function's key holds an argument of a type that is marked with
/// this trait; or if the function says `public`, or `vary = "authorization"`. All others go uncached.
///
/// Mark the extractor, as it stands in the signature. There is nothing to implement:
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
/// The mark says that *what the key takes of such a value* tells callers apart as far as the answer does: the user's id, or
/// the tenant where all of its users see the same. A value that says whether somebody may ask, and not who it is, should not
/// have it.
///
/// It is looked up by type when the function is compiled, so aliases have it too. A parameter `T` of a generic function has it
/// where its bounds say so. `Option`, `Result` (of which the success counts), references, `Box`, `Rc`, `Arc` and axum's
/// `Extension` of a marked type are marked. A type of another crate cannot be; there, `vary = "authorization"` says the same
/// of the function.
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

/// The question, by autoref dispatch (see [`crate::cacheable::dispatch`]): a marked type…
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

/// Does one of these types tell who asks?
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
