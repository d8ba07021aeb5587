//! An HTTP/1.1 client that does as little as it can: one connection, kept alive, requests that are ready as bytes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection for one request at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer, as it lies in the buffer of its connection.
#[derive(Debug)]
pub struct Answer<'a> {
    /// As in `200`.
    pub status: u16,
    /// The status line and the headers.
    pub head: &'a str,
    /// What comes after them.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 32 * 1024],
            filled: 0,
        })
    }

    /// Sends a request and waits for the whole answer. After an error, or if it is dropped, the connection is of no more use.
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
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
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

/// An answer that cannot be.
pub fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Asks for a path that answers with a number, on a connection of its own.
pub async fn number(address: SocketAddr, path: &str) -> io::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
    let answer = connection.ask(request.as_bytes()).await?;
    answer.number().ok_or_else(|| wrong("no number"))
}
