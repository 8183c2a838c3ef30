//! The generated part of the documentation: JSON Schemas of the project files, the page about the tables, the contract of
//! the API.
//!
//! All come from the types that the program itself uses. `clew schema docs` writes them, a test compares them, and so
//! they cannot drift from the code.

use std::fmt::Write as _;
use std::path::PathBuf;

use clew_model::tables::{Column, ColumnType, TABLE_VERSION, Table, TableKind};

use crate::project::Kind;

/// Every generated file: path below the docs folder, and content.
pub fn files() -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = Kind::ALL
        .iter()
        .map(|kind| {
            let text = serde_json::to_string_pretty(&kind.schema()).expect("a JSON value prints");
            (PathBuf::from("schemas").join(kind.schema_file()), text + "\n")
        })
        .collect();
    files.push((PathBuf::from("tables.md"), tables()));
    files.push((PathBuf::from("openapi.json"), clew_server::openapi()));
    files
}

/// `docs/tables.md`.
fn tables() -> String {
    let mut page = String::from(
        "# Tables\n\n\
         Generated from `crates/model/src/tables`; `clew schema docs` writes it anew.\n\n\
         Every table is a Delta Lake table in `<store>/tables/<name>` and a table of the same name in `clew sql`. *Statistics* marks the columns whose\n\
         minimum and maximum may stand in the Delta log: ids, times and enums only, so that no personal value is ever there. Shares and NPS are fractions\n\
         (NPS −1..1); percent exists only in the cockpit. Times are UTC. A null in a column that may be null means \"not known\", never 0.\n\n",
    );
    let _ = writeln!(page, "Table version: {TABLE_VERSION}\n");
    for (heading, kind) in [("Facts", TableKind::Fact), ("Derived tables", TableKind::Derived)] {
        let _ = writeln!(page, "## {heading}\n");
        let _ = writeln!(page, "| table | one row is |\n|---|---|");
        for table in Table::all().filter(|table| table.kind == kind) {
            let _ = writeln!(page, "| [{0}](#{0}) | {1} |", table.name, table.row);
        }
        page.push('\n');
        for table in Table::all().filter(|table| table.kind == kind) {
            describe(table, &mut page);
        }
    }
    page += VIEWS;
    page.push('\n');
    flags(&mut page);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The codes of `quality`.
fn flags(page: &mut String) {
    page.push_str(
        "## Flags of `quality`\n\n\
         A flag stands for the whole fact, or for one of its fields as `field:flag`, such as `emails:case_changed`. What it did to the value:\n\
         *changed* (the value given is in `raw`), *kept*, or *emptied* (null is stored, the value given is in `raw`). See [data quality](quality.md).\n\n\
         | flag | of | value | meaning |\n|---|---|---|---|\n",
    );
    for (code, effect, meaning) in clew_intake::typing::flags() {
        let of = if effect.is_some() { "a field" } else { "the fact" };
        let _ = writeln!(page, "| {code} | {of} | {} | {} |", effect.unwrap_or_default(), meaning.replace('|', "\\|"));
    }
}

/// What the views say; their SQL is in `lake::session` and `pipeline::views`.
const VIEWS: &str = "\
## Views

Computed when they are asked, from the tables above.

| view | one row is |
|---|---|
| event_identifiers, record_identifiers, response_identifiers | one identifier of a fact |
| events_current, records_current, responses_current | the newest version of a fact that is not deleted |
| quarantine_open | a row of quarantine that no repair has closed: with outcome stored, duplicate, replaced or discarded |
| [subjects_current](#subjects_current) | a subject and whose it is now: the last run's word, behind what the write path answered since |
| people_events, people_responses | a fact with the person it belongs to, by subjects_current; `provisional` as there |
| [source_quality](#source_quality) | how good one field of a source was on one UTC day |

### subjects_current

Columns of [subjects](#subjects), and `provisional` (boolean): true where the write path answered since the last run, which may correct it. Such a row holds for all
times, has no `person_no` (null) and says `online` in `decided_by`; `subjects` itself is as of the run. The answers alone are the table `online_subjects`, without `provisional`: it is in memory
while `clew serve` or a command holds the store, and empty after a run.

### source_quality

One row is a source, target (null: raw columns), field and day. Every score is a fraction, null where there was nothing to judge.

| column | type | what |
|---|---|---|
| source, target, field, day | text, text, text, date | whose quality |
| n, nulls, invalid, changed | bigint | values; missing, refused or flagged, repaired ones; exact |
| completeness | double | 1 − nulls / n |
| validity | double | 1 − invalid / (n − nulls) |
| uniqueness | double | different values a sampled value; 1 when all differ |
| sampled | bigint | values in the sample |
| consistency | double | share of the checks of expectations over this field that passed |
| checked | bigint | such checks |
| timeliness | double | share of the target's facts that came within the source's `freshness`; null where it declares none |
| median_delay_s | double | median of received_at minus the time of the target's facts, in seconds |
| alarms | bigint | alarms about the field on that day |

Functions over the column `profile` of field_quality: `profile_merge(profile)` (aggregate), `profile_distinct(profile)`, `profile_sampled(profile)`,
`profile_quantile(profile, p)`.
";

fn describe(table: &Table, page: &mut String) {
    let _ = writeln!(page, "### {}\n\nOne row is {}. Key: {}.", table.name, table.row, table.key.join(", "));
    if !table.partition_by.is_empty() {
        let _ = writeln!(page, "Partitioned by {}.", table.partition_by.join(", "));
    }
    let _ = writeln!(page, "\n| column | type | may be null | statistics | what |\n|---|---|---|---|---|");
    for Column { name, kind, nullable, statistics, doc } in table.columns {
        let mark = |yes: bool| if yes { "yes" } else { "" };
        let doc = doc.replace('|', "\\|");
        let _ = writeln!(page, "| {name} | {} | {} | {} | {doc} |", type_name(*kind), mark(*nullable), mark(*statistics));
    }
    page.push('\n');
}

const fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Int64 => "bigint",
        ColumnType::Int32 => "int",
        ColumnType::Float64 => "double",
        ColumnType::Boolean => "boolean",
        ColumnType::Timestamp => "timestamp (UTC, µs)",
        ColumnType::Date => "date",
        ColumnType::Decimal => "decimal(18,4)",
        ColumnType::Identifiers => "list&lt;struct&lt;type, value&gt;&gt;",
        ColumnType::TextList => "list&lt;text&gt;",
        ColumnType::IntList => "list&lt;int64&gt;",
    }
}
