//! Parts of expressions, and their source.

use syn::Expr;
use syn::spanned::Spanned as _;

/// The expression without what does not change its value.
pub(super) fn plain(mut expr: &Expr) -> &Expr {
    loop {
        expr = match expr {
            Expr::Reference(inner) => &inner.expr,
            Expr::Paren(inner) => &inner.expr,
            Expr::Group(inner) => &inner.expr,
            Expr::Block(block) => match block.block.stmts.as_slice() {
                [syn::Stmt::Expr(inner, None)] => inner,
                _ => return expr,
            },
            _ => return expr,
        };
    }
}

/// The names of a path; nothing for any other expression.
pub(super) fn path_of(expr: &Expr) -> Vec<String> {
    match plain(expr) {
        Expr::Path(path) => {
            let segments = path.path.segments.iter();
            segments.map(|segment| segment.ident.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// The last name of a path.
pub(super) fn last_name(expr: &Expr) -> Option<String> {
    path_of(expr).pop()
}

/// The type in `Type::function`.
pub(super) fn last_but_one(expr: &Expr) -> Option<String> {
    path_of(expr).into_iter().rev().nth(1)
}

/// The name of a value for people: its source, if that is short and in one line.
pub(super) fn name_of(expr: &Expr) -> String {
    let source = source_of(plain(expr));
    match source.chars().count() <= 24 && !source.contains(['<', '>']) {
        true if !source.is_empty() => source,
        _ => "…".to_owned(),
    }
}

/// The source of an expression, in one line.
pub(super) fn source_of(expr: &Expr) -> String {
    let source = expr.span().source_text().unwrap_or_default();
    let words: Vec<&str> = source.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_a_value_is_left_out() {
        let expr: Expr = syn::parse_str("&(({ a::b::<u8>::c }))").unwrap();
        assert_eq!(path_of(&expr), ["a", "b", "c"]);
        let (last, before) = (last_name(&expr), last_but_one(&expr));
        assert_eq!((last.as_deref(), before.as_deref()), (Some("c"), Some("b")));
    }

    #[test]
    fn a_long_source_has_no_name() {
        for (source, name) in [
            ("&page .number", "page .number"),
            ("a < b", "…"),
            ("page_number_of_everything + 1", "…"),
        ] {
            assert_eq!(name_of(&syn::parse_str(source).unwrap()), name);
        }
    }
}
