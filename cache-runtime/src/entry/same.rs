//! Whether two values of one type are equal, as far as their encodings tell. Their type need not implement `PartialEq`.

use crate::entry::CodecKind;
use crate::entry::ops::{Erased, TypeOps};

/// Whether the values are equal. `None`: they cannot be encoded, so nothing can be said.
///
/// The same bytes are the same value. Other bytes may be, too, because a `HashMap` has no order; so these are compared as
/// JSON, whose objects have none either. A set is a list in JSON, and keeps its order.
pub(crate) fn are_same(ops: &TypeOps, one: &Erased, other: &Erased) -> Option<bool> {
    let bytes = |value| ops.encode_as(value, CodecKind::DEFAULT).ok();
    let compact = bytes(one)
        .zip(bytes(other))
        .map(|(one, other)| one == other);
    if compact == Some(true) {
        return compact;
    }
    let json = |value| -> Option<serde_json::Value> {
        let text = (ops.encode)(value, CodecKind::Json).ok()?;
        serde_json::from_slice(&text).ok()
    };
    match (json(one), json(other)) {
        (Some(one), Some(other)) => Some(one == other),
        _ => compact,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;

    use super::*;
    use crate::entry::type_ops;

    fn same<T>(one: T, other: T) -> Option<bool>
    where
        T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    {
        are_same(type_ops::<T>(), &one, &other)
    }

    #[test]
    fn what_json_and_the_compact_codecs_cannot_write_is_not_compared() {
        assert_eq!(same(Some(Some(1_u8)), Some(Some(1))), Some(true));
        // JSON would not tell these two apart.
        assert_eq!(same(Some(None::<u8>), None), Some(false));
        assert_eq!(same(f64::NAN, 1.0), Some(false));
        assert_eq!(same("one".to_owned(), "one".to_owned()), Some(true));
    }

    proptest! {
        #[test]
        fn maps_of_the_same_content_are_the_same_in_any_order(
            content in prop::collection::btree_map("[a-z]{1,4}", any::<i32>(), 0..20),
        ) {
            let map = || content.clone().into_iter().collect::<HashMap<_, _>>();
            prop_assert_eq!(same(map(), map()), Some(true));
            let mut more = map();
            more.insert("ADDED".to_owned(), 1);
            prop_assert_eq!(same(map(), more), Some(false));
        }

        #[test]
        fn values_are_the_same_if_and_only_if_they_are_equal(
            one in any::<(u8, String, Option<bool>)>(),
            other in any::<(u8, String, Option<bool>)>(),
        ) {
            prop_assert_eq!(same(one.clone(), one.clone()), Some(true));
            prop_assert_eq!(same(one.clone(), other.clone()), Some(one == other));
        }

        #[test]
        fn maps_with_keys_that_are_no_text_are_compared(
            one in prop::collection::btree_map(any::<(u8, u8)>(), any::<u8>(), 0..5),
            other in prop::collection::btree_map(any::<(u8, u8)>(), any::<u8>(), 0..5),
        ) {
            prop_assert_eq!(same::<BTreeMap<(u8, u8), u8>>(one.clone(), one.clone()), Some(true));
            prop_assert_eq!(same(one.clone(), other.clone()), Some(one == other));
        }
    }
}
