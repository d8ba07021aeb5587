//! One reply of a server, as RESP2 has it.

use std::io::{self, BufRead, ErrorKind};

/// A reply. Binary safe; the accessors panic with the reply in their message, which is what a
/// test wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resp {
    /// A missing value.
    Nil,
    /// `+OK` and the like.
    Status(String),
    /// What the server refused, with its code: `WRONGTYPE …`.
    Error(String),
    /// A number.
    Int(i64),
    /// A value.
    Bulk(Vec<u8>),
    /// A list.
    Array(Vec<Resp>),
}

impl Resp {
    /// Whether there is no value.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The server's error, if it is one.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(message) => Some(message),
            _ => None,
        }
    }

    /// A status or value as text.
    ///
    /// # Panics
    ///
    /// If it is anything else, or not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn str(&self) -> &str {
        match self {
            Self::Status(text) => text,
            Self::Bulk(bytes) => str::from_utf8(bytes)
                .unwrap_or_else(|_| panic!("expected text, got {}", bytes.escape_ascii())),
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The bytes of a value.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[must_use]
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) => bytes,
            Self::Status(text) => text.as_bytes(),
            other => panic!("expected bytes, got {other:?}"),
        }
    }

    /// A number, or a value that reads as one.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[must_use]
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            Self::Bulk(_) => {
                let text = self.str();
                text.parse()
                    .unwrap_or_else(|_| panic!("expected a number, got {text:?}"))
            }
            other => panic!("expected a number, got {other:?}"),
        }
    }

    /// The elements of a list.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[must_use]
    #[track_caller]
    pub fn array(&self) -> &[Resp] {
        match self {
            Self::Array(elements) => elements,
            other => panic!("expected a list, got {other:?}"),
        }
    }

    /// The elements of a list as text. Bytes that are no UTF-8 are replaced, since keys may hold
    /// any.
    ///
    /// # Panics
    ///
    /// If it is no list of values.
    #[must_use]
    #[track_caller]
    pub fn strings(&self) -> Vec<String> {
        self.array()
            .iter()
            .map(|element| String::from_utf8_lossy(element.bytes()).into_owned())
            .collect()
    }
}

/// Writes a command the way a client sends it.
pub(crate) fn encode<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let bytes = argument.as_ref();
        out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Reads one reply.
pub(crate) fn decode(input: &mut impl BufRead) -> io::Result<Resp> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let line = match line.strip_suffix("\r\n") {
        Some(line) => line,
        None if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
        None => return Err(malformed(&line)),
    };
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| malformed(line))?;
    let number = || rest.parse::<i64>().map_err(|_| malformed(line));
    Ok(match kind {
        "+" => Resp::Status(rest.to_owned()),
        "-" => Resp::Error(rest.to_owned()),
        ":" => Resp::Int(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Resp::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                input.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Resp::Bulk(bytes)
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Resp::Nil,
            Ok(length) => Resp::Array(
                (0..length)
                    .map(|_| decode(input))
                    .collect::<Result<_, _>>()?,
            ),
        },
        _ => return Err(malformed(line)),
    })
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("no RESP2 reply: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::{Resp, decode, encode};

    #[test]
    fn commands_keep_any_byte() {
        let encoded = encode(&[b"SET".as_slice(), b"a\r\n\0", b""]);
        assert_eq!(encoded, b"*3\r\n$3\r\nSET\r\n$4\r\na\r\n\0\r\n$0\r\n\r\n");
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        let mut wire =
            b"*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$4\r\n\r\n\xff\0\r\n$-1\r\n*-1\r\n".as_slice();
        let reply = decode(&mut wire).unwrap();
        assert_eq!(
            reply,
            Resp::Array(vec![
                Resp::Status("OK".into()),
                Resp::Error("ERR no".into()),
                Resp::Int(-7),
                Resp::Bulk(b"\r\n\xff\0".into()),
                Resp::Nil,
                Resp::Nil,
            ])
        );
        assert!(wire.is_empty());
    }

    #[test]
    fn a_torn_reply_is_an_error() {
        for wire in [
            "",
            "$5\r\nab",
            "*2\r\n:1\r\n",
            "+OK",
            "?\r\n",
            "\r\n",
            ":x\r\n",
        ] {
            assert!(decode(&mut wire.as_bytes()).is_err(), "{wire:?}");
        }
    }
}
