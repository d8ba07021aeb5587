//! A certificate authority that exists for one test, and what it signed.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// Files that a TLS server needs: an authority, and a certificate for the loopback address.
#[derive(Debug, Clone)]
pub struct Certificates {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    /// Makes them, all new, in `directory`.
    ///
    /// # Panics
    ///
    /// If the directory cannot be written to.
    #[must_use]
    pub fn issue(directory: &Path) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let authority = CertifiedIssuer::self_signed(authority, key_pair()).expect("an authority");

        // By name and by number: both are written in URLs.
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names).expect("valid names");
        let server_key = key_pair();
        let server = server
            .signed_by(&server_key, &authority)
            .expect("a server certificate");

        let files = Self {
            ca: directory.join("ca.pem"),
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
        };
        fs::write(&files.ca, authority.pem()).expect("a file in the test's directory");
        fs::write(&files.certificate, server.pem()).expect("a file in the test's directory");
        fs::write(&files.key, server_key.serialize_pem()).expect("a file in the test's directory");
        files
    }

    /// The authority's certificate, to be trusted by the client.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// The server's certificate.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The server's private key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }
}

fn key_pair() -> KeyPair {
    KeyPair::generate().expect("a key pair")
}
