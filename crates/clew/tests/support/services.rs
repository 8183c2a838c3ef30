//! Real brokers and databases for a test, by `scripts/services`: a server of its own in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::repository;

/// A running service; stopped when it goes out of scope.
pub struct Service {
    name: &'static str,
    folder: tempfile::TempDir,
    pub address: String,
}

impl Service {
    /// Starts the service `name`; none after saying that `test` is skipped, where it cannot be had on this machine.
    pub fn start(name: &'static str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        match ask(&["start", name], folder.path()) {
            Ok(address) => Some(Self { name, folder, address }),
            Err(why) => {
                println!("skipped: {test}: {why}");
                None
            }
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        ask(&["kill", self.name], self.folder.path()).unwrap();
    }

    /// Ends it in good order.
    pub fn stop(&self) {
        ask(&["stop", self.name], self.folder.path()).unwrap();
    }

    /// Starts it again.
    pub fn again(&mut self) {
        self.address = ask(&["start", self.name], self.folder.path()).unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder().join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    /// Where it keeps what is its own.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = ask(&["kill", self.name], self.folder.path());
    }
}

fn ask(what: &[&str], folder: &Path) -> Result<String, String> {
    let mut command = Command::new(repository().join("scripts/services"));
    let output = command.args(what).arg("--dir").arg(folder).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
