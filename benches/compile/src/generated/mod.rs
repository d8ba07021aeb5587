//! Packages that differ in one thing: the attribute on their functions.
//!
//! The bench builds them to see what they cost; `tests/llvm_lines.rs` includes this folder to count what the compiler
//! is given.

mod kind;
mod package;
mod program;

pub(crate) use kind::Kind;
pub(crate) use package::Package;
