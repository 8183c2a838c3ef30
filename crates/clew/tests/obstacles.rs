//! What stands in the way of an import, with the real binary: each obstacle is named with what and where and a remedy, the exit code
//! is the documented one, and nothing is half stored.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use support::{Said, assert_balanced, clew, rows, shop, sum, value};

/// What stands in the way, the file that holds it, and a word that the message must have.
fn obstruct(name: &str, data: &Path) -> &'static str {
    let orders = data.join("orders.csv");
    let text = std::fs::read_to_string(&orders).unwrap();
    match name {
        "missing" => {
            std::fs::remove_file(&orders).unwrap();
            "orders.csv"
        }
        "empty" => {
            std::fs::write(&orders, "").unwrap();
            "orders.csv"
        }
        "vanished column" => {
            std::fs::write(&orders, text.replacen("delivered_at", "arrived_at", 1)).unwrap();
            "delivered_at"
        }
        "wrong delimiter" => {
            std::fs::write(data.join("../sources/orders.yaml"), "files: data/orders.csv\ncsv:\n  delimiter: ;\n").unwrap();
            "order_id"
        }
        "truncated gz" => {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            let bytes = encoder.finish().unwrap();
            std::fs::write(data.join("orders.csv.gz"), &bytes[..bytes.len() / 2]).unwrap();
            std::fs::write(data.join("../sources/orders.yaml"), "files: data/orders.csv.gz\n").unwrap();
            "orders.csv.gz"
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_cannot_be_imported_is_refused_with_nothing_half_stored() {
    for name in ["missing", "empty", "vanished column", "wrong delimiter", "truncated gz"] {
        let folder = shop();
        let shop = &folder.path().join("shop");
        let word = obstruct(name, &shop.join("data"));
        let said = clew(shop, &["import", "orders"]);
        assert_eq!(said.code, 1, "{name}: {}{}", said.out, said.err);
        assert!(format!("{}{}", said.out, said.err).contains(word), "{name}: {}{}", said.out, said.err);
        if shop.join(".clew").exists() && name != "truncated gz" {
            assert_eq!(value(shop, "SELECT count(*) FROM events"), 0, "{name}");
        }
    }
}

#[test]
fn a_bad_row_is_in_quarantine_with_its_text_and_the_rest_is_stored() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    let orders = shop.join("data/orders.csv");
    let mut bytes = std::fs::read(&orders).unwrap();
    bytes.extend(b"O2001,C001,the day after tomorrow,,2026-01-10,web,10.00\n");
    bytes.extend(b"O2002,C001,2026-05-01 10:00:00,,2026-05-06,web,99999999999999999999999.00\n");
    bytes.extend(b"O2003,C001,2026-05-01 10:00:00,,2026-05-06,w\xffb,10.00\n");
    bytes.extend(b"O2004,C001,too,few\n");
    std::fs::write(&orders, bytes).unwrap();
    let report = clew(shop, &["import", "orders", "--json"]).json();
    assert_balanced(&report);
    assert_eq!(sum(&report, "stored"), 58, "{report:#}");
    let quarantine = rows(shop, "SELECT reason, row_no, raw, detail FROM quarantine ORDER BY row_no");
    assert_eq!(quarantine.len(), 4, "{quarantine:#?}");
    for (row, number) in quarantine.iter().zip(31..) {
        assert_eq!(row["row_no"], number, "{row}");
        assert!(row["raw"].as_str().unwrap().contains(&format!("O20{:02}", number - 30)), "{row}");
        assert!(!row["detail"].as_str().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn ten_megabytes_in_one_cell_are_one_row_in_quarantine() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    let orders = shop.join("data/orders.csv");
    let mut bytes = std::fs::read(&orders).unwrap();
    bytes.extend(format!("O2001,C001,2026-05-01 10:00:00,,2026-05-06,{},10.00\n", "w".repeat(10 << 20)).bytes());
    bytes.extend(b"O2002,C001,2026-05-01 10:00:00,,2026-05-06,web,10.00\n");
    std::fs::write(&orders, bytes).unwrap();
    let report = clew(shop, &["import", "orders", "--json"]).json();
    assert_balanced(&report);
    assert_eq!(sum(&report, "stored"), 59, "the row behind it is stored: {report:#}");
    let quarantine = rows(shop, "SELECT reason, row_no, detail, length(raw) AS raw FROM quarantine");
    assert_eq!(quarantine.len(), 1, "{quarantine:#?}");
    assert_eq!((&quarantine[0]["reason"], &quarantine[0]["row_no"]), (&"row_too_large".into(), &31.into()), "{quarantine:#?}");
    assert!(quarantine[0]["raw"].as_u64().unwrap() < 1 << 20, "the raw text is cut: {quarantine:#?}");
}

/// Somebody without rights: a test may run as root, whom no folder stops.
const NOBODY: u32 = 65_534;

/// Runs `clew` in `project` as a user whom a folder's rights stop.
fn clew_without_rights(project: &Path, arguments: &[&str]) -> Said {
    let own = std::fs::metadata(project).unwrap().uid();
    if own != 0 {
        return clew(project, arguments);
    }
    give(project, NOBODY);
    // Where the binary was built may be closed to others.
    let binary = project.join(".binary");
    std::fs::hard_link(support::binary(), &binary).or_else(|_| std::fs::copy(support::binary(), &binary).map(drop)).unwrap();
    let mut command = Command::new(&binary);
    command.args(arguments).current_dir(project).env_remove("CLEW_PROJECT").env("HOME", project).uid(NOBODY).gid(NOBODY);
    let said = Said::of(&command.output().unwrap());
    std::fs::remove_file(binary).unwrap();
    said
}

/// Gives a project to `user`, all but folders that are closed.
fn give(folder: &Path, user: u32) {
    if std::fs::metadata(folder).unwrap().permissions().mode().trailing_zeros() >= 9 {
        return;
    }
    chown(folder, Some(user), Some(user)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            give(&entry.path(), user);
        } else {
            chown(entry.path(), Some(user), Some(user)).unwrap();
        }
    }
}

#[test]
fn a_folder_without_the_right_to_read_is_refused_by_name() {
    let folder = shop();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let shop = &folder.path().join("shop");
    let closed = shop.join("data");
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let said = clew_without_rights(shop, &["import", "orders"]);
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let text = format!("{}{}", said.out, said.err);
    assert!(text.contains("orders.csv") && text.contains("right"), "{text}");
    assert_eq!(sum(&clew(shop, &["import", "orders", "--json"]).json(), "stored"), 58, "nothing was half stored");
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(folder.path(), &format!("size={megabytes}m"));
        mounted.then_some(Self(folder))
    }

    fn resize(&self, megabytes: u32) {
        assert!(mount(self.0.path(), &format!("remount,size={megabytes}m")));
    }
}

fn mount(at: &Path, options: &str) -> bool {
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", options, "clew-test"]).arg(at).output();
    output.is_ok_and(|output| output.status.success())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_disk_that_fills_refuses_the_import_and_the_next_one_completes_it() {
    let Some(disk) = SmallDisk::mount(100) else {
        println!("skipped: mounting a small tmpfs needs rights that this machine does not give");
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let mut csv = String::from("order_id,customer_id,ordered_at,delivered_at,promised_on,channel,total\n");
    for order in 0..400_000 {
        writeln!(csv, "O{:x},C{order},2026-05-01 10:00:00,,2026-05-06,web,10.00", order * 2_654_435_761_u64).unwrap();
    }
    let file = data.path().join("orders.csv");
    std::fs::write(&file, csv).unwrap();
    clew(disk.0.path(), &["init", "shop"]).done();
    let shop = &disk.0.path().join("shop");
    let yaml = shop.join("sources/orders.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, text.replace("${SHOP_DATA:-data}/orders.csv", file.to_str().unwrap())).unwrap();

    let refused = clew(shop, &["import", "orders"]);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("free some space"), "{}", refused.err);

    disk.resize(1_000);
    let half = value(shop, "SELECT count(*) FROM events").as_u64().unwrap();
    let counted = value(shop, "SELECT coalesce(sum(stored), 0) FROM accounting WHERE target = 'events'").as_u64().unwrap();
    assert_eq!(half, counted, "what is stored is accounted for");
    let report = clew(shop, &["import", "orders", "--json"]).json();
    assert_balanced(&report);
    assert_eq!(value(shop, "SELECT count(*) FROM events"), 400_000);
    assert_eq!(value(shop, "SELECT count(DISTINCT event_id) FROM events"), 400_000);
    assert_eq!(sum(&clew(shop, &["import", "orders", "--json"]).json(), "stored"), 0);
}

#[test]
fn a_column_that_is_renamed_later_is_one_alarm_and_its_rows_wait() {
    let folder = shop();
    let shop = &folder.path().join("shop");
    let fine = clew(shop, &["import"]);
    assert!(!fine.done().out.contains("alarm"), "the sample is as expected: {}", fine.out);
    let scores = rows(
        shop,
        "SELECT completeness, validity, uniqueness, consistency, checked, n FROM source_quality \
         WHERE source = 'orders' AND target = 'events' AND field = 'amount'",
    );
    assert_eq!(scores.len(), 1, "{scores:?}");
    // 58 events of 30 orders: only `order_placed` has an amount.
    assert_eq!((&scores[0]["n"], &scores[0]["checked"], &scores[0]["consistency"]), (&58.into(), &58.into(), &1.0.into()));
    assert!((scores[0]["completeness"].as_f64().unwrap() - 30.0 / 58.0).abs() < 1e-9, "{scores:?}");
    assert!(scores[0]["uniqueness"].as_f64().unwrap() > 0.9, "{scores:?}");

    let orders = shop.join("data/orders.csv");
    let text = std::fs::read_to_string(&orders).unwrap();
    std::fs::write(&orders, text.replacen("delivered_at", "arrived_at", 1)).unwrap();
    let said = clew(shop, &["import", "orders"]);
    let alarms: Vec<&str> = said.done().out.lines().filter(|line| line.contains("alarm")).collect();
    assert_eq!(alarms.len(), 1, "{}", said.out);
    assert!(alarms[0].starts_with("orders: alarm column_missing") && alarms[0].contains("arrived_at"), "{}", alarms[0]);
    assert_eq!(value(shop, "SELECT count(*) FROM quarantine WHERE reason = 'column_missing'"), 30);
    let report = clew(shop, &["import", "orders", "--json"]).json();
    assert_balanced(&report);
    assert_eq!(report["sources"][0]["alarms"][0]["rule"], "column_missing", "{report:#}");
    assert_eq!(clew(shop, &["audit", "--json"]).json()["holds"], true);
    assert_eq!(clew(shop, &["check"]).code, 1, "the mapping does not fit the file");
}
