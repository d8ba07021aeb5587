//! A call that waits for its value, without its body.

use crate::cacheable::erased::AnyKind;
use crate::call::call::Call;
use crate::call::mode::Mode;

/// A call without its body: everything that the search for a value needs. Passed on in a box, because each move of it
/// would take its size in the stack frame.
pub(super) struct PendingCall {
    pub(super) call: Call,
    pub(super) kind: Box<dyn AnyKind>,
    pub(super) mode: Mode,
}

impl PendingCall {
    pub(super) fn new(call: Call, kind: Box<dyn AnyKind>, mode: Mode) -> Box<Self> {
        Box::new(Self { call, kind, mode })
    }
}
