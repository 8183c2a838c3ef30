//! TLS to databases: which certificates are asked for, in the words of libpq's `sslmode`.
//!
//! | mode | connection | the server's certificate |
//! |---|---|---|
//! | disable | plain | – |
//! | prefer | TLS where the server has it | any |
//! | require | TLS | any; of a named issuer where `sslrootcert` names one |
//! | verify-ca | TLS | of a known issuer |
//! | verify-full | TLS | of a known issuer, for this host |
//!
//! Known issuers are those of the system, and those in the file that `sslrootcert` names instead. Two implementations of cryptography are
//! linked into the binary, so every configuration names its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::ConnectError;
use crate::roots;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS where there is some.
    Prefer,
    /// TLS with whomever.
    Require,
    /// TLS with somebody whom a known issuer vouches for.
    VerifyCa,
    /// TLS with the host that was meant.
    VerifyFull,
}

/// What an address says about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The mode.
    pub mode: Mode,
    /// The file of known issuers.
    pub authority: Option<PathBuf>,
}

impl Tls {
    /// Takes what concerns TLS out of `url`; paths are relative to `dir`.
    pub fn of_url(url: &str, dir: &Path) -> Result<(String, Self), ConnectError> {
        let mut tls = Self { mode: Mode::Prefer, authority: None };
        let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), tls)) };
        let mut others = Vec::new();
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("sslmode" | "ssl-mode", mode)) => tls.mode = Mode::read(mode)?,
                Some(("sslrootcert" | "ssl-ca", "system")) => tls.authority = None,
                Some(("sslrootcert" | "ssl-ca", file)) => tls.authority = Some(dir.join(file)),
                _ => others.push(part),
            }
        }
        // As libpq: who names issuers wants them asked.
        if tls.mode == Mode::Require && tls.authority.is_some() {
            tls.mode = Mode::VerifyCa;
        }
        let rest = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        Ok((rest, tls))
    }

    /// The file of known issuers, read.
    pub fn authority(&self) -> Result<Option<Vec<u8>>, ConnectError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| {
                ConnectError::refused(format!("{}: {error}", path.display()), "correct `sslrootcert=` in the url")
            })
        };
        self.authority.as_ref().map(read).transpose()
    }

    /// The configuration of a client.
    pub fn client(&self) -> Result<ClientConfig, ConnectError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| ConnectError::refused(format!("TLS: {error}"), "report this"))?;
        let checked = |roots: RootCertStore| {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
            verifier.map_err(|_| {
                ConnectError::refused(
                    "TLS: there are no certificates of issuers on this machine",
                    "name a file with `sslrootcert=` in the url",
                )
            })
        };
        let verifier: Arc<dyn ServerCertVerifier> = match self.mode {
            Mode::VerifyFull => checked(self.roots()?)?,
            Mode::VerifyCa => Arc::new(AnyName(checked(self.roots()?)?)),
            Mode::Disable | Mode::Prefer | Mode::Require => Arc::new(Anybody(provider.clone())),
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn roots(&self) -> Result<RootCertStore, ConnectError> {
        let Some(pem) = self.authority()? else { return Ok(roots::of_system()) };
        roots::of_pem(&pem).map_err(|_| {
            ConnectError::refused("the file of `sslrootcert=` holds something that is no certificate", "use certificates in PEM")
        })
    }
}

impl Mode {
    fn read(text: &str) -> Result<Self, ConnectError> {
        Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => Self::Disable,
            "allow" | "prefer" | "preferred" => Self::Prefer,
            "require" | "required" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "verify-identity" => Self::VerifyFull,
            _ => {
                return Err(ConnectError::refused(
                    "`sslmode=` in the url is none that is known",
                    "use disable, prefer, require, verify-ca or verify-full",
                ));
            }
        })
    }
}

/// Everybody is who they say.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whomever a known issuer vouches for, whatever the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.0.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is looked at last: everything else was in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_how_much_is_asked_of_the_certificate() {
        let dir = Path::new("/project");
        let cases = [
            ("postgres://u:p@h/d", "postgres://u:p@h/d", Mode::Prefer, None),
            ("postgres://u:p@h/d?sslmode=verify-full", "postgres://u:p@h/d", Mode::VerifyFull, None),
            (
                "postgres://u:p@h/d?application_name=x&sslmode=require&sslrootcert=ca.pem",
                "postgres://u:p@h/d?application_name=x",
                Mode::VerifyCa,
                Some("/project/ca.pem"),
            ),
            ("mysql://u:p@h/d?ssl-mode=VERIFY_IDENTITY&ssl-ca=/c.pem", "mysql://u:p@h/d", Mode::VerifyFull, Some("/c.pem")),
        ];
        for (url, rest, mode, authority) in cases {
            let expected = Tls { mode, authority: authority.map(PathBuf::from) };
            assert_eq!(Tls::of_url(url, dir).unwrap(), (rest.to_owned(), expected), "{url}");
        }
        let error = Tls::of_url("postgres://u:secret@h/d?sslmode=maybe", dir).unwrap_err().to_string();
        assert!(error.contains("verify-full") && !error.contains("secret"), "{error}");
    }
}
