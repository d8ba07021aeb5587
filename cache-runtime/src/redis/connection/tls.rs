//! The files that TLS connections need: private authorities, and a certificate of this client with its key.

use std::path::PathBuf;

use redis::{ConnectionAddr, RedisError};

use crate::redis::connection::fault::refused;

/// A file, and the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedFile {
    pub(crate) setting: &'static str,
    pub(crate) path: PathBuf,
}

/// The files for the connections to one kind of server. They are read anew for each connection, so that it uses what was
/// renewed meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The authorities to trust instead of the system's.
    pub(crate) ca: Option<NamedFile>,
    pub(crate) certificate: Option<NamedFile>,
    pub(crate) key: Option<NamedFile>,
}

/// What was read from the files. `None`: the system's authorities, and no certificate of this client.
#[derive(Clone)]
pub(in crate::redis) struct TlsParams(Option<ConnectionAddr>);

impl TlsFiles {
    pub(crate) fn first(&self) -> Option<&NamedFile> {
        let all = [&self.ca, &self.certificate, &self.key];
        all.into_iter().flatten().next()
    }

    /// Reads the files without holding up other tasks. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// A file cannot be used. The text names it.
    pub(in crate::redis) async fn load(&self) -> Result<TlsParams, RedisError> {
        if self.first().is_none() {
            return Ok(TlsParams(None));
        }
        let files = self.clone();
        let reading = tokio::task::spawn_blocking(move || files.read());
        match reading.await {
            Ok(read) => read.map_err(refused),
            Err(_) => Err(refused("the TLS files could not be read".to_owned())),
        }
    }

    /// # Errors
    ///
    /// A file is missing, or is not what it should be. The text is one line that names the setting and the file, and
    /// contains nothing of the file.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.read().map(drop)
    }
}

impl TlsParams {
    /// The address with these parameters, if it is one for TLS.
    pub(in crate::redis) fn at(&self, mut addr: ConnectionAddr) -> ConnectionAddr {
        if let (
            ConnectionAddr::TcpTls { tls_params, .. },
            Some(ConnectionAddr::TcpTls {
                tls_params: read, ..
            }),
        ) = (&mut addr, &self.0)
        {
            tls_params.clone_from(read);
        }
        addr
    }
}

#[cfg(not(feature = "tls"))]
impl TlsFiles {
    pub(in crate::redis) fn read(&self) -> Result<TlsParams, String> {
        match self.first() {
            Some(file) => Err(format!(
                "{}: needs the feature `tls` of cache-runtime",
                file.setting
            )),
            None => Ok(TlsParams(None)),
        }
    }
}

#[cfg(feature = "tls")]
mod reading {
    use std::fs;

    use redis::{ClientTlsConfig, TlsCertificates};
    use rustls::pki_types::pem::{Error as PemError, PemObject};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{Error as TlsError, RootCertStore};

    use super::{ConnectionAddr, NamedFile, TlsFiles, TlsParams};

    impl TlsFiles {
        pub(in crate::redis) fn read(&self) -> Result<TlsParams, String> {
            if self.first().is_none() {
                return Ok(TlsParams(None));
            }
            let root_cert = self.ca.as_ref().map(authorities).transpose()?;
            let client_tls = match (&self.certificate, &self.key) {
                (Some(certificate), Some(key)) => Some(identity(certificate, key)?),
                (Some(one), None) | (None, Some(one)) => {
                    return Err(format!(
                        "{}=`{}`: a certificate and its key are needed together; name both files",
                        one.setting,
                        one.path.display()
                    ));
                }
                (None, None) => None,
            };
            let certificates = TlsCertificates {
                client_tls,
                root_cert,
            };
            // Only the client's constructor makes parameters, and it wants an address.
            let anywhere = ConnectionAddr::TcpTls {
                host: "localhost".to_owned(),
                port: 0,
                insecure: false,
                tls_params: None,
            };
            let client = redis::Client::build_with_tls(anywhere, certificates)
                .map_err(|_| "the TLS files cannot be used".to_owned())?;
            Ok(TlsParams(Some(client.get_connection_info().addr().clone())))
        }
    }

    fn authorities(file: &NamedFile) -> Result<Vec<u8>, String> {
        let bytes = file.bytes()?;
        let mut roots = RootCertStore::empty();
        for certificate in file.certificates(&bytes)? {
            roots
                .add(certificate)
                .map_err(|_| file.bad("it contains a certificate that cannot be an authority's"))?;
        }
        Ok(bytes)
    }

    fn identity(certificate: &NamedFile, key: &NamedFile) -> Result<ClientTlsConfig, String> {
        let (client_cert, client_key) = (certificate.bytes()?, key.bytes()?);
        let chain = certificate.certificates(&client_cert)?;
        let private = PrivateKeyDer::from_pem_slice(&client_key).map_err(|error| match error {
            PemError::NoItemsFound if is_encrypted(&client_key) => {
                key.bad("the key is encrypted; give one without a passphrase")
            }
            PemError::NoItemsFound => {
                key.bad("it contains no private key in PEM, such as `-----BEGIN PRIVATE KEY-----`")
            }
            // The error's own text quotes the file.
            _ => key.bad("it is not PEM"),
        })?;
        let provider = rustls::crypto::ring::default_provider();
        match rustls::sign::CertifiedKey::from_der(chain, private, &provider) {
            Ok(_) => Ok(ClientTlsConfig {
                client_cert,
                client_key,
            }),
            Err(TlsError::InconsistentKeys(_)) => Err(key.bad(&format!(
                "the key does not belong to the certificate in `{}`",
                certificate.path.display()
            ))),
            Err(TlsError::InvalidCertificate(_)) => {
                Err(certificate.bad("the certificate is damaged"))
            }
            Err(_) => Err(key.bad("the key is damaged, or of a kind that is not supported")),
        }
    }

    fn is_encrypted(pem: &[u8]) -> bool {
        let words = b"ENCRYPTED PRIVATE KEY";
        pem.windows(words.len()).any(|found| found == words)
    }

    impl NamedFile {
        fn bad(&self, why: &str) -> String {
            format!("{}=`{}`: {why}", self.setting, self.path.display())
        }

        fn bytes(&self) -> Result<Vec<u8>, String> {
            fs::read(&self.path)
                .map_err(|error| self.bad(&format!("the file cannot be read: {error}")))
        }

        fn certificates(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
            let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            // The error's own text quotes the file.
            let all = all.map_err(|_| self.bad("it is not PEM"))?;
            if all.is_empty() {
                return Err(self.bad(
                    "it contains no certificate in PEM, which begins with `-----BEGIN CERTIFICATE-----`",
                ));
            }
            Ok(all)
        }
    }
}
