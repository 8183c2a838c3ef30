//! Real servers, started by the script that people use: one of a kind for all tests, with a database or bucket of its own for each test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server that a test may stop, in a folder of its own; it ends with the test.
pub struct Own {
    name: &'static str,
    dir: tempfile::TempDir,
}

fn script(arguments: &[&str], dir: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/services"));
    command.args(arguments);
    if let Some(dir) = dir {
        command.arg("--dir").arg(dir);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The address of the server `name`; says that the test is skipped where it cannot be had.
pub fn shared(name: &str) -> Option<String> {
    script(&["start", name], None).map_err(|error| println!("skipped: no {name}: {error}")).ok()
}

impl Own {
    /// Starts a server of its own for the test.
    pub fn start(name: &'static str) -> Option<(Self, String)> {
        let own = Self { name, dir: tempfile::tempdir().unwrap() };
        let address = own.again().map_err(|error| println!("skipped: no {name}: {error}")).ok()?;
        Some((own, address))
    }

    /// Starts it again, at the same address.
    pub fn again(&self) -> Result<String, String> {
        script(&["start", self.name], Some(self.dir.path()))
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        script(&["kill", self.name], Some(self.dir.path())).unwrap();
    }

    /// The certificate of the issuer of its own.
    pub fn authority(&self) -> String {
        self.dir.path().join(self.name).join("ca.pem").display().to_string()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = script(&["kill", self.name], Some(self.dir.path()));
    }
}

/// A name that no other test has.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The url `address` with another database.
pub fn with_database(address: &str, database: &str) -> String {
    format!("{}/{database}", address.rsplit_once('/').unwrap().0)
}

/// A bucket of the store at `address`, spoken to as plainly as the test's server allows.
pub struct TestBucket {
    connection: TcpStream,
    host: String,
    pub name: String,
}

impl TestBucket {
    /// A new one.
    pub fn new(address: &str) -> Self {
        let host = address.strip_prefix("http://").unwrap().to_owned();
        let name = unique().replace('_', "-");
        let mut bucket = Self { connection: TcpStream::connect(&host).unwrap(), host, name: name.clone() };
        bucket.request("PUT", &format!("/{name}"), b"");
        bucket
    }

    /// Writes an object.
    pub fn put(&mut self, key: &str, bytes: &[u8]) {
        let path = format!("/{}/{key}", self.name);
        self.request("PUT", &path, bytes);
    }

    /// Removes an object.
    pub fn delete(&mut self, key: &str) {
        let path = format!("/{}/{key}", self.name);
        self.request("DELETE", &path, b"");
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) {
        // Signed requests name their keys in this header; the server takes any.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            self.host,
            body.len()
        );
        self.connection.write_all(head.as_bytes()).unwrap();
        self.connection.write_all(body).unwrap();
        let mut answer = String::new();
        self.connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        self.connection = TcpStream::connect(&self.host).unwrap();
    }
}
