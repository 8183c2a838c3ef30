//! A real `clew serve`, and a client that may send it anything: bodies that lie, heads that stop, bytes that are no text.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{clew, command};

/// A project with one source that takes tracking calls.
pub fn project(dir: &Path) {
    std::fs::create_dir_all(dir.join("sources")).unwrap();
    std::fs::write(dir.join("clew.yaml"), "company: Larkmoor\nstore: ${STORE:-.clew}\nschedule: never\n").unwrap();
    std::fs::write(dir.join("sources/website.yaml"), "api: tracking\n").unwrap();
}

/// A new write key of `website`.
pub fn key(dir: &Path) -> String {
    let made = clew(dir, &["keys", "create", "website", "--label", "test", "--json"]).json();
    made["write_key"].as_str().unwrap().to_owned()
}

/// A running server; killed when it goes out of scope.
pub struct Served {
    pub child: Child,
    pub address: String,
    pub dir: PathBuf,
}

impl Served {
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[]).expect("the server starts")
    }

    /// As [`Self::start`], with variables; `None` when it dies before it serves.
    pub fn start_with(dir: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::null());
        command.envs(variables.iter().copied());
        let mut child = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let Some(rest) = line.split("http://").nth(1) else {
            child.wait().unwrap();
            return None;
        };
        let address = rest.split('/').next().unwrap().to_owned();
        Some(Self { child, address, dir: dir.to_owned() })
    }

    /// POSTs `body` with a bearer token; status, head and body of the answer.
    #[track_caller]
    pub fn post(&self, path: &str, key: &str, body: &[u8]) -> Answer {
        self.send(path, &format!("authorization: Bearer {key}\r\n"), body).expect("an answer")
    }

    /// POSTs `body` with these header lines; `None` when the connection breaks.
    pub fn send(&self, path: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        self.raw(&[head.as_bytes(), body])
    }

    /// What `path` answers the owner.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("an answer")
    }

    /// As [`Self::get`]; none when the connection breaks.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let token = std::fs::read_to_string(self.dir.join(".clew/token")).ok()?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            token.trim()
        );
        self.raw(&[head.as_bytes()])
    }

    /// Sends these bytes and reads until the server closes; `None` when the connection breaks before there is an answer.
    pub fn raw(&self, parts: &[&[u8]]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        for part in parts {
            // A server that refuses early closes before it has read everything.
            if stream.write_all(part).is_err() {
                break;
            }
        }
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        Answer::parse(&said)
    }

    /// SIGTERM, and the end of it.
    pub fn stop(mut self) {
        let _ = std::process::Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    fn parse(said: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(said);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_ascii_lowercase(),
            body: serde_json::from_str(body).unwrap_or_default(),
            text: body.to_owned(),
        })
    }

    #[track_caller]
    pub fn counts(&self) -> (u64, u64, u64, u64) {
        assert_eq!(self.status, 200, "{self:?}");
        let n = |name: &str| self.body[name].as_u64().unwrap();
        (n("accepted"), n("duplicate"), n("quarantined"), n("rejected"))
    }
}
