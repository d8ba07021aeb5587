//! Why a command failed: what is wrong, its likely cause, and what to do about it.

use serde::Serialize;

use crate::ctl::redact::redact;

/// A command that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    #[serde(rename = "error")]
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
    #[serde(rename = "exit_code")]
    pub(super) code: u8,
}

impl Failure {
    /// The command was not understood, or must not be carried out, or there is no connection.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::new(what, 2)
    }

    /// The command was carried out and met a problem.
    pub(super) fn problem(what: impl Into<String>) -> Self {
        Self::new(what, 1)
    }

    fn new(what: impl Into<String>, code: u8) -> Self {
        Self {
            what: redact(&what.into()),
            cause: None,
            remedy: None,
            code,
        }
    }

    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
