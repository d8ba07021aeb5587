//! An HTTP/1.1 client that does as little as it can: one connection, kept alive, requests that are ready as bytes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer, as it lies in the buffer of its connection.
pub struct Answer<'a> {
    pub status: u16,
    pub head: &'a str,
    pub body: &'a [u8],
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 32 * 1024],
            filled: 0,
        })
    }

    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = loop {
            self.read_more().await?;
            let seen = &self.buffer[..self.filled];
            if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                break 0..end + 4;
            }
        };
        let (status, length) = self.parse(head.clone())?;
        let end = head.end + length;
        while self.filled < end {
            self.read_more().await?;
        }
        let head_text = std::str::from_utf8(&self.buffer[head.clone()]);
        Ok(Answer {
            status,
            head: head_text.map_err(|_| wrong("a head that is no text"))?,
            body: &self.buffer[head.end..end],
        })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        Ok(())
    }

    /// The status and the length of the body.
    fn parse(&self, head: Range<usize>) -> io::Result<(u16, usize)> {
        let head = &self.buffer[head];
        let text = std::str::from_utf8(head).map_err(|_| wrong("a head that is no text"))?;
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| wrong("no status"))?;
        match header(text, "content-length") {
            Some(length) => Ok((status, length.parse().map_err(|_| wrong("no length"))?)),
            None if matches!(status, 204 | 304) => Ok((status, 0)),
            None => Err(wrong("a body without a length")),
        }
    }
}

impl Answer<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// The version of the group, if this is a page.
    pub fn version(&self) -> Option<u32> {
        let rest = self.body.strip_prefix(b"{\"version\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        digits.copied().try_fold(0_u32, |number, digit| {
            number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        })
    }

    /// The whole body as a number.
    pub fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.body).ok()?.trim().parse().ok()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

pub fn get(group: u32, page: u32) -> Vec<u8> {
    format!("GET /jobs/{group}/{page} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

pub fn post(group: u32) -> Vec<u8> {
    format!("POST /jobs/{group} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Asks the service for the number of its loads.
pub async fn loads(address: SocketAddr) -> io::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let answer = connection
        .ask(b"GET /loads HTTP/1.1\r\nHost: bench\r\n\r\n")
        .await?;
    answer.number().ok_or_else(|| wrong("no number"))
}
