//! A certificate authority that exists for one test, and what it signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// An authority, and a directory for what it issues, which is removed with the last clone.
#[derive(Clone)]
pub struct Authority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    directory: Arc<TempDir>,
}

/// Files that one side of a TLS connection needs: an authority, a certificate, and its key.
#[derive(Debug, Clone)]
pub struct Certificates {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes one, all new.
    ///
    /// # Panics
    ///
    /// If the temporary directory cannot be written to.
    #[must_use]
    pub fn found() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            issuer: Arc::new(issuer()),
            directory: Arc::new(directory),
        }
    }

    /// A certificate for these names, numbers among them, in files that begin with `stem`. One that was issued before
    /// under the same stem is replaced, by renaming.
    ///
    /// # Panics
    ///
    /// If the directory cannot be written to.
    #[must_use]
    pub fn issue(&self, stem: &str, names: &[&str]) -> Certificates {
        issue(&self.issuer, self.directory.path(), stem, names)
    }
}

impl Certificates {
    /// Makes an authority and a certificate for the loopback address, all new, in `directory`.
    ///
    /// # Panics
    ///
    /// If the directory cannot be written to.
    #[must_use]
    pub fn issue(directory: &Path) -> Self {
        // By name and by number: both are written in URLs.
        issue(&issuer(), directory, "server", &["localhost", "127.0.0.1"])
    }

    /// The authority's certificate, to be trusted by the other side.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Its private key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "test authority");
    CertifiedIssuer::self_signed(authority, key_pair()).expect("an authority")
}

fn issue(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    directory: &Path,
    stem: &str,
    names: &[&str],
) -> Certificates {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = key_pair();
    let certificate = CertificateParams::new(names)
        .expect("valid names")
        .signed_by(&key, issuer)
        .expect("a certificate");
    let write = |name: String, text: String| {
        let (file, new) = (directory.join(&name), directory.join(name + ".new"));
        fs::write(&new, text).expect("a file in the test's directory");
        fs::rename(new, &file).expect("a file in the test's directory");
        file
    };
    Certificates {
        ca: write("ca.pem".to_owned(), issuer.pem()),
        certificate: write(format!("{stem}.pem"), certificate.pem()),
        key: write(format!("{stem}.key"), key.serialize_pem()),
    }
}

fn key_pair() -> KeyPair {
    KeyPair::generate().expect("a key pair")
}
