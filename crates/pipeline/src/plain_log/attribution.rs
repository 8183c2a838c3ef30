//! `clew journey attribution`: how the credit for conversions is shared.

use clew_journey::Duration;
use clew_journey::attribution::{AttributionQuestion, Credit, Model, attribute, touch_paths};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::table::{LogTable, NotANumber};

/// What is asked. Places of columns are those of the further columns of the log.
#[derive(Clone, Debug)]
pub struct AttributionAsked {
    /// The activity that is a conversion.
    pub conversion: String,
    /// Column of the touch; none: the activity.
    pub touch: Option<usize>,
    /// Column of the value of a conversion.
    pub value: Option<usize>,
    /// Touches longer before have no share.
    pub lookback: Option<Duration>,
}

/// What cannot be attributed.
#[derive(Debug, thiserror::Error)]
pub enum NoAttribution {
    /// Nobody converted.
    #[error("no event is called `{0}`")]
    NoSuchActivity(String),
    /// A value that is no number.
    #[error(transparent)]
    NotANumber(#[from] NotANumber),
}

/// `clew journey attribution`.
#[derive(Clone, Debug, Serialize)]
pub struct AttributionReport {
    /// The conversion.
    pub conversion: String,
    /// Conversions with touches before them.
    pub attributed: u64,
    /// Their value; null without a column of values.
    pub value: Option<f64>,
    /// Conversions without a touch before them, whose credit nobody has.
    pub direct: u64,
    /// Paths of touches that did not convert.
    pub nulls: u64,
    /// Touches, those of most credit in the Markov chain first.
    pub touches: Vec<TouchRow>,
}

/// A touch.
#[derive(Clone, Debug, Serialize)]
pub struct TouchRow {
    /// Its name.
    pub touch: String,
    /// Conversions by model: `first`, `last`, `linear`, `position`, `shapley`, `markov`. `markov` is null where there are more
    /// touches than the chain takes.
    pub conversions: Map<String, Value>,
    /// Value by model; null without a column of values.
    pub value: Option<Map<String, Value>>,
    /// Share of conversions that would be lost without it, by the Markov chain.
    pub removal_effect: Option<f64>,
}

impl LogTable {
    /// Shares the credit.
    pub fn attribution(&self, asked: &AttributionAsked) -> Result<AttributionReport, NoAttribution> {
        let conversion = self.activity.code(&asked.conversion);
        let conversion = conversion.ok_or_else(|| NoAttribution::NoSuchActivity(asked.conversion.clone()))?;
        let touch = asked.touch.map_or(&self.activity, |place| &self.more[place]);
        let value = asked.value.map(|place| self.more[place].numbers()).transpose()?.unwrap_or_default();
        let lookback_us = asked.lookback.map(Duration::micros);
        let question = AttributionQuestion { conversion, touch: &touch.codes, value: &value, lookback_us };
        let found = attribute(&touch_paths(&self.traces(), &question), touch.texts.len() as u32);
        let valued = asked.value.is_some();
        let row = |(touch, (name, credits)): (usize, (&String, &[Credit; 6]))| {
            let effect = found.removal_effects.get(touch).copied();
            let by_model = |of: fn(&Credit) -> f64| {
                let credit = |model: Model| match (model, effect) {
                    (Model::Markov, None) => Value::Null,
                    _ => json!(of(&credits[model as usize])),
                };
                Model::ALL.iter().map(|model| (model.as_str().to_owned(), credit(*model))).collect()
            };
            TouchRow {
                touch: name.clone(),
                conversions: by_model(|credit| credit.conversions),
                value: valued.then(|| by_model(|credit| credit.value)),
                removal_effect: effect,
            }
        };
        let mut touches: Vec<TouchRow> = touch.texts.iter().zip(&found.credits).enumerate().map(row).collect();
        let credit = |row: &TouchRow, model: &str| row.conversions.get(model).and_then(Value::as_f64).unwrap_or(0.0);
        // The conversion itself is no touch.
        touches.retain(|row| credit(row, "linear") > 0.0 || row.removal_effect.is_some_and(|effect| effect > 0.0));
        touches.sort_by(|a, b| {
            let by = |model| credit(b, model).total_cmp(&credit(a, model));
            by("markov").then_with(|| by("linear")).then_with(|| a.touch.cmp(&b.touch))
        });
        Ok(AttributionReport {
            conversion: asked.conversion.clone(),
            attributed: found.attributed.conversions as u64,
            value: valued.then_some(found.attributed.value),
            direct: found.direct.conversions as u64,
            nulls: found.nulls,
            touches,
        })
    }
}
