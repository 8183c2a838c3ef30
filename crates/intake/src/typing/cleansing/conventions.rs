//! How a source writes its values, compiled: what cleansing goes by where a value itself does not tell.
//!
//! The source's word counts before the project's. Everything that the declaration can get wrong is told by
//! [`Conventions::of`], so that `clew check` and an import refuse the same mistakes in the same words.

use clew_cleanse::amount::DecimalMark;
use clew_cleanse::code::{Country, country};
use clew_cleanse::date::Order;
use clew_cleanse::local_time::{BusinessHours, LocalTime};
use clew_model::tables::Table;
use rustc_hash::FxHashSet;

use super::field::Kind;
use crate::nearest::nearest;
use crate::spec::{self, CleanseSpec, Defaults, NameOrder};

/// Minutes of a day.
const DAY_MIN: i64 = 1440;
/// What `off` calls all enrichment.
const DERIVED: &str = "derived";
/// When somebody serves where neither source nor project says so.
const USUAL_HOURS: (u16, u16) = (9 * 60, 17 * 60);

/// See the module.
#[derive(Clone, Debug)]
pub struct Conventions {
    /// Country of numbers, and of addresses without one.
    pub country: Option<Country>,
    /// Order of dates that are not written year first.
    pub order: Option<Order>,
    /// Decimal separator, if it is stated.
    pub mark: Option<DecimalMark>,
    /// Order of whole names.
    pub names: NameOrder,
    /// Fields that are stored as they come.
    off: FxHashSet<String>,
    /// Whether somebody serves, by minute of the week from Monday 00:00.
    open: Box<[bool]>,
}

impl Default for Conventions {
    fn default() -> Self {
        Self {
            country: None,
            order: None,
            mark: None,
            names: NameOrder::default(),
            off: FxHashSet::default(),
            open: week(USUAL_HOURS),
        }
    }
}

/// What is wrong with a declaration, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Conventions {
    /// The conventions of a source with this declaration, in a project with these defaults; every mistake at once.
    ///
    /// # Errors
    /// A country, an interval or a field that is none.
    pub fn of(spec: &CleanseSpec, defaults: &Defaults) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let country = spec.country.as_deref().or(defaults.country.as_deref()).and_then(|code| {
            let found = Country::from_code(code);
            if found.is_none() {
                mistakes.push(no_country(code));
            }
            found
        });
        let hours = spec.business_hours.as_deref().or(defaults.business_hours.as_deref());
        let hours = hours.map_or(USUAL_HOURS, |text| {
            interval(text).unwrap_or_else(|| {
                mistakes.push(Mistake {
                    message: format!("the business hours {text} are no interval of a day"),
                    remedy: "write two times of day, the earlier one first, such as 09:00-17:00".into(),
                });
                USUAL_HOURS
            })
        });
        for name in spec.off.iter().filter(|name| !is_cleansed(name)) {
            let hint = nearest(name, cleansed()).map_or(String::new(), |known| format!("; did you mean {known}?"));
            mistakes.push(Mistake {
                message: format!("nothing called {name} is cleansed"),
                remedy: format!("name a column of the table, identifier_<type> or {DERIVED}{hint}"),
            });
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            country,
            order: spec.date_order.map(|order| match order {
                spec::DateOrder::Dmy => Order::Dmy,
                spec::DateOrder::Mdy => Order::Mdy,
                spec::DateOrder::Ymd => Order::Ymd,
            }),
            mark: spec.decimal_mark.map(|mark| match mark {
                spec::DecimalMark::Point => DecimalMark::Point,
                spec::DecimalMark::Comma => DecimalMark::Comma,
            }),
            names: spec.names,
            off: spec.off.iter().cloned().collect(),
            open: week(hours),
        })
    }

    /// Whether `field` is stored as it comes.
    pub fn is_off(&self, field: &str) -> bool {
        !self.off.is_empty() && self.off.contains(field)
    }

    /// Whether facts get no enrichment.
    pub fn is_plain(&self) -> bool {
        self.is_off(DERIVED)
    }

    /// Whether somebody serves at this minute of the week, from Monday 00:00.
    pub fn is_open(&self, minute_of_week: usize) -> bool {
        self.open[minute_of_week]
    }
}

fn no_country(code: &str) -> Mistake {
    let meant = country(code).value.map_or_else(|| "DE".to_owned(), |found| found.to_string());
    Mistake { message: format!("{code} is no country"), remedy: format!("use the two capitals of ISO 3166-1, such as {meant}") }
}

/// `09:00-17:00` in minutes of the day.
fn interval(text: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let of_day = hour * 60 + minute;
        (hour <= 24 && minute < 60 && i64::from(of_day) <= DAY_MIN).then_some(of_day)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < to).then_some((from, to))
}

fn week((from, to): (u16, u16)) -> Box<[bool]> {
    let hours = BusinessHours::weekdays(from, to);
    // 1970-01-05 was a Monday.
    let monday_us = 4 * DAY_MIN * 60_000_000;
    let at = |minute: i64| LocalTime::new(monday_us + minute * 60_000_000, 0);
    (0..7 * DAY_MIN).map(|minute| at(minute).is_some_and(|at| hours.is_open(at))).collect()
}

/// Every name that `off` may have, but for the types of identifiers.
fn cleansed() -> impl Iterator<Item = &'static str> {
    let columns = ["events", "records", "responses"].into_iter().filter_map(Table::find).flat_map(|table| {
        let is_cleansed = |name: &str| Kind::of(table.name, name).is_some() || matches!(name, "amount" | "birth_date");
        table.columns.iter().map(|column| column.name).filter(move |name| is_cleansed(name))
    });
    columns.chain(std::iter::once(DERIVED))
}

fn is_cleansed(name: &str) -> bool {
    name.strip_prefix("identifier_").is_some_and(|kind| !kind.is_empty()) || cleansed().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(spec: &CleanseSpec) -> Vec<String> {
        let found = Conventions::of(spec, &Defaults::default()).err().unwrap_or_default();
        found.into_iter().map(|mistake| format!("{}; {}", mistake.message, mistake.remedy)).collect()
    }

    #[test]
    fn the_source_counts_before_the_project() {
        let defaults = Defaults { country: Some("IE".into()), business_hours: Some("08:00-20:00".into()), ..Defaults::default() };
        let own = CleanseSpec { country: Some("DE".into()), ..CleanseSpec::default() };
        let read = Conventions::of(&own, &defaults).unwrap();
        assert_eq!(read.country.map(|country| country.to_string()), Some("DE".into()));
        // Monday 07:59, 08:00 and 20:00, Saturday 12:00.
        let open = [7 * 60 + 59, 8 * 60, 20 * 60, 5 * 1440 + 720].map(|minute| read.is_open(minute));
        assert_eq!(open, [false, true, false, false]);
        let read = Conventions::of(&CleanseSpec::default(), &defaults).unwrap();
        assert_eq!(read.country.map(|country| country.to_string()), Some("IE".into()));
    }

    #[test]
    fn every_mistake_is_told_with_its_remedy() {
        let spec = CleanseSpec {
            country: Some("Germany".into()),
            business_hours: Some("17-9".into()),
            off: vec!["emials".into(), "identifier_phone".into(), "derived".into(), "city".into()],
            ..CleanseSpec::default()
        };
        assert_eq!(
            mistakes(&spec),
            [
                "Germany is no country; use the two capitals of ISO 3166-1, such as DE",
                "the business hours 17-9 are no interval of a day; write two times of day, the earlier one first, such as 09:00-17:00",
                "nothing called emials is cleansed; name a column of the table, identifier_<type> or derived; did you mean emails?",
            ]
        );
        assert_eq!(mistakes(&CleanseSpec::default()), [""; 0]);
    }
}
