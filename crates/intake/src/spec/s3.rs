//! `s3:` — objects of a bucket, in the place of files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, Secret, Source};

/// A bucket of an S3-compatible store: its objects are read as files are, each version of one once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Name of the bucket.
    pub bucket: String,
    /// What the keys of its objects begin with, such as `crm/`. All objects when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A glob that the rest of the key fits, such as `**/*.csv.gz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
    /// URL of the store, such as <https://minio.example:9000>. Amazon's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region, such as eu-central-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Access key; with `secret_key`. Left out, the machine's own are used: AWS_ACCESS_KEY_ID and the like, or the instance's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<Secret>,
    /// The secret of the access key; `${NAME}` keeps it out of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<Secret>,
    /// Token of temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// Whether the bucket is public: requests are not signed.
    #[serde(default)]
    pub anonymous: bool,
    /// Certificates (PEM) of the store's issuer, relative to the project, beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

impl S3 {
    /// What is wrong with the declaration.
    pub(crate) fn problems(&self, source: &Source) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, message: &str, remedy: &str| {
            problems.push(Problem::in_source(source, &format!("/s3/{key}"), message, remedy));
        };
        if self.bucket.is_empty() || self.bucket.contains('/') {
            add("bucket", "`s3: {bucket}` is no name of a bucket", "write the name alone; what follows is `prefix:` or `glob:`");
        }
        if self.access_key.is_some() != self.secret_key.is_some() {
            add(
                "access_key",
                "an access key and its secret belong together",
                "give both `access_key:` and `secret_key:`, or none",
            );
        }
        if self.anonymous && self.access_key.is_some() {
            add("anonymous", "requests with a key are not anonymous", "leave `anonymous:` or the keys out");
        }
        if self.endpoint.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            add("endpoint", "`endpoint:` is no URL", "write it with http:// or https://");
        }
        if self.endpoint.is_none() && self.region.is_none() {
            add(
                "bucket",
                "neither `endpoint:` nor `region:` says where the bucket is",
                "give one of them, such as region: eu-central-1",
            );
        }
        if self.prefix.as_deref().is_some_and(|prefix| prefix.starts_with('/')) {
            add("prefix", "keys of objects do not begin with /", "write `prefix:` without it");
        }
        if self.glob.as_deref().is_some_and(|pattern| glob::Pattern::new(pattern).is_err()) {
            add("glob", "`glob:` is no pattern", "write one such as **/*.csv");
        }
        problems
    }
}
