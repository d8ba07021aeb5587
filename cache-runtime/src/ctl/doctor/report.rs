//! What the doctor has found.

use serde::Serialize;

use crate::ctl::failure::Failure;
use crate::ctl::out::{Out, Paint, visible};
use crate::ctl::place::Place;
use crate::ctl::table::Table;
use crate::redis::ConnectionTest;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// Worth knowing.
    Note,
    /// It works, and may stop working.
    Warning,
    /// It does not work, or a promise or a feature of the cache is lost.
    Problem,
    Skipped,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) id: &'static str,
    /// The node of a cluster that it concerns; absent if it concerns all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) status: Status,
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Check {
    fn new(id: &'static str, status: Status, what: impl Into<String>) -> Self {
        Self {
            id,
            node: None,
            status,
            what: what.into(),
            cause: None,
            remedy: None,
        }
    }

    pub(super) fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, what)
    }

    pub(super) fn note(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Note, what)
    }

    pub(super) fn warning(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Warning, what)
    }

    pub(super) fn problem(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Problem, what)
    }

    pub(super) fn skipped(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(id, Status::Skipped, what)
    }

    pub(super) fn failed(id: &'static str, failure: Failure) -> Self {
        Self {
            id,
            node: None,
            status: Status::Problem,
            what: failure.what,
            cause: failure.cause,
            remedy: failure.remedy,
        }
    }

    pub(super) fn at(mut self, node: &str) -> Self {
        self.node = Some(node.to_owned());
        self
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

/// A command that the runtime uses.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Permission {
    pub(super) command: &'static str,
    pub(super) allowed: bool,
    /// `needed`, `feature` or `extra`.
    pub(super) weight: &'static str,
    pub(super) used_for: &'static str,
    /// What is lost without it.
    pub(super) without: &'static str,
    /// The server's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
}

/// How long an operation takes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    /// The master of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) operation: &'static str,
    pub(super) samples: u64,
    pub(super) p50_ms: f64,
    pub(super) p90_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// The server, as it describes itself.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Server {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    /// `standalone`, `cluster` or `sentinel`.
    pub(super) mode: Option<String>,
    pub(super) role: Option<String>,
}

/// A node of a cluster with slots.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Node {
    /// Host and port.
    pub(super) node: String,
    pub(super) answers: bool,
    pub(super) version: Option<String>,
    pub(super) slots: u64,
    pub(super) buckets: usize,
    pub(super) replicas: Vec<String>,
}

/// A cluster, as its nodes describe it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cluster {
    /// `ok`, or `fail` if a node says so.
    pub(super) state: Option<String>,
    pub(super) slots_served: u64,
    pub(super) masters: Vec<Node>,
}

/// All that was found. With `--json`, this is the answer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `ok`, `problems` or `no_connection`.
    pub(super) verdict: &'static str,
    redis: String,
    namespace: String,
    /// The user, if the server tells.
    pub(super) user: Option<String>,
    pub(super) server: Server,
    /// Absent on a single server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<Cluster>,
    pub(super) checks: Vec<Check>,
    pub(super) commands: Vec<Permission>,
    pub(super) latency: Vec<Latency>,
    pub(super) connection_test: Option<ConnectionTest>,
    pub(super) clock_difference_ms: Option<i64>,
}

impl Report {
    pub(super) fn new(place: &Place) -> Self {
        Self {
            verdict: "ok",
            redis: place.target.to_string(),
            namespace: place.namespace().to_owned(),
            user: None,
            server: Server::default(),
            cluster: None,
            checks: Vec::new(),
            commands: Vec::new(),
            latency: Vec::new(),
            connection_test: None,
            clock_difference_ms: None,
        }
    }

    pub(super) fn add(&mut self, check: Check) {
        if check.status == Status::Problem && self.verdict == "ok" {
            self.verdict = "problems";
        }
        self.checks.push(check);
    }

    pub(super) fn unconnected(&mut self) {
        self.verdict = "no_connection";
    }

    pub(super) fn code(&self) -> u8 {
        match self.verdict {
            "ok" => 0,
            "problems" => 1,
            _ => 2,
        }
    }

    pub(super) fn print(&self, out: &Out) {
        if out.json {
            out.json(self);
            return;
        }
        let namespace = match self.namespace.as_str() {
            "" => "no namespace".to_owned(),
            namespace => format!("namespace `{namespace}`"),
        };
        let mut text = format!("{}, {namespace}\n\n", self.redis);
        for check in &self.checks {
            text.push_str(&self.check(check, out));
        }
        if !self.latency.is_empty() {
            text.push_str(&format!("\n{}", self.latencies()));
        }
        text.push_str(&format!("\n{}\n", self.summary(out)));
        out.text(&text);
    }

    fn check(&self, check: &Check, out: &Out) -> String {
        let (paint, word) = match check.status {
            Status::Ok => (Paint::Green, "ok"),
            Status::Note => (Paint::Bold, "note"),
            Status::Warning => (Paint::Yellow, "warning"),
            Status::Problem => (Paint::Red, "PROBLEM"),
            Status::Skipped => (Paint::Dim, "skipped"),
        };
        let word = out.paint(paint, &format!("{word:<7}"));
        let node = check.node.as_ref().map(|node| format!("{node}: "));
        let what = format!("{}{}", node.unwrap_or_default(), check.what);
        let mut text = format!("{word}  {:<11}  {}\n", check.id, visible(&what));
        for (name, more) in [("cause:", &check.cause), ("remedy:", &check.remedy)] {
            if let Some(more) = more {
                text.push_str(&format!("{:22}{name:<7} {}\n", "", visible(more)));
            }
        }
        text
    }

    fn latencies(&self) -> String {
        let mut table = Table::new(
            &["LATENCY IN MS", "SAMPLES", "P50", "P90", "P99", "MAX"],
            &[1, 2, 3, 4, 5],
        );
        for latency in &self.latency {
            let figures = [
                latency.p50_ms,
                latency.p90_ms,
                latency.p99_ms,
                latency.max_ms,
            ];
            let operation = match &latency.node {
                Some(node) => format!("{node} {}", latency.operation),
                None => latency.operation.to_owned(),
            };
            let mut row = vec![operation, latency.samples.to_string()];
            row.extend(figures.map(|figure| format!("{figure:.2}")));
            table.row(row);
        }
        table.render()
    }

    fn summary(&self, out: &Out) -> String {
        let count = |status| {
            self.checks
                .iter()
                .filter(|check| check.status == status)
                .count()
        };
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        let plural = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        match self.verdict {
            "ok" if warnings == 0 => out.paint(Paint::Green, "All is well."),
            "ok" => out.paint(
                Paint::Yellow,
                &format!("It works; {}.", plural(warnings, "warning")),
            ),
            "problems" => out.paint(
                Paint::Red,
                &format!(
                    "{}, {}.",
                    plural(problems, "problem"),
                    plural(warnings, "warning")
                ),
            ),
            _ => out.paint(
                Paint::Red,
                "No connection. A cache with these settings works from memory alone.",
            ),
        }
    }
}
