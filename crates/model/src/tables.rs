//! Every table as data: columns, types, keys, which columns may carry statistics.
//!
//! One description feeds Delta schemas, Arrow schemas, the mapping's validation and `docs/tables.md`. Column order is the
//! order in files. Columns are only ever added, nullable, at the end: [`TABLE_VERSION`] counts such changes.
//!
//! `statistics` marks the columns whose minimum and maximum may enter the Delta log (`delta.dataSkippingStatsColumns`):
//! ids, times and enums only, so that no personal value is ever in the log.

mod derived;
mod facts;

pub use derived::DERIVED;
pub use facts::FACTS;

/// The version of this set of tables, stored as the table property `clew.table_version`.
pub const TABLE_VERSION: u32 = 2;

/// The source under which decisions of people are accounted for: no source of a project has a slash in its name.
pub const DECISIONS: &str = "clew/decisions";

/// The type of a column, with its Arrow and SQL reading in `docs/tables.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit floating point number; never NaN in a table.
    Float64,
    /// True or false.
    Boolean,
    /// UTC microseconds.
    Timestamp,
    /// A calendar day without zone.
    Date,
    /// `decimal(18,4)`.
    Decimal,
    /// `list<struct<type: text, value: text>>`.
    Identifiers,
    /// `list<text>`.
    TextList,
    /// `list<int64>`.
    IntList,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name: the word of the glossary, unit last.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether minimum and maximum may enter the Delta log.
    pub statistics: bool,
    /// What it holds, unit, null meaning.
    pub doc: &'static str,
}

/// Whether rows are written once and kept, or can be computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Written once, through the log.
    Fact,
    /// Made by the pipeline from facts; replaced, never edited.
    Derived,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name in SQL and its folder in the store.
    pub name: &'static str,
    /// Fact or derived.
    pub kind: TableKind,
    /// What one row is.
    pub row: &'static str,
    /// The columns that name a row.
    pub key: &'static [&'static str],
    /// The partition columns (`bucket`), empty for most.
    pub partition_by: &'static [&'static str],
    /// All columns, in order.
    pub columns: &'static [Column],
}

impl Table {
    /// The table called `name`, or `None`.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|table| table.name == name)
    }

    /// Every table, facts first.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        FACTS.iter().chain(DERIVED)
    }

    /// The column called `name`, or `None`.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Names of the columns that may carry statistics.
    pub fn statistics_columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter(|column| column.statistics).map(|column| column.name)
    }
}

/// Marks for the column constructors below: [`col`] is nullable, [`req`] is not; [`stat`] adds statistics.
const fn col(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, nullable: true, statistics: false, doc }
}

const fn req(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, nullable: false, statistics: false, doc }
}

const fn stat(column: Column) -> Column {
    Column { statistics: true, ..column }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_keys_exist() {
        let mut tables = BTreeSet::new();
        for table in Table::all() {
            assert!(tables.insert(table.name), "{} twice", table.name);
            let mut columns = BTreeSet::new();
            for column in table.columns {
                assert!(columns.insert(column.name), "{}.{} twice", table.name, column.name);
            }
            for name in table.key.iter().chain(table.partition_by) {
                assert!(table.column(name).is_some(), "{} has no column {name}", table.name);
            }
        }
    }

    /// *Erasure* in DESIGN: personal values never enter the Delta log.
    #[test]
    fn no_personal_column_carries_statistics() {
        const PERSONAL: &[&str] = &[
            "identifiers",
            "emails",
            "phones",
            "given_name",
            "family_name",
            "full_name",
            "birth_date",
            "street",
            "text",
            "value",
            "properties",
            "attributes",
            "raw",
            "detail",
            "location",
            "postcode",
            "city",
            "conversation_id",
            "reference",
        ];
        for table in Table::all() {
            for column in table.columns {
                assert!(!(column.statistics && PERSONAL.contains(&column.name)), "{}.{}", table.name, column.name);
            }
        }
    }
}
