//! A promoted column takes a wider type with the facts of a chunk: told as an alarm in that chunk, so that a crash cannot part them.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::datatypes::DataType;
use clew_lake::{FactBatch, Lake, data_type, join};

use crate::alarm::{Alarm, AlarmKind};
use crate::expect::OnFailure;
use crate::spec::PromotedType;

/// The rules of these alarms, and of no others, begin with it.
const RULE: &str = "widened_to_";

/// The promoted columns that `facts` make wider than they are in `lake`, or where they are new there, than `declared`.
pub fn alarms(lake: &Lake, facts: &[FactBatch], declared: &BTreeMap<String, PromotedType>) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for batch in facts.iter().filter(|batch| batch.rows.num_rows() > 0) {
        let known = lake.schema(batch.table);
        for (name, kind) in declared {
            let column = format!("p_{name}");
            let Some(given) = batch.rows.column_by_name(&column) else { continue };
            let before =
                known.as_ref().and_then(|known| known.field_with_name(&column).ok()).map(|field| field.data_type().clone());
            let before = before.unwrap_or_else(|| data_type(kind.column_type()));
            let after = join(&before, given.data_type());
            let is_told =
                alarms.iter().any(|alarm| alarm.target.as_deref() == Some(batch.table) && alarm.field.as_ref() == Some(&column));
            if word(&after) != word(&before) && !is_told {
                alarms.push(alarm(batch.table, name, (word(&before), word(&after)), (given.len() - given.null_count()) as u64));
            }
        }
    }
    alarms
}

fn alarm(table: &str, name: &str, (before, after): (&str, &str), n: u64) -> Alarm {
    Alarm {
        kind: AlarmKind::Drift,
        rule: format!("{RULE}{after}"),
        target: Some(table.to_owned()),
        field: Some(format!("p_{name}")),
        severity: OnFailure::Warn,
        n,
        share: None,
        before: None,
        after: None,
        detail: format!(
            "p_{name} was {before} and is {after} now, for the values that came in; older rows keep theirs, read as {after}"
        ),
        remedy: format!(
            "if it is meant, write `columns: {{{name}: {after}}}`, and see whether queries and metrics over p_{name} still say what they should; if \
             not, ask the source's owner"
        ),
    }
}

fn word(kind: &DataType) -> &'static str {
    let known = PromotedType::ALL.into_iter().find(|known| data_type(known.column_type()) == *kind);
    known.map_or("decimal", PromotedType::as_str)
}
