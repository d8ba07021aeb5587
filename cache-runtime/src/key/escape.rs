//! Percent escapes, and which characters a value keeps unescaped.

/// Appends `text`, with every character outside `keep` replaced by `%XX` for each of its UTF-8 bytes.
///
/// `%` itself is never kept, so two different texts stay different.
fn escape_into(out: &mut String, text: &str, keep: &[bool; 128]) {
    let mut clean_from = 0;
    for (at, c) in text.char_indices() {
        if is_kept(c, keep) {
            continue;
        }
        out.push_str(&text[clean_from..at]);
        clean_from = at + c.len_utf8();
        let mut bytes = [0; 4];
        for &byte in c.encode_utf8(&mut bytes).as_bytes() {
            out.push('%');
            push_hex(out, byte, b"0123456789ABCDEF");
        }
    }
    out.push_str(&text[clean_from..]);
}

/// Appends a string value: only letters, digits and a few harmless characters stay unescaped.
pub(super) fn escape_value(out: &mut String, text: &str) {
    // Most arguments are plain ASCII words, and bytes are faster to check than characters.
    if text
        .bytes()
        .all(|byte| VALUE.get(usize::from(byte)) == Some(&true))
    {
        out.push_str(text);
    } else {
        escape_into(out, text, &VALUE);
    }
}

/// Appends the text of a key written by hand, in which `:` is a separator.
pub(super) fn escape_manual(out: &mut String, text: &str) {
    escape_into(out, text, &MANUAL);
}

/// Appends bytes as lower-case hex.
pub(super) fn push_hex_lower(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len() * 2);
    for &byte in bytes {
        push_hex(out, byte, b"0123456789abcdef");
    }
}

fn push_hex(out: &mut String, byte: u8, digits: &[u8; 16]) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}

fn is_kept(c: char, keep: &[bool; 128]) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte < 128 => keep[usize::from(byte)],
        // Outside ASCII, only invisible characters are escaped.
        _ => !c.is_control() && !c.is_whitespace(),
    }
}

/// The characters that a string value keeps. Every other ASCII character is a separator, a mark of the serializer, a
/// glob or a bracket, or may become one.
static VALUE: [bool; 128] = table(b"-_./@+&");

/// The characters that text by hand keeps: the same, and `:` as the separator. So a key written by hand equals the key
/// that a function makes of the same words.
static MANUAL: [bool; 128] = table(b":-_./@+&");

/// Builds the table: letters and digits are always kept, and of the other visible characters the listed ones.
const fn table(listed: &[u8]) -> [bool; 128] {
    let mut keep = [false; 128];
    let mut byte = b'!';
    while byte <= b'~' {
        keep[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < listed.len() {
        keep[listed[i] as usize] = true;
        i += 1;
    }
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let mut out = String::new();
        escape_value(&mut out, text);
        out
    }

    fn manual(text: &str) -> String {
        let mut out = String::new();
        escape_manual(&mut out, text);
        out
    }

    #[test]
    fn values_show_only_what_cannot_be_mistaken() {
        assert_eq!(value("plain-text_1.5/a@b+c&d"), "plain-text_1.5/a@b+c&d");
        assert_eq!(value("a b:c*"), "a%20b%3Ac%2A");
        assert_eq!(value("100%"), "100%25");
        assert_eq!(value("Zürich 東京"), "Zürich%20東京");
        assert_eq!(
            value("\0\n\u{7f}\u{85}\u{3000}"),
            "%00%0A%7F%C2%85%E3%80%80"
        );
    }

    #[test]
    fn every_mark_of_the_serializer_is_escaped_in_values() {
        for mark in ":,;()<>{}[]=~!$'\"#*?%\\|^`".chars() {
            assert!(value(&mark.to_string()).starts_with('%'), "{mark}");
        }
    }

    #[test]
    fn manual_keys_keep_their_separators() {
        assert_eq!(manual("user:12:roles"), "user:12:roles");
        assert_eq!(manual("report:2024,q=1!"), "report:2024%2Cq%3D1%21");
        assert_eq!(
            manual("a b*c?[d]{e}<f>(g)%"),
            "a%20b%2Ac%3F%5Bd%5D%7Be%7D%3Cf%3E%28g%29%25"
        );
    }
}
