//! A bucket of an S3-compatible store, to read from: which objects there are, and their bytes.
//!
//! Readers get plain files (see [`crate::Spool`]), not streams: compressed files are read twice, once to know that they are whole, and
//! Parquet is read from its end. An object is fetched under the ETag that was listed, so that one which is replaced in between is
//! noticed instead of being read half old, half new; a connection that breaks goes on behind the last byte under the same ETag.
//!
//! *Invariant*: no error carries a credential. The bodies of error answers name keys and signatures: only their code is kept.
//!
//! Missing on purpose: writing, and versions of objects.

use std::path::Path as FilePath;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Certificate, ClientOptions, Error, GetOptions, ObjectStore, RetryConfig};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// Tries of one request behind the first, and how long all of them may take.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_mins(1);
/// Time for a connection, and for one answer: a large object at 10 MB/s takes 100 s a gigabyte.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(30);

/// Where a bucket is and who asks.
#[derive(Clone, Default)]
pub struct BucketAddress {
    /// Name.
    pub bucket: String,
    /// URL of the store; Amazon's own in `region` when left out.
    pub endpoint: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Access key and secret; those of the machine (environment, instance) when left out.
    pub keys: Option<(String, String)>,
    /// Token of temporary keys.
    pub session_token: Option<String>,
    /// Requests without a signature, for public buckets.
    pub anonymous: bool,
    /// Certificates (PEM) that are trusted besides those of the system.
    pub authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for BucketAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketAddress").field("bucket", &self.bucket).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// An object as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Changes when the content does; some stores have none.
    pub etag: Option<String>,
    /// Last modified, microseconds UTC.
    pub modified_at: i64,
}

/// Why a bucket cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The address is none.
    #[error("the bucket {bucket}: {detail}")]
    Address {
        /// The bucket.
        bucket: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The keys are wrong, or have no right.
    #[error("the bucket {bucket} refuses access ({code}); check access_key and secret_key, and their right to list and read")]
    Denied {
        /// The bucket.
        bucket: String,
        /// The store's word for it.
        code: String,
    },
    /// No such bucket or object.
    #[error("{what} is not there ({code})")]
    Missing {
        /// Bucket or object.
        what: String,
        /// The store's word for it.
        code: String,
    },
    /// The object is another than was listed.
    #[error("{key} was replaced while it was read; nothing of it was stored, the next import reads the new one")]
    Changed {
        /// The object.
        key: String,
    },
    /// The store does not answer, or not as it should.
    #[error("the bucket {bucket} cannot be read: {detail}")]
    Unreachable {
        /// The bucket.
        bucket: String,
        /// Why, without credentials.
        detail: String,
    },
    /// The file that an object is written to.
    #[error("writing {}: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    name: String,
}

impl Bucket {
    /// A bucket at `address`; nothing is asked of it yet.
    pub fn open(address: &BucketAddress) -> Result<Self, BucketError> {
        let refuse = |detail: String| BucketError::Address { bucket: address.bucket.clone(), detail };
        let plain = address.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(ANSWER).with_allow_http(plain);
        if let Some(pem) = &address.authority {
            let bundle = Certificate::from_pem_bundle(pem).map_err(|_| refuse("`ca:` is no certificate in PEM".into()))?;
            client = bundle.into_iter().fold(client, ClientOptions::with_root_certificate);
        }
        let mut builder =
            if address.keys.is_some() || address.anonymous { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
        builder = builder
            .with_bucket_name(&address.bucket)
            .with_client_options(client)
            .with_skip_signature(address.anonymous)
            .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() });
        if let Some(region) = &address.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &address.endpoint {
            // Stores other than Amazon's answer under one host name: the bucket is the first part of the path.
            builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_virtual_hosted_style_request(false);
        }
        if let Some((key, secret)) = &address.keys {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret);
        }
        if let Some(token) = &address.session_token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|_| refuse("endpoint, region or keys are not valid".into()))?;
        Ok(Self { store, name: address.bucket.clone() })
    }

    /// Every object whose key begins with `prefix`, page by page.
    pub fn list(&self, prefix: &str) -> BoxStream<'_, Result<Object, BucketError>> {
        // The client lists folders; what follows the last `/` is compared here.
        let folder = prefix.rsplit_once('/').and_then(|(folder, _)| Path::parse(folder).ok());
        let prefix = prefix.trim_start_matches('/').to_owned();
        let object = |meta: object_store::ObjectMeta| Object {
            key: meta.location.to_string(),
            size: meta.size,
            etag: meta.e_tag,
            modified_at: meta.last_modified.timestamp_micros(),
        };
        let listed = self.store.list(folder.as_ref()).map_ok(object).map_err(|error| self.error(&self.name, &error));
        listed.try_filter(move |object| std::future::ready(object.key.starts_with(&prefix))).boxed()
    }

    /// Writes the bytes of `object` to `path`, if it is still the one that was listed.
    pub async fn download(&self, object: &Object, path: &FilePath) -> Result<(), BucketError> {
        let changed = || BucketError::Changed { key: object.key.clone() };
        let options = GetOptions { if_match: object.etag.clone(), ..GetOptions::default() };
        let refuse = |error: &Error| match error {
            Error::Precondition { .. } => changed(),
            error => self.error(&object.key, error),
        };
        let location = Path::parse(&object.key).map_err(|error| refuse(&error.into()))?;
        let answer = self.store.get_opts(&location, options).await.map_err(|error| refuse(&error))?;
        let same = answer.meta.size == object.size
            && (object.etag.is_some() || answer.meta.last_modified.timestamp_micros() == object.modified_at);
        if !same {
            return Err(changed());
        }
        let disk = |source| BucketError::File { path: path.to_owned(), source };
        let mut file = File::create(path).await.map_err(disk)?;
        let (mut bytes, mut size) = (answer.into_stream(), 0);
        while let Some(part) = bytes.next().await {
            let part = part.map_err(|error| match error {
                // The connection broke, and on asking for the rest there was another object.
                error if error.to_string().contains("etag") => changed(),
                error => refuse(&error),
            })?;
            size += part.len() as u64;
            file.write_all(&part).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        if size == object.size { Ok(()) } else { Err(changed()) }
    }

    /// Whether the bucket answers and may be listed.
    pub async fn probe(&self, prefix: &str) -> Result<(), BucketError> {
        self.list(prefix).next().await.transpose().map(drop)
    }

    fn error(&self, what: &str, error: &Error) -> BucketError {
        let code = code_of(error);
        let bucket = self.name.clone();
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => BucketError::Denied { bucket, code },
            Error::NotFound { .. } if what == self.name => BucketError::Missing { what: format!("the bucket {what}"), code },
            Error::NotFound { .. } => BucketError::Missing { what: format!("the object {what}"), code },
            _ if code == "NoSuchBucket" => BucketError::Missing { what: format!("the bucket {bucket}"), code },
            _ if matches!(code.as_str(), "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AccessDenied") => {
                BucketError::Denied { bucket, code }
            }
            Error::InvalidPath { .. } => BucketError::Unreachable {
                bucket,
                detail: "an object's key has an empty part (`//`) or begins with `/`, which is not supported: narrow `prefix:`"
                    .into(),
            },
            _ => BucketError::Unreachable { bucket, detail: code },
        }
    }
}

/// The code in the answer's body, or what the connection met.
fn code_of(error: &Error) -> String {
    let text = error.to_string();
    let between = |open: &str, close: &str| Some(text.split_once(open)?.1.split_once(close)?.0.to_owned());
    if let Some(code) = between("<Code>", "</Code>").filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric())) {
        return code;
    }
    // The innermost cause is that of the system or of TLS: it knows no keys.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let cause = cause.to_string();
    if cause.contains('<') || cause.len() > 200 { "an answer that is not understood".into() } else { cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_the_code_and_nothing_else_of_the_answer() {
        let body =
            "Server returned: <Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>";
        let error = Error::Generic { store: "S3", source: body.into() };
        assert_eq!(code_of(&error), "SignatureDoesNotMatch");
        let error = Error::Generic { store: "S3", source: "<html>AKIASECRET</html>".into() };
        assert_eq!(code_of(&error), "an answer that is not understood");
    }
}
