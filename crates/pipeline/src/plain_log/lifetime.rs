//! `clew journey lifetime`: how often each customer will buy again, and for how much (BG/NBD, Gamma–Gamma).

use clew_journey::Duration;
use clew_stats::repeat_purchase::{BgNbd, GammaGamma, Purchases};
use serde::Serialize;

use super::table::{LogTable, NotANumber};

const DAY_US: i64 = 86_400_000_000;

/// What is asked. The value of a purchase is the first further column of the log, if it has one.
#[derive(Clone, Debug)]
pub struct LifetimeAsked {
    /// The activity that is a purchase.
    pub purchase: String,
    /// How far to look ahead.
    pub horizon: Duration,
    /// Customers that are told.
    pub top: usize,
}

/// What has no forecast.
#[derive(Debug, thiserror::Error)]
pub enum NoLifetime {
    /// An activity that nobody did.
    #[error("no event is called `{0}`")]
    NoSuchActivity(String),
    /// A value that is no number.
    #[error(transparent)]
    NotANumber(#[from] NotANumber),
    /// The model has no maximum.
    #[error("of {customers} customers {repeaters} bought on another day again: no model of repeat purchases fits them")]
    NoFit {
        /// Customers.
        customers: usize,
        /// Those who bought again.
        repeaters: usize,
    },
}

/// `clew journey lifetime`.
#[derive(Clone, Debug, Serialize)]
pub struct LifetimeReport {
    /// Customers with a purchase.
    pub customers: usize,
    /// Those who bought again, on another day.
    pub repeaters: usize,
    /// The model, time in days.
    pub bg_nbd: BgNbdRow,
    /// The model of spend; null without values.
    pub gamma_gamma: Option<GammaGammaRow>,
    /// How far the forecast looks.
    pub horizon_ms: i64,
    /// Purchases expected of all customers.
    pub expected_purchases: f64,
    /// Their expected value, not discounted; null without values.
    pub expected_value: Option<f64>,
    /// Customers that are expected to be active still.
    pub expected_active: f64,
    /// Those of most expected value, or purchases.
    pub top: Vec<CustomerRow>,
}

/// Parameters of BG/NBD.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BgNbdRow {
    /// Shape of the rates.
    pub r: f64,
    /// Their scale in days.
    pub alpha: f64,
    /// First shape of dropping out.
    pub a: f64,
    /// Second.
    pub b: f64,
    /// Log-likelihood.
    pub log_likelihood: f64,
}

/// Parameters of Gamma–Gamma.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GammaGammaRow {
    /// Shape of purchases.
    pub p: f64,
    /// Shape of means.
    pub q: f64,
    /// Their scale.
    pub v: f64,
}

/// A customer.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerRow {
    /// The case.
    pub case: String,
    /// Purchases so far, one a day.
    pub purchases: u64,
    /// Probability that they are active still.
    pub active: f64,
    /// Purchases expected within the horizon.
    pub expected_purchases: f64,
    /// Their expected value.
    pub expected_value: Option<f64>,
}

/// A customer's purchases: case, what the models need, and the mean value of repeats.
type Customer = (u32, Purchases, f64);

impl LogTable {
    /// The forecast. Purchases of one day are one.
    pub fn lifetime(&self, asked: &LifetimeAsked, case_name: &dyn Fn(u32) -> String) -> Result<LifetimeReport, NoLifetime> {
        let purchase = self.activity.code(&asked.purchase);
        let purchase = purchase.ok_or_else(|| NoLifetime::NoSuchActivity(asked.purchase.clone()))?;
        let value = self.more.first().map(super::table::Column::numbers).transpose()?;
        let customers = self.customers(purchase, value.as_deref());
        let repeaters = customers.iter().filter(|customer| customer.1.repeats > 0).count();
        let (model, log_likelihood) = BgNbd::fit(&customers.iter().map(|customer| customer.1).collect::<Vec<_>>())
            .ok_or(NoLifetime::NoFit { customers: customers.len(), repeaters })?;
        let spend: Vec<(u64, f64)> = customers.iter().map(|customer| (customer.1.repeats, customer.2)).collect();
        let spend = value.and_then(|_| GammaGamma::fit(&spend)).map(|fitted| fitted.0);
        let days = asked.horizon.micros() as f64 / DAY_US as f64;
        let mut rows: Vec<CustomerRow> = Vec::with_capacity(customers.len());
        for (case, purchases, mean) in &customers {
            let expected_purchases = model.expected_of(purchases, days);
            let each = spend.and_then(|spend| spend.expected(purchases.repeats, *mean));
            rows.push(CustomerRow {
                case: case_name(*case),
                purchases: purchases.repeats + 1,
                active: model.probability_active(purchases),
                expected_purchases,
                expected_value: each.map(|each| each * expected_purchases),
            });
        }
        let expected_value = rows.iter().map(|row| row.expected_value).sum::<Option<f64>>().filter(|_| spend.is_some());
        let (expected_purchases, expected_active) =
            rows.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.expected_purchases, sum.1 + row.active));
        let rank = |row: &CustomerRow| row.expected_value.unwrap_or(row.expected_purchases);
        rows.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.case.cmp(&b.case)));
        rows.truncate(asked.top);
        let BgNbd { r, alpha, a, b } = model;
        Ok(LifetimeReport {
            customers: customers.len(),
            repeaters,
            bg_nbd: BgNbdRow { r, alpha, a, b, log_likelihood },
            gamma_gamma: spend.map(|GammaGamma { p, q, v }| GammaGammaRow { p, q, v }),
            horizon_ms: asked.horizon.micros() / 1_000,
            expected_purchases,
            expected_value,
            expected_active,
            top: rows,
        })
    }

    fn customers(&self, purchase: u32, value: Option<&[f64]>) -> Vec<Customer> {
        let traces = self.traces();
        let end = self.observed_until_us.div_euclid(DAY_US);
        let mut customers = Vec::new();
        for (case, rows) in traces.numbered() {
            let bought: Vec<usize> = rows.filter(|at| traces.code[*at] == purchase).collect();
            let day = |at: usize| traces.time_us[at].div_euclid(DAY_US);
            let (Some(&first), Some(&last)) = (bought.first(), bought.last()) else { continue };
            let repeats = bought.chunk_by(|a, b| day(*a) == day(*b)).count() as u64 - 1;
            let of_repeats = bought.iter().filter(|at| day(**at) > day(first));
            let spent: f64 = value.map_or(0.0, |value| of_repeats.map(|at| value[*at]).sum());
            let purchases = Purchases { repeats, recency: (day(last) - day(first)) as f64, age: (end - day(first)) as f64 };
            customers.push((case, purchases, spent / repeats.max(1) as f64));
        }
        customers
    }
}
