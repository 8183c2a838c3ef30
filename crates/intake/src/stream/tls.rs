//! TLS of connections to brokers: rustls with ring.
//!
//! The engine links a second provider, so the process has no default one and every configuration names its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::roots;
use crate::spec::Tls;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds no certificate, or no key.
    #[error("{}: {detail}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The system has no authorities.
    #[error("the system has no certificates of authorities: name yours with `tls: {{ca: …}}`")]
    NoAuthorities,
    /// Certificate and key do not belong together.
    #[error("tls: {0}")]
    Config(#[from] rustls::Error),
}

/// The configuration that `tls` declares; paths are relative to `dir`.
pub fn client_config(tls: Option<&Tls>, dir: &Path) -> Result<ClientConfig, TlsError> {
    let tls = tls.cloned().unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(authorities(tls.ca.as_deref(), dir)?);
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(builder.with_no_client_auth()) };
    let path = dir.join(key);
    let key = PrivateKeyDer::from_pem_file(&path).map_err(|error| TlsError::File { path, detail: error.to_string() })?;
    Ok(builder.with_client_auth_cert(certificates(&dir.join(certificate))?, key)?)
}

fn authorities(ca: Option<&Path>, dir: &Path) -> Result<RootCertStore, TlsError> {
    let Some(ca) = ca else {
        let roots = roots::of_system();
        return if roots.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(roots) };
    };
    let path = dir.join(ca);
    let read = std::fs::read(&path).map_err(|error| error.to_string()).and_then(|pem| roots::of_pem(&pem));
    read.map_err(|detail| TlsError::File { path, detail })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refuse = |detail: String| TlsError::File { path: path.to_owned(), detail };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| refuse(error.to_string()))?;
    if read.is_empty() { Err(refuse("it holds no certificate".to_owned())) } else { Ok(read) }
}
