//! A JSON text as it is stored and sent: with its `ETag`, and with compressed forms of it.
//!
//! ```text
//! version  1 byte
//! tag     16 bytes           the hash from which the ETags are made
//! text     4 bytes + length  little-endian length, then the JSON text
//! forms    1 byte + 4 bytes + length, repeated to the end: the coding, the length, the compressed text
//! ```
//!
//! One buffer holds everything, also in memory; text and compressed forms are slices of it. So an entry is read from Redis
//! with one copy, and answers share the bytes.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use crate::cacheable::coding::Coding;

/// The hash of a body: 128 bits of a cryptographic hash, so that nobody can construct two bodies with the same one.
pub(crate) type Tag = [u8; 16];

/// Hashes a body.
pub(crate) fn tag_of(body: &[u8]) -> Tag {
    let mut tag = [0; 16];
    tag.copy_from_slice(&blake3::hash(body).as_bytes()[..16]);
    tag
}

/// The weak `ETag` of a body with this hash, in this coding.
pub(crate) fn weak_etag(tag: &Tag, coding: Option<Coding>) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(42);
    text.extend_from_slice(b"W/\"");
    for byte in tag {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    if let Some(coding) = coding {
        text.push(b'-');
        text.extend_from_slice(coding.name().as_bytes());
    }
    text.push(b'"');
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or_else(|_| unreachable!("hex digits and names are valid in a header"))
}

/// A body whose `ETag` is known. It is attached to a response, and the layer trusts it if the response's body is this very
/// memory.
#[derive(Clone)]
pub(crate) struct Known(pub(crate) Arc<dyn KnownBody>);

/// A stored value that knows the `ETag` of its body.
pub(crate) trait KnownBody: Send + Sync {
    fn body(&self) -> &Bytes;

    /// The weak `ETag`.
    fn etag(&self) -> &HeaderValue;

    /// Compressed forms of the body.
    fn forms(&self) -> &[Form] {
        &[]
    }
}

/// A compressed form of a body.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) coding: Coding,
    pub(crate) body: Bytes,
    /// The weak `ETag`.
    pub(crate) etag: HeaderValue,
}

/// A JSON text with its `ETag` and its compressed forms.
#[derive(Debug)]
pub(crate) struct Prepared {
    packed: Bytes,
    text: Bytes,
    etag: HeaderValue,
    forms: Vec<Form>,
}

impl Prepared {
    /// Reads what [`Draft::seal`] has written; `None` for other bytes.
    pub(super) fn read(packed: Bytes) -> Option<Self> {
        let (version, rest) = packed.split_first()?;
        let (tag, mut rest) = rest.split_first_chunk::<16>()?;
        if *version != VERSION {
            return None;
        }
        let text = part(&packed, &mut rest)?;
        let mut forms = Vec::new();
        while let Some((coding, after)) = rest.split_first() {
            rest = after;
            let body = part(&packed, &mut rest)?;
            // A build with more codings may have written it.
            if let Some(coding) = Coding::from_byte(*coding) {
                let etag = weak_etag(tag, Some(coding));
                forms.push(Form { coding, body, etag });
            }
        }
        let etag = weak_etag(tag, None);
        (!text.is_empty()).then_some(Self {
            packed,
            text,
            etag,
            forms,
        })
    }

    /// The bytes to store.
    pub(super) fn packed(&self) -> &Bytes {
        &self.packed
    }

    pub(super) fn text(&self) -> &Bytes {
        &self.text
    }

    pub(super) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    pub(super) fn forms(&self) -> &[Form] {
        &self.forms
    }
}

/// A length, and as many bytes, as a slice of the whole.
fn part(packed: &Bytes, rest: &mut &[u8]) -> Option<Bytes> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(packed.slice_ref(part))
}

/// A [`Prepared`] that is being made.
pub(super) struct Draft(Vec<u8>);

impl Draft {
    /// Begins with the JSON text, which `write` appends to the buffer. `None` if it fails, or the text is too long.
    pub(super) fn new<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Option<Self> {
        let mut packed = vec![0; TEXT];
        packed[0] = VERSION;
        write(&mut packed).ok()?;
        let (tag, length) = (tag_of(&packed[TEXT..]), packed.len() - TEXT);
        packed[TAG..LENGTH].copy_from_slice(&tag);
        packed[LENGTH..TEXT].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        Some(Self(packed))
    }

    pub(super) fn text_length(&self) -> usize {
        self.0.len() - TEXT
    }

    /// Adds all compressed forms that this build can make, are smaller than the text, and fit into `max_bytes` with the
    /// rest.
    pub(super) fn add_forms(&mut self, max_bytes: usize) {
        let end = self.0.len();
        for coding in Coding::ALL {
            let Some(form) = coding.compress(&self.0[TEXT..end]) else {
                continue;
            };
            let fits = self.0.len() + 1 + 4 + form.len() <= max_bytes;
            if let (true, Ok(length)) = (fits && form.len() < end - TEXT, u32::try_from(form.len()))
            {
                self.0.push(coding.to_byte());
                self.0.extend_from_slice(&length.to_le_bytes());
                self.0.extend_from_slice(&form);
            }
        }
    }

    pub(super) fn seal(mut self) -> Option<Prepared> {
        // The bound of memory counts lengths, so the buffer must not be longer than its content.
        self.0.shrink_to_fit();
        Prepared::read(Bytes::from(self.0))
    }
}

const VERSION: u8 = 1;
const TAG: usize = 1;
const LENGTH: usize = 17;
const TEXT: usize = 21;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prepared(text: &[u8], max_bytes: usize) -> Prepared {
        let write = |packed: &mut Vec<u8>| {
            packed.extend_from_slice(text);
            Ok::<_, ()>(())
        };
        let mut draft = Draft::new(write).unwrap();
        draft.add_forms(max_bytes);
        draft.seal().unwrap()
    }

    fn rows() -> String {
        let row = |id| format!(r#"{{"id":{id},"title":"a job"}}"#);
        (0..200).map(row).collect()
    }

    #[test]
    fn text_and_forms_share_one_buffer() {
        let prepared = prepared(rows().as_bytes(), usize::MAX);
        let all = prepared.packed.as_ptr_range();
        let parts = prepared.forms.iter().map(|form| &form.body);
        for part in parts.chain([&prepared.text]) {
            assert!(all.contains(&part.as_ptr()));
        }
        assert_eq!(prepared.text, rows());
    }

    #[test]
    #[cfg(feature = "compression")]
    fn forms_are_smaller_differ_in_their_etags_and_fit() {
        let whole = prepared(rows().as_bytes(), usize::MAX);
        assert_eq!(whole.forms.len(), 1 + usize::from(cfg!(feature = "zstd")));
        for form in &whole.forms {
            assert!(form.body.len() < whole.text.len());
            let base = whole.etag.to_str().unwrap().trim_end_matches('"');
            let own = format!("{base}-{}\"", form.coding.name());
            assert_eq!(form.etag, own);
        }
        let bare = prepared(rows().as_bytes(), whole.text.len() + TEXT);
        assert_eq!((bare.forms.len(), &bare.text), (0, &whole.text));
        assert!(prepared(b"[1,2]", usize::MAX).forms.is_empty());
    }

    #[test]
    fn a_coding_of_a_later_build_is_left_out() {
        let mut packed = prepared(b"[1]", usize::MAX).packed.to_vec();
        packed.extend_from_slice(&[200, 2, 0, 0, 0, b'x', b'y']);
        let read = Prepared::read(packed.into()).unwrap();
        assert_eq!((read.text.as_ref(), read.forms.len()), (&b"[1]"[..], 0));
    }

    #[test]
    fn an_etag_tells_bodies_apart() {
        let of = |body: &str| weak_etag(&tag_of(body.as_bytes()), None);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("").len(), 36);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_no_part_of_it(text in "[ -~]{1,300}", cut in 0.0..1.0_f64) {
            let written = prepared(text.as_bytes(), usize::MAX);
            let read = Prepared::read(written.packed.clone()).unwrap();
            prop_assert_eq!(&read.text, &text);
            prop_assert_eq!(&read.etag, &written.etag);
            prop_assert_eq!(read.forms.len(), written.forms.len());
            let end = (written.packed.len() as f64 * cut) as usize;
            // Cut where a form begins, it is complete, without that form.
            if let Some(read) = Prepared::read(written.packed.slice(..end)) {
                prop_assert!(read.text == text && read.forms.len() < written.forms.len());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), text_length in 0_u32..300) {
            let _ = Prepared::read(bytes.clone().into());
            if bytes.len() >= TEXT {
                bytes[0] = VERSION;
                bytes[LENGTH..TEXT].copy_from_slice(&text_length.to_le_bytes());
                if let Some(read) = Prepared::read(bytes.clone().into()) {
                    prop_assert_eq!(read.text.len(), text_length as usize);
                }
            }
        }
    }
}
