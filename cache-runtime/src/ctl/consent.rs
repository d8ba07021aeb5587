//! Asks before something that cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Given,
    Refused,
    /// There is no terminal, so nobody can be asked.
    NobodyThere,
}

/// Asks on the terminal; only `yes` is consent.
pub(super) fn ask(question: &str) -> Consent {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Consent::NobodyThere;
    }
    let mut stderr = io::stderr().lock();
    let asked = write!(stderr, "{question} Type `yes` to go on: ").and_then(|()| stderr.flush());
    drop(stderr);
    let mut answer = String::new();
    match asked.and_then(|()| io::stdin().lock().read_line(&mut answer)) {
        Ok(_) if answer.trim() == "yes" => Consent::Given,
        _ => Consent::Refused,
    }
}
