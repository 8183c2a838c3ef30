//! A disk that fills: refused with the place and the remedy, nothing half stored, and the lake goes on when there is room.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Command;

use clew_lake::{AppendError, Mode};
use support::{Event, event, one, open, padded_chunk};

/// A small file system of its own, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "clew-test"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_the_chunk_and_keeps_what_was_acknowledged() {
    let Some(disk) = SmallDisk::mount("110m") else {
        println!("skipped: mounting a small tmpfs needs rights that this machine does not give");
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1_u8; 20 << 20]).unwrap();
    let store = disk.0.path().join("store");
    let lake = open(&store).await;
    let mut stored = 0;
    let mut refused = None;
    for number in 0..400 {
        let events: Vec<Event> = (0..6_000).map(|n| event(format!("{number}-{n}"), n * 7919 + number)).collect();
        match lake.append(padded_chunk(number as i64, Mode::Append, &events, 100)).await {
            Ok(receipt) => stored += receipt.facts["events"].stored,
            Err(error) => {
                refused = Some((number, events, error));
                break;
            }
        }
    }
    let (number, events, error) = refused.expect("110 MB do not hold 400 chunks");
    let AppendError::DiskFull { needed, .. } = error else { panic!("{error}") };
    assert!(needed > 0 && error.to_string().contains("free some space"), "{error}");
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM events").await, stored.to_string());

    std::fs::remove_file(&ballast).unwrap();
    let receipt = lake.append(padded_chunk(number as i64, Mode::Append, &events, 100)).await.unwrap();
    assert_eq!(receipt.facts["events"].stored, 6_000);
    lake.close().await.unwrap();
    let lake = open(&store).await;
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM events").await, (stored + 6_000).to_string());
}
