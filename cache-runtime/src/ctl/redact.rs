//! Takes credentials out of a text that may quote what the user wrote.

/// The text with `…` in place of the credentials of every URL in it.
///
/// A password may contain any character, also `@`, `/` and spaces if the user forgot to escape them. So everything from
/// `://` to the last `@` of the line is dropped: rather too much than too little.
pub(super) fn redact(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(redact_line).collect();
    lines.join("\n")
}

fn redact_line(line: &str) -> String {
    let found = line
        .find("://")
        .map(|at| at + 3)
        .and_then(|from| Some((from, from + line[from..].rfind('@')?)));
    match found {
        // An example, in the text of an error or of the help.
        Some((from, to)) if &line[from..to] == "user:password" => line.to_owned(),
        Some((from, to)) => format!("{}…{}", &line[..from], &line[to..]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn credentials_are_dropped_and_the_rest_stays() {
        for (text, shown) in [
            ("nothing to hide", "nothing to hide"),
            ("redis://localhost:1/0", "redis://localhost:1/0"),
            ("a 'redis://u:hunter2@host:1' b", "a 'redis://…@host:1' b"),
            (
                "like redis://user:password@host",
                "like redis://user:password@host",
            ),
            ("rediss://:hun@ter2@host", "rediss://…@host"),
            (
                "redis://u:hunter2/@host\nmail a@b",
                "redis://…@host\nmail a@b",
            ),
        ] {
            assert_eq!(redact(text), shown);
        }
    }
}
