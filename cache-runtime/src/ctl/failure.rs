//! Why a command failed: what is wrong, its likely cause, and what to do about it.

use serde::Serialize;

use crate::ctl::redact::redact;
use crate::ctl::unavailable::Unavailable;
use crate::redis::Target;

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
    /// Masters of a cluster that did not do it, while others did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unavailable: Vec<Unavailable>,
    /// Entries that were removed in spite of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removed: Option<u64>,
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
            unavailable: Vec::new(),
            removed: None,
        }
    }

    pub(super) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The same as a failure of one master of a cluster, which is named instead of the URL.
    pub(super) fn at(self, node: &str, buckets: usize, target: &Target) -> Unavailable {
        let within = self.what.strip_prefix(&format!("{target}: "));
        Unavailable {
            node: node.to_owned(),
            buckets,
            error: within.unwrap_or(&self.what).to_owned(),
            cause: self.cause,
            remedy: self.remedy,
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
