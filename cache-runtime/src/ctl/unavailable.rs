//! Masters of a cluster that did not take part in a command.

use serde::Serialize;

use crate::redis::BUCKETS;

/// A master that did not take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Unavailable {
    /// Host and port.
    pub(super) node: String,
    /// How many of the buckets of keys are concerned.
    pub(super) buckets: usize,
    pub(super) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

/// What stands for a node where slots have no master.
const NOBODY: &str = "no master";

impl Unavailable {
    /// Slots that no master serves.
    pub(super) fn unserved(buckets: usize) -> Self {
        Self {
            node: NOBODY.to_owned(),
            buckets,
            error: "no master serves the slots of these keys".to_owned(),
            cause: Some(
                "a master was lost without a replica to replace it, or its slots were never assigned".to_owned(),
            ),
            remedy: Some(
                "`redis-cli --cluster check HOST:PORT` shows which slots are missing; `--cluster fix` assigns them"
                    .to_owned(),
            ),
        }
    }

    /// Adds it to those that are known; one node is named once.
    pub(super) fn add_to(self, known: &mut Vec<Self>) {
        match known.iter_mut().find(|other| other.node == self.node) {
            Some(other) => other.buckets += self.buckets,
            None => known.push(self),
        }
    }

    /// `10.0.0.3:6379 (2 of 16 buckets of keys): Connection refused`
    pub(super) fn line(&self) -> String {
        format!(
            "{} ({} of {BUCKETS} buckets of keys): {}",
            self.node, self.buckets, self.error
        )
    }
}
