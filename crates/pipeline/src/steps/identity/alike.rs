//! Which records of the lake are alike: the newest version of each goes through `clew_identity::matching`, a population at a time.
//!
//! Compared is what the rules do not look at: names, birth date, phone, address, organisation. E-mail addresses stay out, though the records
//! have them: equal ones are the rules' evidence already, and mailboxes are made of names, so that likeness of both would count one thing twice
//! (in the demo company 7 of 979 likenesses were wrong without them, 2,218 of 3,132 with them). A record takes part that has a name and at least
//! one thing beside it. Below [`FEWEST`] records nothing is compared: a model that is fitted to fewer says nothing.

use arrow::array::{Array, StringArray};
use clew_identity::Likeness;
use clew_identity::matching::{Encoded, Kind, Matching, Options, encode, level, match_records};
use clew_identity::rules::Matching as Sure;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::FxHashMap;
use serde_json::json;

use crate::columns::Columns;
use crate::matching::answer::match_weight;
use crate::run::RunError;

/// Records of a population from which on they are compared.
const FEWEST: usize = 200;

/// What is compared, by its column in the query.
const COMPARED: [(&str, Kind); 9] = [
    ("given_name", Kind::GivenName),
    ("family_name", Kind::FamilyName),
    ("full_name", Kind::FullName),
    ("birth_date", Kind::Date),
    ("phone", Kind::Phone),
    ("street", Kind::Street),
    ("postcode", Kind::Postcode),
    ("city", Kind::City),
    ("organisation", Kind::Organisation),
];

/// Records with a name and something beside it, each once. A whole name counts where its parts are not known.
const RECORDS: &str = "SELECT subject, population, min(given_name) AS given_name, min(family_name) AS family_name, min(full_name) AS full_name, \
    min(birth_date) AS birth_date, min(phone) AS phone, min(street) AS street, min(postcode) AS postcode, min(city) AS city, \
    min(organisation) AS organisation FROM (SELECT subject, population, given_name, family_name, \
    CASE WHEN given_name IS NULL AND family_name IS NULL THEN full_name END AS full_name, CAST(birth_date AS VARCHAR) AS birth_date, \
    phones[1] AS phone, street, postcode, city, organisation FROM records_current WHERE subject IS NOT NULL AND kind = 'person' \
    AND coalesce(family_name, full_name) IS NOT NULL AND coalesce(CAST(birth_date AS VARCHAR), phones[1], street) IS NOT NULL) \
    GROUP BY subject, population ORDER BY population, subject";

/// What was found.
#[derive(Debug, Default)]
pub struct Alike {
    /// Pairs at or above the probability from which on people are asked.
    pub pairs: Vec<Likeness>,
    /// By pair, the lower subject first: what was compared with which weight, as JSON.
    pub levels: FxHashMap<(i64, i64), String>,
    /// Records that took part.
    pub records: usize,
}

/// Records of one population.
#[derive(Default)]
struct Records {
    population: String,
    subjects: Vec<i64>,
    values: [Vec<Option<String>>; COMPARED.len()],
}

/// The records that are alike; `sure` says how much.
pub async fn find(session: &SessionContext, sure: &Sure) -> Result<Alike, RunError> {
    let mut alike = Alike::default();
    let mut records = Records::default();
    let mut stream = session.sql(RECORDS).await?.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        let columns = Columns(&batch);
        let (subject, population) = (columns.int("subject")?, columns.text("population")?);
        let texts: Vec<StringArray> = COMPARED.iter().map(|(name, _)| columns.text(name)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            if population.value(row) != records.population {
                compare(&std::mem::take(&mut records), sure, &mut alike);
                population.value(row).clone_into(&mut records.population);
            }
            records.subjects.push(subject.value(row));
            for (values, text) in records.values.iter_mut().zip(&texts) {
                values.push(text.is_valid(row).then(|| text.value(row).to_owned()));
            }
        }
    }
    compare(&records, sure, &mut alike);
    Ok(alike)
}

/// Compares the records of one population.
fn compare(records: &Records, sure: &Sure, alike: &mut Alike) {
    if records.subjects.len() < FEWEST {
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let names: Vec<(String, Option<Kind>)> = COMPARED.iter().map(|(name, kind)| ((*name).to_owned(), Some(*kind))).collect();
    let encoded = encode(&names, threads, |place| records.values[place].iter().map(Option::as_deref));
    let columns = encoded.into_iter().filter_map(|one| match one {
        Encoded::Column(column) => Some(column),
        Encoded::Nothing(_) => None,
    });
    let options = Options { threads, threshold: sure.threshold, ..Options::default() };
    // Records that nothing tells apart are no evidence, and no mistake either.
    let Ok(matching) = match_records(columns.collect(), &options, &mut |_| {}) else { return };
    alike.records += records.subjects.len();
    let weights = matching.model.as_ref().map(clew_identity::matching::Model::weights).unwrap_or_default();
    for pair in &matching.pairs {
        let probability = matching.probabilities[pair.pattern as usize];
        if probability < sure.review {
            continue;
        }
        let (x, y) = (records.subjects[pair.a as usize], records.subjects[pair.b as usize]);
        let (a, b) = (x.min(y), x.max(y));
        let joins = probability >= sure.threshold && matching.clusters[pair.a as usize] == matching.clusters[pair.b as usize];
        alike.pairs.push(Likeness { a, b, probability, match_weight: match_weight(probability), joins });
        alike.levels.insert((a, b), levels(&matching, &weights, matching.patterns[pair.pattern as usize]));
    }
}

/// What a pattern says, comparison by comparison.
fn levels(matching: &Matching, weights: &[Vec<f64>], pattern: u128) -> String {
    let compared = matching.comparisons.iter().enumerate().map(|(place, comparison)| {
        let found = usize::from(level(pattern, place));
        json!({
            "comparison": comparison.name,
            "level": comparison.labels.get(found),
            "match_weight": weights.get(place).and_then(|weights| weights.get(found)),
        })
    });
    serde_json::Value::Array(compared.collect()).to_string()
}
