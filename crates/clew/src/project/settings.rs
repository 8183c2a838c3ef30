//! `clew.yaml`: what holds for the whole project.
//!
//! Only what several parts need stands here; what concerns one source, one metric or the identifiers is in their own
//! files. Text that has an inner form (a time zone, a duration, an address) is kept as written and checked by
//! [`Settings::findings`], so that the message can name the key's line.

use std::time::Duration;

use clew_intake::spec::interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::nearest;

/// Where the store lies when the project does not say.
const STORE: &str = ".clew";
/// How often `clew serve` looks for something new when the project does not say.
const SCHEDULE: &str = "15m";
/// Loopback: who wants the cockpit on the network says so.
const LISTEN: &str = "127.0.0.1:7878";

/// The content of `clew.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the company, as the cockpit shows it.
    pub company: String,
    /// IANA time zone such as Europe/Berlin: days, weeks and months are cut in it, and times without a zone are read in
    /// it unless their source names another. Left out: periods are in UTC, and a time without a zone is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// ISO 4217 code of the currency in which sums are shown, such as EUR. Left out: sums per currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// ISO 639-1 code of the language of texts whose language cannot be told, such as pt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// ISO 3166-1 code of the country of phone numbers and addresses that name none, such as DE. A source may name another under
    /// `cleanse:`. Left out: a number without country code is kept as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// When somebody serves, Monday to Friday at the customer's place, such as 08:00-20:00. Default 09:00-17:00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_hours: Option<String>,
    /// Events whose amounts make up a person's value, such as order_placed. Left out: all events with an amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value_events: Vec<String>,
    /// Folder of the store, relative to the project. Default .clew.
    #[serde(default = "store")]
    pub store: String,
    /// How often `clew serve` runs the pipeline when something is new, and asks buckets and databases: a duration such as 15m or 1h, or never: the pipeline
    /// runs and files, buckets and databases are read only when asked, while streams and what is sent over HTTP come in all the same. Default 15m.
    #[serde(default = "schedule")]
    pub schedule: String,
    /// Address on which `clew serve` listens. Default 127.0.0.1:7878.
    #[serde(default = "listen")]
    pub listen: String,
    /// Names by which browsers and senders may reach the server beside `localhost` and addresses, such as that of a proxy in front of it: a
    /// request to any other name is refused, so that a page elsewhere cannot make a browser ask on its behalf (DNS rebinding).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The number from which everything random starts (bootstrap, clustering): the same seed gives the same figures. Default 1.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Limits of the engine.
    #[serde(default)]
    pub engine: Engine,
}

/// Limits of the engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Memory for queries and the pipeline, in MiB; what does not fit spills to disk. Default 1024.
    #[schemars(range(min = 64))]
    pub memory_mb: Option<u32>,
    /// Threads. Default: one per processor.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u32>,
}

fn store() -> String {
    STORE.into()
}

fn schedule() -> String {
    SCHEDULE.into()
}

fn listen() -> String {
    LISTEN.into()
}

const fn seed() -> u64 {
    1
}

impl Settings {
    /// The zone of calendar periods.
    pub fn timezone(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    /// The interval of the schedule; none for `never` and for what [`Settings::findings`] reports.
    pub fn schedule(&self) -> Option<Duration> {
        interval(&self.schedule).ok().flatten()
    }

    /// What a schema cannot see: (JSON pointer, message, remedy).
    pub fn findings(&self) -> Vec<(&'static str, String, String)> {
        let mut found = Vec::new();
        if self.company.trim().is_empty() {
            found.push(("/company", "the company has no name".into(), "write the name that the cockpit shall show".into()));
        }
        if let Some(timezone) = &self.timezone
            && let Err(remedy) = known_timezone(timezone)
        {
            found.push(("/timezone", format!("'{timezone}' is no time zone"), remedy));
        }
        if let Some(currency) = &self.currency
            && !(currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()))
        {
            found.push((
                "/currency",
                format!("'{currency}' is no currency code"),
                "use the three capitals of ISO 4217, such as EUR".into(),
            ));
        }
        if let Some(language) = &self.language
            && !(language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase()))
        {
            found.push((
                "/language",
                format!("'{language}' is no language code"),
                "use the two letters of ISO 639-1, such as en".into(),
            ));
        }
        if let Some(country) = &self.country
            && !(country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()))
        {
            found.push((
                "/country",
                format!("'{country}' is no country code"),
                "use the two capitals of ISO 3166-1, such as DE".into(),
            ));
        }
        if self.store.trim().is_empty() {
            found.push((
                "/store",
                "the store has no folder".into(),
                format!("name one, or remove the key: {STORE} is the default"),
            ));
        }
        if let Err(remedy) = interval(&self.schedule) {
            found.push(("/schedule", format!("'{}' is no interval", self.schedule), remedy));
        }
        if let Some(host) = self.hosts.iter().find(|host| host.is_empty() || host.contains(['/', ':', ' '])) {
            let remedy = "write the name alone, such as cx.example.org: no https:// and no port".into();
            found.push(("/hosts", format!("'{host}' is no name of a host"), remedy));
        }
        if self.listen.parse::<std::net::SocketAddr>().is_err() {
            found.push((
                "/listen",
                format!("'{}' is no address", self.listen),
                format!("write address and port, such as {LISTEN} or 0.0.0.0:80"),
            ));
        }
        found
    }
}

/// Whether `name` is in the time zone database; the error is the remedy.
pub fn known_timezone(name: &str) -> Result<(), String> {
    if jiff::tz::TimeZone::get(name).is_ok() {
        return Ok(());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "use an IANA name such as Europe/Berlin, America/Sao_Paulo or UTC".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_name_is_enough() {
        let settings = settings(r#"{"company": "Olist"}"#);
        assert!(settings.findings().is_empty());
        assert_eq!((settings.timezone.as_deref(), settings.store.as_str(), settings.seed), (None, ".clew", 1));
        assert_eq!(settings.schedule(), Some(Duration::from_mins(15)));
    }

    #[test]
    fn text_with_an_inner_form_is_checked() {
        let settings = settings(
            r#"{"company": " ", "timezone": "America/Sao_Paolo", "currency": "reais", "language": "por", "country": "Brasil", "store": "", "schedule": "15", "listen": "7878", "hosts": ["cx.example.org", "https://cx.example.org"]}"#,
        );
        let pointers: Vec<&str> = settings.findings().iter().map(|(pointer, ..)| *pointer).collect();
        assert_eq!(
            pointers,
            ["/company", "/timezone", "/currency", "/language", "/country", "/store", "/schedule", "/hosts", "/listen"]
        );
        assert_eq!(settings.findings()[1].2, "did you mean 'America/Sao_Paulo'?");
    }

    #[test]
    fn a_schedule_is_a_duration_or_never() {
        assert_eq!(interval("1h 30m"), Ok(Some(Duration::from_mins(90))));
        assert_eq!(interval("never"), Ok(None));
        assert!(interval("0s").is_err() && interval("-5m").is_err());
    }
}
