//! Bytes as a hex dump.

use std::fmt::Write as _;

/// Sixteen bytes a line: place, hexadecimal digits, and what of them is text.
pub(super) fn hexdump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let mut digits = String::new();
        let mut letters = String::new();
        for (at, byte) in chunk.iter().enumerate() {
            let gap = if at == 8 { "  " } else { " " };
            let _ = write!(digits, "{gap}{byte:02x}");
            let is_shown = byte.is_ascii_graphic() || *byte == b' ';
            letters.push(if is_shown { char::from(*byte) } else { '.' });
        }
        let _ = writeln!(text, "{:08x} {digits:<50} {letters}", line * 16);
    }
    text
}

/// All bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{hex, hexdump};

    #[test]
    fn bytes_are_shown_with_their_places_and_as_text() {
        assert_eq!(hex(&[0, 255]), "00ff");
        let text = hexdump(b"\x00cache and redis\xff");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            "00000000  00 63 61 63 68 65 20 61  6e 64 20 72 65 64 69 73  .cache and redis"
        );
        assert!(lines[1].starts_with("00000010  ff ") && lines[1].ends_with(" ."));
    }
}
