//! A blocking client that shares no code with the one under test.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::resp::{Resp, decode, encode};

/// One connection that speaks RESP2, one command at a time.
///
/// Every wait ends at the time-out, with `WouldBlock` or `TimedOut`; which of
/// them is up to the system, so test for `is_err`.
pub struct RespClient {
    stream: BufReader<Box<dyn Duplex>>,
}

trait Duplex: Read + Write + Send {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()>;
}

impl Duplex for TcpStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl Duplex for UnixStream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

impl Duplex for StreamOwned<ClientConnection, TcpStream> {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.sock.set_timeout(timeout)
    }
}

impl RespClient {
    /// Connects to a TCP port.
    ///
    /// # Errors
    ///
    /// If nothing listens there.
    pub fn tcp(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        Ok(Self::over(tcp_stream(address, timeout)?))
    }

    /// Connects to a Unix socket.
    ///
    /// # Errors
    ///
    /// If nothing listens there.
    pub fn unix(path: &Path, timeout: Duration) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_timeout(timeout)?;
        Ok(Self::over(stream))
    }

    /// Connects to a TLS port, trusting the authority in `ca` alone.
    ///
    /// # Errors
    ///
    /// If nothing listens there, or the handshake fails.
    pub fn tls(address: SocketAddr, ca: &Path, timeout: Duration) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls::pki_types::CertificateDer::pem_reader_iter(File::open(ca)?) {
            roots
                .add(certificate.map_err(io::Error::other)?)
                .map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::IpAddress(address.ip().into());
        let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, tcp_stream(address, timeout)?);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self::over(stream))
    }

    /// Sends a command and waits for its reply; an error reply is a reply.
    ///
    /// # Errors
    ///
    /// If the connection breaks, stays silent, or says something that is no RESP2.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Resp> {
        self.send(arguments)?;
        self.read()
    }

    /// Sends a command without waiting.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(&encode(arguments))?;
        stream.flush()
    }

    /// Waits for the next reply.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn read(&mut self) -> io::Result<Resp> {
        decode(&mut self.stream)
    }

    /// Changes the time-out, to a short one where silence is expected, for example.
    ///
    /// # Errors
    ///
    /// If the time-out is zero.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.get_ref().set_timeout(timeout)
    }

    fn over(stream: impl Duplex + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
        }
    }
}

fn tcp_stream(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_timeout(timeout)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
