//! Leaves out code that is compiled for tests only: a removal in a test must not hide that the program forgets it.

use syn::punctuated::Punctuated;
use syn::{Arm, Attribute, BinOp, Expr, Item, Meta, Pat, Stmt, Token, UnOp};

use crate::ctl::map::expr::plain;

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
    of_cfg(condition) == Some(false)
}

/// The value of a condition of `cfg` outside tests; `None` if it depends on something else.
fn of_cfg(condition: &Meta) -> Option<bool> {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test").then_some(false);
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let parts: Vec<Option<bool>> = parts.ok()?.iter().map(of_cfg).collect();
    let kind = list.path.get_ident()?.to_string();
    match (kind.as_str(), parts.as_slice()) {
        ("not", [part]) => part.map(|part| !part),
        ("all", parts) => all_of(parts),
        ("any", parts) => any_of(parts),
        _ => None,
    }
}

/// The value of an expression such as `cfg!(test) && wanted` outside tests; `None` if it depends on something else.
pub(super) fn outside_tests(expr: &Expr) -> Option<bool> {
    match plain(expr) {
        Expr::Macro(call) if call.mac.path.segments.last()?.ident == "cfg" => {
            of_cfg(&call.mac.parse_body().ok()?)
        }
        Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) => {
            outside_tests(&not.expr).map(|given| !given)
        }
        Expr::Binary(two) => {
            let parts = || [outside_tests(&two.left), outside_tests(&two.right)];
            match two.op {
                BinOp::And(_) => all_of(&parts()),
                BinOp::Or(_) => any_of(&parts()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn all_of(parts: &[Option<bool>]) -> Option<bool> {
    let is_true = parts.iter().all(|part| *part == Some(true));
    let is_false = parts.contains(&Some(false));
    (is_true || is_false).then_some(is_true)
}

fn any_of(parts: &[Option<bool>]) -> Option<bool> {
    let is_true = parts.contains(&Some(true));
    let is_false = parts.iter().all(|part| *part == Some(false));
    (is_true || is_false).then_some(is_true)
}

/// Whether a statement exists only in tests. An item in it is looked at as an item.
pub(super) fn is_stmt_for_tests(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Local(local) => is_for_tests(&local.attrs),
        Stmt::Macro(invoked) => is_for_tests(&invoked.attrs),
        Stmt::Expr(expr, _) => is_for_tests(of_expr(first_in(expr))),
        Stmt::Item(_) => false,
    }
}

/// Where the parser keeps the attributes of a statement: at what comes first in it.
fn first_in(mut expr: &Expr) -> &Expr {
    loop {
        expr = match expr {
            Expr::Assign(two) => &two.left,
            Expr::Binary(two) => &two.left,
            Expr::Cast(cast) => &cast.expr,
            _ => return expr,
        };
    }
}

/// Whether a branch of a `match` is taken only in tests.
pub(super) fn is_arm_for_tests(arm: &Arm) -> bool {
    let guard = match &arm.pat {
        Pat::Guard(guarded) => outside_tests(&guarded.guard),
        _ => None,
    };
    is_for_tests(&arm.attrs) || guard == Some(false)
}

/// The attributes of one of these kinds of syntax.
macro_rules! attributes {
    ($of:expr, $kind:ident: $($variant:ident)*) => {
        match $of {
            $($kind::$variant(inner) => inner.attrs.as_slice(),)*
            _ => &[],
        }
    };
}

/// The attributes of an expression.
pub(super) fn of_expr(expr: &Expr) -> &[Attribute] {
    attributes!(expr, Expr: Array Assign Async Await Binary Block Break Call Cast Closure Const Continue Field ForLoop Group
        If Index Infer Let Lit Loop Macro Match MethodCall Paren Path Range RawAddr Reference Repeat Return Struct Try TryBlock
        Tuple Unary Unsafe While Yield)
}

/// The attributes of an item.
pub(super) fn of_item(item: &Item) -> &[Attribute] {
    attributes!(item, Item: Const Enum ExternCrate Fn ForeignMod Impl Macro Mod Static Struct Trait TraitAlias Type Union Use)
}

/// The methods of a visitor of bodies that leave out what exists in tests only. The visitor has a method `leave_out`, which
/// is told of each such part.
macro_rules! without_tests {
    () => {
        fn visit_stmt(&mut self, stmt: &'ast syn::Stmt) {
            match $crate::ctl::map::skipped::is_stmt_for_tests(stmt) {
                true => self.leave_out(syn::spanned::Spanned::span(stmt)),
                false => syn::visit::visit_stmt(self, stmt),
            }
        }

        fn visit_expr(&mut self, expr: &'ast syn::Expr) {
            use $crate::ctl::map::skipped::{is_for_tests, of_expr};
            match is_for_tests(of_expr(expr)) {
                true => self.leave_out(syn::spanned::Spanned::span(expr)),
                false => syn::visit::visit_expr(self, expr),
            }
        }

        fn visit_arm(&mut self, arm: &'ast syn::Arm) {
            match $crate::ctl::map::skipped::is_arm_for_tests(arm) {
                true => self.leave_out(syn::spanned::Spanned::span(arm)),
                false => syn::visit::visit_arm(self, arm),
            }
        }

        fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
            match $crate::ctl::map::skipped::is_for_tests(&field.attrs) {
                true => self.leave_out(syn::spanned::Spanned::span(field)),
                false => syn::visit::visit_field_value(self, field),
            }
        }

        fn visit_expr_if(&mut self, branches: &'ast syn::ExprIf) {
            let condition = $crate::ctl::map::skipped::outside_tests(&branches.cond);
            self.visit_expr(&branches.cond);
            match condition {
                Some(false) => self.leave_out(syn::spanned::Spanned::span(&branches.then_branch)),
                _ => self.visit_block(&branches.then_branch),
            }
            match (&branches.else_branch, condition) {
                (Some((_, other)), Some(true)) => {
                    self.leave_out(syn::spanned::Spanned::span(other));
                }
                (Some((_, other)), _) => self.visit_expr(other),
                (None, _) => {}
            }
        }

        fn visit_expr_while(&mut self, repeated: &'ast syn::ExprWhile) {
            match $crate::ctl::map::skipped::outside_tests(&repeated.cond) {
                Some(false) => self.leave_out(syn::spanned::Spanned::span(repeated)),
                _ => syn::visit::visit_expr_while(self, repeated),
            }
        }

        fn visit_expr_binary(&mut self, two: &'ast syn::ExprBinary) {
            let decides = match two.op {
                syn::BinOp::And(_) => Some(false),
                syn::BinOp::Or(_) => Some(true),
                _ => None,
            };
            let left = decides.and_then(|_| $crate::ctl::map::skipped::outside_tests(&two.left));
            self.visit_expr(&two.left);
            match left.is_some() && left == decides {
                true => self.leave_out(syn::spanned::Spanned::span(&two.right)),
                false => self.visit_expr(&two.right),
            }
        }
    };
}
pub(super) use without_tests;

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
            ("#[cfg(not(not(test)))]", true),
            ("#[cfg(not(any(feature = \"a\", not(test))))]", true),
            ("#[cfg(not(test))]", false),
            ("#[cfg(not(feature = \"a\"))]", false),
            ("#[cfg(not(all(test, feature = \"a\")))]", false),
            ("#[cfg(any(test, feature = \"a\"))]", false),
            ("#[cfg(feature = \"test\")]", false),
            ("#[inline]", false),
        ] {
            let item: syn::ItemFn = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
            assert_eq!(is_for_tests(&item.attrs), expected, "{attribute}");
        }
    }

    #[test]
    fn a_condition_in_code_may_be_known_outside_tests() {
        for (source, expected) in [
            ("cfg!(test)", Some(false)),
            ("!cfg!(test)", Some(true)),
            ("(cfg!(not(test)))", Some(true)),
            ("wanted && std::cfg!(all(test, unix))", Some(false)),
            ("wanted || cfg!(test)", None),
            ("!(wanted && cfg!(test)) || other", Some(true)),
            ("cfg!(feature = \"test\")", None),
            ("cfg!(test) == wanted", None),
            ("test", None),
        ] {
            let expr = syn::parse_str(source).unwrap();
            assert_eq!(outside_tests(&expr), expected, "{source}");
        }
    }
}
