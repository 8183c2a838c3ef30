//! Who was touched since a step last ran: the people with new or late facts, and those whose mapping changed.
//!
//! The unit is the bucket: a person-local step replaces whole buckets, and recomputing everybody in a touched bucket gives
//! the same rows as recomputing everything. With most buckets touched, one full pass is cheaper than a filtered one.

use std::collections::BTreeSet;

use crate::columns::Columns;
use crate::run::{RunError, StepContext};
use crate::steps::identity::{BUCKETS, bucket};

/// The buckets to recompute.
#[derive(Debug)]
pub struct Touched {
    buckets: Option<Vec<i32>>,
}

impl Touched {
    /// The buckets, or `None` for all.
    pub fn buckets(&self) -> Option<&[i32]> {
        self.buckets.as_deref()
    }

    /// In words, for `runs`.
    pub fn describe(&self) -> String {
        self.buckets.as_ref().map_or_else(String::new, |buckets| format!("{} of {BUCKETS} buckets", buckets.len()))
    }
}

/// Above this share of buckets everything is recomputed.
const FULL_ABOVE: usize = BUCKETS as usize / 2;

/// The buckets of people touched by rows that came into `facts` since the step's last run, or whose mapping has changed.
pub async fn touched(context: &StepContext<'_>, facts: &[&str]) -> Result<Touched, RunError> {
    let all = Touched { buckets: None };
    let Some(since) = &context.since else { return Ok(all) };
    let session = context.lake.session();
    let mut buckets = BTreeSet::new();
    for table in facts {
        let Some(new) = context.lake.added_since(table, since.get(*table).copied().unwrap_or(-1)).await? else { return Ok(all) };
        let name = format!("new_{table}");
        session.register_table(&name, new)?;
        let sql = format!("SELECT DISTINCT s.bucket FROM {name} f JOIN subjects s ON f.subject = s.subject");
        for batch in session.sql(&sql).await?.collect().await? {
            buckets.extend(Columns(&batch).int("bucket")?.values().iter().map(|&bucket| bucket as i32));
        }
    }
    let Some(changes) = context.lake.added_since("person_changes", since.get("person_changes").copied().unwrap_or(-1)).await?
    else {
        return Ok(all);
    };
    session.register_table("new_person_changes", changes)?;
    for batch in session.sql("SELECT from_person_id, to_person_id FROM new_person_changes").await?.collect().await? {
        for column in ["from_person_id", "to_person_id"] {
            for person in Columns(&batch).text(column)?.iter().flatten() {
                buckets.insert(bucket(person.parse()?));
            }
        }
    }
    let few = buckets.len() <= FULL_ABOVE;
    Ok(Touched { buckets: few.then(|| buckets.into_iter().collect()) })
}
