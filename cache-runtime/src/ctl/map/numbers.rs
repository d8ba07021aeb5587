//! Which parameters of a function are whole numbers. Their values contain no letters, so a pattern such as `*:roles` cannot
//! match a key that ends in one.

use std::collections::HashSet;

use syn::{FnArg, GenericArgument, Pat, PathArguments, Signature, Type};

/// The names of parameters that are whole numbers, also of those in a pattern: `Path(id): Path<u64>`.
pub(super) fn numbers(sig: &Signature) -> HashSet<String> {
    let mut names = HashSet::new();
    for input in &sig.inputs {
        if let FnArg::Typed(argument) = input {
            bind(&argument.pat, &argument.ty, &mut names);
        }
    }
    names
}

fn bind(pat: &Pat, ty: &Type, names: &mut HashSet<String>) {
    match (pat, ty) {
        (pat, Type::Reference(to)) => bind(pat, &to.elem, names),
        (Pat::Reference(to), ty) => bind(&to.pat, ty, names),
        (Pat::Tuple(pats), Type::Tuple(types)) if pats.elems.len() == types.elems.len() => {
            let both = pats.elems.iter().zip(&types.elems);
            both.for_each(|(pat, ty)| bind(pat, ty, names));
        }
        (Pat::TupleStruct(pats), ty) if pats.elems.len() == 1 => {
            if let (Some(pat), Some(inner)) = (pats.elems.first(), only_argument(ty)) {
                bind(pat, inner, names);
            }
        }
        (Pat::Ident(name), ty) if is_number(ty) => {
            names.insert(name.ident.to_string());
        }
        _ => {}
    }
}

/// `u64` in `Path<u64>`
fn only_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Path(ty) if ty.path.get_ident().is_some_and(|name| {
        NUMBERS.iter().any(|number| name == number)
    }))
}

const NUMBERS: [&str; 12] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_are_numbers() {
        let sig = "async fn f(a: u8, b: &i64, Path(c): Path<usize>, At((d, e)): At<(u16, String)>, f: f64, g: Option<u8>, \
                   h: &str, i: T, Id(j): Id, (k, l): (u8, u8), _: u8, Two(m, n): Two<u8>)";
        let sig: Signature = syn::parse_str(sig).unwrap();
        let mut names: Vec<String> = numbers(&sig).into_iter().collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c", "d", "k", "l"]);
    }
}
