//! The hash that distinguishes templates.

/// Continues the hash of a template's text from `hash` (FNV-1a).
///
/// It only distinguishes the templates of one program, which no caller can choose, so a simple hash that works in
/// constants is enough. Never 0, which means "no template".
pub(super) const fn hash_text(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    if hash == 0 { HASH_START } else { hash }
}

/// The hash of the empty text.
pub(super) const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Replaces a value in the text that is hashed, whatever its name was.
pub(super) const PLACEHOLDER: &str = "<>";
