//! What is printed: text for people, or one JSON document for programs.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::ctl::failure::Failure;
use crate::ctl::redact::redact;
use crate::ctl::unavailable::Unavailable;

/// Where the output goes, and in which form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    pub(super) json: bool,
    color: bool,
}

/// The colour of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Green,
    Yellow,
    Red,
    Dim,
    Bold,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            color: !json && wanted && io::stdout().is_terminal(),
        }
    }

    /// Prints a text.
    pub(super) fn text(&self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Prints a value as JSON, in one line.
    pub(super) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.text(&format!("{text}\n")),
            Err(why) => say(&format!(
                "cachectl: the answer cannot be written as JSON: {why}\n"
            )),
        }
    }

    /// Prints bytes as they are. A reader that has gone, as `head` does, is no error.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        if let Err(why) = written
            && why.kind() != ErrorKind::BrokenPipe
        {
            say(&format!(
                "cachectl: standard output cannot be written: {why}\n"
            ));
        }
    }

    /// Says something to a person that is no part of the answer; nothing with `--json`.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            say(&format!("{text}\n"));
        }
    }

    /// Says why the command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        if self.json {
            self.json(failure);
            return;
        }
        self.unavailable(&failure.unavailable, "failed at");
        let mut text = format!("cachectl: {}\n", failure.what);
        if let Some(cause) = &failure.cause {
            text.push_str(&format!("  cause:  {cause}\n"));
        }
        if let Some(remedy) = &failure.remedy {
            text.push_str(&format!("  remedy: {remedy}\n"));
        }
        say(&text);
    }

    /// Says which masters of a cluster did not take part; with `--json` they are in the document.
    pub(super) fn unavailable(&self, masters: &[Unavailable], what: &str) {
        for master in masters {
            let mut text = format!("cachectl: {what} {}", visible(&master.line()));
            for (name, more) in [("cause:", &master.cause), ("remedy:", &master.remedy)] {
                if let Some(more) = more {
                    text.push_str(&format!("\n  {name:<7} {}", visible(more)));
                }
            }
            self.note(&text);
        }
    }

    /// The word in a colour, if there are colours.
    pub(super) fn paint(&self, paint: Paint, word: &str) -> String {
        if !self.color {
            return word.to_owned();
        }
        let code = match paint {
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Red => 31,
            Paint::Dim => 2,
            Paint::Bold => 1,
        };
        format!("\x1b[{code}m{word}\x1b[0m")
    }

    /// Whether a page can be drawn over the one before.
    pub(super) fn is_screen(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }
}

/// Prints what clap says about wrong usage, or the help that was asked for. Returns the exit code.
pub(super) fn usage(error: &clap::Error) -> u8 {
    let text = redact(&error.render().to_string());
    if error.use_stderr() {
        say(&text);
        return 2;
    }
    Out::new(false).text(&text);
    0
}

fn say(text: &str) {
    // If even this cannot be written, there is nobody to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A text of the server or of a program, without characters that change what a terminal shows.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || hides {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn no_character_of_a_server_moves_the_cursor() {
        assert_eq!(visible("a b:ü\\"), "a b:ü\\");
        assert_eq!(visible("\x1b[2J\u{202e}"), "\\u{1b}[2J\\u{202e}");
    }
}
