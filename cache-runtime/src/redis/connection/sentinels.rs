//! Sentinels, which know the address of a master.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo, RedisError};

use crate::redis::connection::fault::{Fault, fault, refused};
use crate::redis::connection::login::Login;
use crate::redis::connection::provided::Issued;
use crate::redis::connection::socket::tcp_settings;
use crate::redis::connection::tls::{TlsFiles, TlsParams};

/// After this time without an answer, the next sentinel is asked as well.
const NEXT: Duration = Duration::from_millis(100);

/// The sentinels of a URL, how they let this process in, and the name of the master.
#[derive(Clone)]
pub(in crate::redis) struct Sentinels {
    pub(in crate::redis) addresses: Vec<(String, u16)>,
    pub(in crate::redis) master: String,
    /// The connections to the master are encrypted.
    pub(in crate::redis) master_tls: bool,
    /// Those to the sentinels are.
    pub(in crate::redis) tls: bool,
    pub(in crate::redis) files: TlsFiles,
    pub(in crate::redis) login: Login,
}

/// An address, with or without TLS.
pub(in crate::redis) fn address(host: String, port: u16, tls: bool) -> ConnectionAddr {
    match tls {
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        false => ConnectionAddr::Tcp(host, port),
    }
}

impl Sentinels {
    /// The address of the master now. Each sentinel may take as long as `timeout`, and a provider of credentials a quarter of it. The
    /// sentinels are asked in order, each a moment after the one before it, and the first that knows the master counts.
    ///
    /// # Errors
    ///
    /// None of them names the master. The text names a sentinel, preferably one that answers.
    pub(in crate::redis) async fn master(
        &self,
        timeout: Duration,
    ) -> Result<ConnectionAddr, RedisError> {
        let (params, issued) = (self.files.load().await?, self.issue(timeout).await?);
        let (params, issued) = (&params, &issued);
        let asked =
            self.addresses
                .iter()
                .enumerate()
                .map(|(at, (host, port))| async move {
                    tokio::time::sleep(NEXT * u32::try_from(at).unwrap_or(u32::MAX)).await;
                    let answer =
                        match tokio::time::timeout(timeout, self.ask(host, *port, params, issued))
                            .await
                        {
                            Ok(answer) => answer,
                            Err(_) => Err(Fault::TimedOut),
                        };
                    answer.map_err(|fault| (format!("sentinel {host}:{port}: {fault}"), fault))
                });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut worst = None;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok((host, port)) => return Ok(address(host, port, self.master_tls)),
                Err((text, Fault::Refused(_))) => worst = Some(refused(text)),
                Err((text, _)) => {
                    worst.get_or_insert_with(|| io::Error::other(text).into());
                }
            }
        }
        Err(worst.unwrap_or_else(|| refused("the URL names no sentinel".to_owned())))
    }

    /// A connection to a sentinel that has let this process in. The caller limits the time.
    pub(in crate::redis) async fn connect(
        &self,
        host: &str,
        port: u16,
        params: &TlsParams,
        issued: &Issued,
    ) -> Result<MultiplexedConnection, RedisError> {
        let addr = params.at(address(host.to_owned(), port, self.tls));
        let info = addr.into_connection_info()?;
        let client = redis::Client::open(info.set_tcp_settings(tcp_settings()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        // Sent as a command, because the client hides what the server says to its own.
        if let Some(credentials) = &issued.credentials {
            let auth = credentials.auth();
            let answer = auth.query_async::<()>(&mut connection).await;
            self.login.answered(issued, answer.as_ref().err());
            answer?;
        }
        Ok(connection)
    }

    /// Asks the provider if it is time to. So its credentials are those of now when the connection to the master is lost, and
    /// health reports earlier that it fails.
    pub(in crate::redis) fn keep(&self) {
        if let Some(provider) = self.login.provider() {
            provider.keep();
        }
    }

    /// The credentials for a connection to a sentinel. Waits for a provider as long as a quarter of `timeout`, so that the
    /// sentinels are still asked if it does not answer.
    ///
    /// # Errors
    ///
    /// The provider has given none.
    pub(in crate::redis) async fn issue(
        &self,
        timeout: Duration,
    ) -> Result<Arc<Issued>, RedisError> {
        let issued = self.login.issue(timeout / 4).await;
        issued.map_err(|error| refused(format!("sentinels: {}", fault(error))))
    }

    async fn ask(
        &self,
        host: &str,
        port: u16,
        params: &TlsParams,
        issued: &Issued,
    ) -> Result<(String, u16), Fault> {
        let connecting = self.connect(host, port, params, issued);
        let mut connection = connecting.await.map_err(fault)?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let answer = ask
            .query_async::<Option<(String, u16)>>(&mut connection)
            .await;
        let master = &self.master;
        answer
            .map_err(fault)?
            .ok_or_else(|| Fault::Refused(format!("it does not know a master named `{master}`")))
    }
}
