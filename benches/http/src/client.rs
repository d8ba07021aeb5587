//! The requests that the service takes, and what its answers say.

use std::io;
use std::net::SocketAddr;

use bench_parts::client::{self, Answer};

/// The version of the group, if the answer is a page.
pub fn version(answer: &Answer<'_>) -> Option<u32> {
    let rest = answer.body.strip_prefix(b"{\"version\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    digits.copied().try_fold(0_u32, |number, digit| {
        number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}

pub fn get(group: u32, page: u32) -> Vec<u8> {
    format!("GET /jobs/{group}/{page} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

pub fn post(group: u32) -> Vec<u8> {
    format!("POST /jobs/{group} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Asks the service for the number of its loads.
pub async fn loads(address: SocketAddr) -> io::Result<u64> {
    client::number(address, "/loads").await
}
