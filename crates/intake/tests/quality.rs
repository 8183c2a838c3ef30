//! Dirty files into a real lake: what is stored, what is kept of what was given, and what is said about it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use clew_intake::check;
use clew_lake::Lake;
use serde_json::Value;
use support::{Project, number, texts};

/// All columns of `sql` as text, null as an empty one.
async fn table(lake: &Lake, sql: &str) -> Vec<BTreeMap<String, String>> {
    let mut found = Vec::new();
    for batch in lake.session().sql(sql).await.unwrap().collect().await.unwrap() {
        let schema = batch.schema();
        let columns: Vec<_> = batch.columns().iter().map(|c| arrow::compute::cast(c, &DataType::Utf8).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let value = |at: usize| {
                let column = columns[at].as_string::<i32>();
                if column.is_null(row) { String::new() } else { column.value(row).to_owned() }
            };
            found.push(schema.fields().iter().enumerate().map(|(at, field)| (field.name().clone(), value(at))).collect());
        }
    }
    found
}

const CRM: &str = "SELECT id, first AS given_name, last AS family_name, born AS birth_date, make_array(mail) AS emails, \
    make_array(phone) AS phones, street, plz AS postcode, town AS city, country, mail AS identifier_email, phone AS identifier_phone FROM raw";

const VALUES: &[&str] = &["given_name", "family_name", "birth_date", "email", "phone", "street", "postcode", "city", "country"];

const DIRTY: &str = "id,first,last,born,mail,phone,street,plz,town,country
1,Anna,Schmidt,1980-05-01,anna.schmidt@web.de,+4930901820,Lindenweg 5,10115,Berlin,DE
2, DR. ANNA ,SCHMIDT,01.05.1980,Anna.Schmidt@Web.de ,030 / 901820,\"Hauptstr. 5, Whg. 3\",D-10115,BERLIN,Deutschland
3,test,n/a,31.02.1980,test@test.com,0000000000,,00000,unknown,Atlantis
";

#[tokio::test(flavor = "multi_thread")]
async fn a_dirty_file_is_stored_clean_with_its_raw_values_and_flags_beside() {
    let mut project = Project::new();
    project.write("crm.csv", DIRTY);
    project.source("crm", "files: crm.csv\ncleanse: {country: DE, date_order: dmy}", &[("records", CRM)]);
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert!(report.is_balanced());
    assert_eq!(report.stored(), 3);
    let rows = table(
        &lake,
        "SELECT given_name, family_name, birth_date, emails[1] AS email, phones[1] AS phone, street, postcode, city, country, \
         array_to_string(quality, ' ') AS flags, raw, derived FROM records ORDER BY record_id",
    )
    .await;
    let shown = |row: usize, names: &[&str]| names.iter().map(|name| rows[row][*name].clone()).collect::<Vec<_>>().join("|");
    let clean = "Anna|Schmidt|1980-05-01|anna.schmidt@web.de|+4930901820";
    assert_eq!(shown(0, VALUES), format!("{clean}|Lindenweg 5|10115|Berlin|DE"));
    assert_eq!(shown(1, VALUES), format!("{clean}|Hauptstraße 5|10115|Berlin|DE"));
    assert_eq!(shown(2, VALUES), "||||||||");
    // What was clean carries nothing but what follows from it.
    assert_eq!(shown(0, &["flags", "raw"]), "|");
    let derived: Value = serde_json::from_str(&rows[0]["derived"]).unwrap();
    assert_eq!(derived["country_of_phone"], "DE");
    assert_eq!(
        (&derived["line_type"], &derived["region"], &derived["house_number"]),
        (&"fixed_line".into(), &"BE".into(), &"5".into())
    );
    assert!(derived.get("organisation_domain").is_none(), "web.de is a provider of private mailboxes");
    let raw: Value = serde_json::from_str(&rows[1]["raw"]).unwrap();
    let expected = serde_json::json!({
        "given_name": " DR. ANNA ", "family_name": "SCHMIDT", "birth_date": "01.05.1980", "emails": ["Anna.Schmidt@Web.de "],
        "phones": ["030 / 901820"], "street": "Hauptstr. 5, Whg. 3", "postcode": "D-10115", "city": "BERLIN", "country": "Deutschland",
        "identifier_email": "Anna.Schmidt@Web.de ", "identifier_phone": "030 / 901820",
    });
    assert_eq!(raw, expected);
    let derived: Value = serde_json::from_str(&rows[1]["derived"]).unwrap();
    assert_eq!(
        (&derived["honorific"], &derived["unit"], &derived["street_name"]),
        (&"Dr".into(), &"Whg. 3".into(), &"Hauptstraße".into())
    );
    for flag in [
        "country:alias_resolved",
        "birth_date:reformatted",
        "given_name:honorific_split",
        "given_name:case_changed",
        "family_name:case_changed",
        "emails:trimmed",
        "phones:country_assumed",
        "street:unit_split",
        "postcode:reformatted",
        "city:case_changed",
        "identifier_email:case_changed",
        "identifier_phone:country_assumed",
    ] {
        assert!(rows[1]["flags"].split(' ').any(|code| code == flag), "{flag} in {}", rows[1]["flags"]);
    }
    // What stands for nothing is nothing, and says what it was.
    let raw: Value = serde_json::from_str(&rows[2]["raw"]).unwrap();
    assert_eq!(
        (&raw["given_name"], &raw["birth_date"], &raw["country"]),
        (&"test".into(), &"31.02.1980".into(), &"Atlantis".into())
    );
    for flag in [
        "given_name:test_value",
        "family_name:placeholder",
        "birth_date:impossible_date",
        "emails:test_value",
        "phones:placeholder",
        "postcode:placeholder",
        "city:placeholder",
        "blocked_identifier",
        "unknown_country",
    ] {
        assert!(rows[2]["flags"].split(' ').any(|code| code == flag), "{flag} in {}", rows[2]["flags"]);
    }
    // The first two are one person to everybody who compares, the third is nobody.
    let identifiers = "SELECT DISTINCT array_to_string(make_array(i[1]['value'], i[2]['value']), ' ') FROM (SELECT identifiers AS i FROM records) WHERE i IS NOT NULL";
    assert_eq!(texts(&lake, identifiers).await, ["anna.schmidt@web.de +4930901820"]);
    assert_eq!(number(&lake, "SELECT count(*) FROM records WHERE identifiers IS NULL").await, 1);
}

/// The same rows under another statement about them: content is what was said, so nothing is new and nothing conflicts.
#[tokio::test(flavor = "multi_thread")]
async fn a_better_cleaner_finds_duplicates_not_conflicts() {
    let events = "SELECT id, 'bought' AS name, channel, at AS occurred_at, price AS amount, note AS text, mail AS identifier_email FROM raw";
    let file = "id,channel,at,price,note,mail\n1,web,2026-01-05 10:00,1.234,  Fine ,ANN@acme.com\n2,Website,2026-01-05,12,,ann.lee+x@gmail.com\n3,Fax,2026-01-05,7, ,x\n";
    let mut project = Project::new();
    project.write("a.csv", file);
    let off = "files: a.csv\ncleanse: {off: [amount, text, identifier_email, derived]}";
    project.source("shop", off, &[("events", events)]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 3);
    assert_eq!(texts(&lake, "SELECT text FROM events ORDER BY event_id").await, ["  Fine ", "-", " "]);
    project.source("shop", "files: a.csv\ncleanse: {decimal_mark: comma}", &[("events", events)]);
    let again = project.import(&lake).await.unwrap();
    let counts = again.sources[0].files[0].targets["events"];
    assert_eq!((counts.duplicate, counts.stored, counts.quarantined), (3, 0, 0));
    // A new store takes them clean.
    let mut clean = Project::new();
    clean.write("a.csv", file);
    clean.source("shop", "files: a.csv\ncleanse: {decimal_mark: comma}", &[("events", events)]);
    let lake = clean.lake().await;
    assert_eq!(clean.import(&lake).await.unwrap().stored(), 3);
    let rows =
        table(&lake, "SELECT channel, amount, text, raw, array_to_string(quality, ' ') AS flags FROM events ORDER BY event_id")
            .await;
    assert_eq!((&*rows[0]["amount"], &*rows[0]["text"]), ("1234.0000", "Fine"));
    assert!(rows[0]["flags"].contains("amount:ambiguous_separator") && rows[0]["raw"].contains(r#""amount":"1.234""#));
    assert_eq!((&*rows[1]["channel"], &*rows[2]["channel"]), ("web", "system"));
    assert!(rows[1]["flags"].contains("channel:alias_resolved") && rows[1]["flags"].contains("identifier_email:alias_resolved"));
    assert!(rows[2]["flags"].contains("unknown_channel") && rows[2]["flags"].contains("identifier_email:invalid_email"));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_device_campaign_hour_and_language() {
    let mut project = Project::new();
    project.write(
        "web.csv",
        "id,at,agent,url,ref,said,price\n\
         1,2026-01-05T09:30:00+01:00,Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML; like Gecko) Version/17.4 Mobile/15E148 Safari/604.1,https://a.example/?utm_source=news&utm_campaign=May,https://www.google.com/,,\"12,50 EUR\"\n\
         2,2026-01-04T10:00:00Z,,https://a.example/,,Die Lieferung kam leider viel zu spät und der Karton war beschädigt.,-\n",
    );
    let sql = "SELECT id, 'seen' AS name, 'web' AS channel, at AS occurred_at, agent AS property_user_agent, url AS property_page_url, ref AS property_referrer, said AS text, price AS amount FROM raw";
    project.source("web", "files: web.csv", &[("events", sql)]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 2);
    let rows =
        table(&lake, "SELECT derived, amount, currency, array_to_string(quality, ' ') AS flags FROM events ORDER BY event_id")
            .await;
    let derived: Vec<Value> = rows.iter().map(|row| serde_json::from_str(&row["derived"]).unwrap()).collect();
    let expected = serde_json::json!({
        "device_class": "mobile", "os": "iOS", "browser": "Safari", "browser_version": "17", "campaign_source": "news", "campaign": "May",
        "referrer_class": "search", "weekday": 1, "hour": 9, "business_hours": true,
    });
    assert_eq!(derived[0], expected);
    // A Sunday; `Z` says no place, so the hour is that of the source's zone.
    let expected = serde_json::json!({"text_language": "de", "weekday": 7, "hour": 11, "business_hours": false});
    assert_eq!(derived[1], expected);
    assert_eq!((&*rows[0]["amount"], &*rows[0]["currency"], &*rows[1]["amount"]), ("12.5000", "EUR", ""));
    assert!(rows[0]["flags"].contains("amount:currency_split") && rows[1]["flags"].contains("amount:placeholder"));
}

#[test]
fn check_tells_what_is_wrong_with_the_conventions() {
    let mut project = Project::new();
    project.write("a.csv", "id,born\n1,31.12.1980\n");
    let sql = "SELECT id, born AS birth_date FROM raw";
    project.source("s", "files: a.csv\ncleanse: {country: Germany, business_hours: late, off: [emial]}", &[("records", sql)]);
    let told: Vec<String> = check(&project.sources, &project.sources.sources[0], true).into_iter().map(|p| p.message).collect();
    assert_eq!(
        told,
        ["Germany is no country", "the business hours late are no interval of a day", "nothing called emial is cleansed"]
    );
    project.source("s", "files: a.csv", &[("records", sql)]);
    let told = check(&project.sources, &project.sources.sources[0], true);
    assert!(told[0].message.contains("(invalid_date)") && told[0].remedy.contains("date_order: dmy"), "{told:#?}");
    project.source("s", "files: a.csv\ncleanse: {date_order: dmy}", &[("records", sql)]);
    assert!(check(&project.sources, &project.sources.sources[0], true).is_empty());
}

// Real files whose values are clean: what an import changes of them wrongly.

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn rows_of(path: &PathBuf) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Words of a text in the test's own spelling: letters and digits, lower case, sorted; street words in their long form.
fn words(text: &str) -> Vec<String> {
    let long = |word: &str| {
        let long = match word {
            "st" | "str" => "street",
            "rd" => "road",
            "ave" | "av" => "avenue",
            "dr" => "drive",
            "ln" => "lane",
            "ct" => "court",
            "pl" => "place",
            "blvd" => "boulevard",
            "gdns" => "gardens",
            "senior" => "sr",
            "junior" => "jr",
            word => word,
        };
        long.to_owned()
    };
    let lower = text.to_lowercase().replace(['\'', '’', '.'], "");
    let mut words: Vec<String> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(long).collect();
    words.sort();
    words
}

/// Columns of the table, with the entries of `derived` that hold what was split off.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("given_name", "given_name", &["honorific", "nickname"]),
    ("family_name", "family_name", &["name_suffix"]),
    ("full_name", "full_name", &["honorific", "nickname", "name_suffix"]),
    ("organisation", "organisation", &[]),
    ("street", "street", &["unit"]),
    ("city", "city", &[]),
    ("postcode", "postcode", &[]),
    ("birth_date", "CAST(birth_date AS VARCHAR)", &[]),
    ("email", "emails[1]", &[]),
    ("phone", "phones[1]", &[]),
];

/// Imports `rows` and counts the values that came out as others: (wrong, all).
async fn wrong(rows: &[BTreeMap<&'static str, String>], conventions: &str, as_of: &str) -> (u64, u64) {
    let mut project = Project::new();
    let names: Vec<&str> = std::iter::once("id").chain(FIELDS.iter().map(|field| field.0)).chain(["country"]).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&names).unwrap();
    for (at, row) in rows.iter().enumerate() {
        let id = format!("{at:06}");
        writer
            .write_record(
                names
                    .iter()
                    .map(|name| row.get(name).map_or("", String::as_str))
                    .enumerate()
                    .map(|(i, v)| if i == 0 { &id } else { v }),
            )
            .unwrap();
    }
    project.write("a.csv", writer.into_inner().unwrap());
    let sql = format!(
        "SELECT id, given_name, family_name, full_name, organisation, street, city, postcode, birth_date, make_array(email) AS emails, \
         make_array(phone) AS phones, country, '{as_of}' AS valid_from FROM raw"
    );
    project.source("a", &format!("files: a.csv\ncleanse: {conventions}"), &[("records", &sql)]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), rows.len() as u64);
    let columns: Vec<String> = FIELDS.iter().map(|(name, sql, _)| format!("{sql} AS {name}")).collect();
    let stored = table(&lake, &format!("SELECT {}, derived, raw FROM records ORDER BY record_id", columns.join(", "))).await;
    let mut total = (0, 0);
    for (field, _, parts) in FIELDS {
        let (mut n, mut differ) = (0, Vec::new());
        for (row, stored) in rows.iter().zip(&stored) {
            let Some(raw) = row.get(field).filter(|raw| !raw.is_empty()) else { continue };
            n += 1;
            let derived: Value = serde_json::from_str(&stored["derived"]).unwrap_or_default();
            let parts = parts.iter().filter_map(|part| derived[*part].as_str());
            let whole = std::iter::once(stored[*field].as_str()).chain(parts).collect::<Vec<_>>().join(" ");
            let same = match *field {
                "birth_date" | "phone" => !whole.is_empty() && digits_agree(field, raw, &whole),
                _ => words(raw) == words(&whole),
            };
            if !same {
                differ.push(format!("{raw:?} -> {whole:?}"));
            }
        }
        println!("{field:>14} {n:>8} {:>6}", differ.len());
        differ.iter().take(8).for_each(|line| println!("    {line}"));
        assert!(differ.len() as u64 * 100 <= n.max(100), "{field}: {} of {n}", differ.len());
        total = (total.0 + differ.len() as u64, total.1 + n);
    }
    total
}

/// The same day in whatever order; the same number with its country in front.
fn digits_agree(field: &str, raw: &str, stored: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if field == "phone" {
        return digits(stored).ends_with(digits(raw).trim_start_matches('0'));
    }
    let (mut a, mut b): (Vec<char>, Vec<char>) = (digits(raw).chars().collect(), digits(stored).chars().collect());
    a.retain(|c| *c != '0');
    b.retain(|c| *c != '0');
    a.sort_unstable();
    b.sort_unstable();
    // A century that was completed.
    a == b || (a.len() < b.len() && a.iter().all(|c| b.contains(c)))
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_values_of_febrl_stay_as_they_are() {
    let Some(folder) = shared("data/febrl") else { return };
    let mut rows = Vec::new();
    for file in ["dataset1.csv", "dataset2.csv", "dataset3.csv", "dataset4a.csv"] {
        for row in rows_of(&folder.join(file)).iter().filter(|row| row["rec_id"].ends_with("-org")) {
            let street = format!("{} {}", row["street_number"], row["address_1"]).trim().to_owned();
            let day = &row["date_of_birth"];
            let day = if day.len() == 8 { format!("{}/{}/{}", &day[..4], &day[4..6], &day[6..]) } else { day.clone() };
            rows.push(BTreeMap::from([
                ("given_name", row["given_name"].clone()),
                ("family_name", row["surname"].clone()),
                ("street", street),
                ("city", row["suburb"].clone()),
                ("postcode", row["postcode"].clone()),
                ("birth_date", day),
                ("country", "AU".to_owned()),
            ]));
        }
    }
    let (wrong, values) = wrong(&rows, "{date_order: ymd}", "2003-01-01").await;
    assert!(values > 40_000 && wrong * 100 <= values, "{wrong} of {values}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_values_of_the_senzing_truth_set_stay_as_they_are() {
    let Some(folder) = shared("data/senzing_truthset") else { return };
    let mut rows = Vec::new();
    for file in ["customers.csv", "reference.csv", "watchlist.csv"] {
        for row in rows_of(&folder.join(file)) {
            let field = |name: &str| row.get(name).cloned().unwrap_or_default();
            let mail = field("EMAIL_ADDRESS");
            let phone = field("PHONE_NUMBER");
            // Two lack their area code and one is an Italian number without its country: no number can be made of them.
            let incomplete = ["321-3212", "221-2412", "0352 6553537"].contains(&phone.as_str());
            rows.push(BTreeMap::from([
                ("given_name", field("PRIMARY_NAME_FIRST")),
                ("family_name", field("PRIMARY_NAME_LAST")),
                ("full_name", field("PRIMARY_NAME_FULL")),
                ("organisation", field("PRIMARY_NAME_ORG")),
                ("street", field("ADDR_LINE1")),
                ("city", field("ADDR_CITY")),
                ("postcode", field("ADDR_POSTAL_CODE")),
                ("birth_date", field("DATE_OF_BIRTH")),
                // "Maria Sentosa<msentosa@fmail.com>": the address is what stands in the brackets.
                ("email", mail.split('<').next_back().unwrap_or_default().trim_end_matches('>').to_owned()),
                ("phone", if incomplete { String::new() } else { phone }),
                ("country", field("ADDR_COUNTRY")),
            ]));
        }
    }
    let (wrong, values) = wrong(&rows, "{country: US, date_order: mdy}", "2023-01-01").await;
    assert!(values > 600 && wrong * 100 <= values, "{wrong} of {values}");
}
