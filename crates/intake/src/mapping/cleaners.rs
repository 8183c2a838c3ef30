//! The cleaners as SQL functions: for values that a mapping decides by, and for questions.
//!
//! Every fact passes through the same cleaners when it is typed, so a mapping need not call them for what it stores. What is no value of
//! its kind is null. A country is a code or name; where none is known it is null, and a value that says its country itself needs none.
//!
//! | function | gives |
//! |---|---|
//! | `clean_text(text)` | without control characters, in Unicode NFKC, white space trimmed and collapsed; null when nothing is left |
//! | `clean_email(text)` | the address |
//! | `email_mailbox(text)` | one key for all aliases of its mailbox |
//! | `email_organisation(text)` | the domain of the organisation behind it; null for private mailboxes |
//! | `email_flags(text)` | what is to be said of it, joined by blanks: role_address, invalid_email … |
//! | `clean_phone(text, country)` | the number in E.164 |
//! | `phone_country(text, country)`, `phone_line(text, country)` | its country; its type of line |
//! | `clean_name(text)`, `clean_given_name(text)`, `clean_family_name(text)` | a whole name as given, middle, family; one part of a name |
//! | `clean_date(text, order)` | the day of a date in the order `dmy`, `mdy` or `ymd`, as text |
//! | `clean_street(text, country)`, `clean_city(text, country)`, `clean_postcode(text, country)` | parts of an address |
//! | `postcode_region(text, country)` | the region of a postcode: the letters behind the hyphen of ISO 3166-2 |
//! | `country_code(text)`, `language_code(text)`, `currency_code(text)` | ISO 3166-1, 639-1 and 4217 of a code, name or sign |
//! | `clean_amount(text, mark)` | an amount as plain text, decimals behind a point; `mark` is the source's own, `.` or `,` |
//! | `clean_boolean(text)` | true or false in any usual spelling |
//! | `device_class(text)`, `device_os(text)`, `device_browser(text)` | what a user agent tells |
//! | `campaign(text, part)` | of a page address: source, medium, campaign, term, content, id, or the network of a click |
//! | `referrer_class(text)` | direct, search, social, email, assistant or other |

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use clew_cleanse::amount::DecimalMark;
use clew_cleanse::code::{self, Country};
use clew_cleanse::date::{self, Order};
use clew_cleanse::person_name::{self, Layout};
use clew_cleanse::{address, amount, choice, device, email, phone, postcode, region, text, visit};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::functions::{Body, each, make};
use crate::typing::cleansing::conventions::Conventions;
use crate::typing::cleansing::field::{self, Kind, Place, Value};

/// Functions know no source.
static USUAL: LazyLock<Conventions> = LazyLock::new(Conventions::default);

/// The functions.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let of_text: [(&str, Body); 15] = [
        ("clean_text", |arrays| each(arrays, |text, _, out| put(text::clean(text).value, out))),
        ("clean_email", |arrays| {
            each(arrays, |text, _, out| put(email::clean(text).value.as_ref().map(email::Email::as_str), out))
        }),
        ("email_mailbox", |arrays| {
            each(arrays, |text, _, out| put(email::clean(text).value.as_ref().map(email::Email::mailbox), out))
        }),
        ("email_organisation", |arrays| {
            each(arrays, |text, _, out| put(email::clean(text).value.as_ref().and_then(email::organisation_domain), out))
        }),
        ("email_flags", |arrays| {
            each(arrays, |text, _, out| put(Some(email::clean(text).flags.codes().collect::<Vec<_>>().join(" ")), out))
        }),
        ("clean_name", |arrays| each(arrays, |text, _, out| kept(Kind::FullName, text, None, out))),
        ("clean_given_name", |arrays| each(arrays, |text, _, out| part(text, Layout::Given, out))),
        ("clean_family_name", |arrays| each(arrays, |text, _, out| part(text, Layout::Family, out))),
        ("country_code", |arrays| each(arrays, |text, _, out| put(code::country(text).value.as_ref().map(Country::as_str), out))),
        ("language_code", |arrays| {
            each(arrays, |text, _, out| put(code::language(text).value.as_ref().map(code::Language::as_str), out))
        }),
        ("currency_code", |arrays| {
            each(arrays, |text, _, out| put(code::currency(text).value.as_ref().map(code::Currency::as_str), out))
        }),
        ("device_class", |arrays| each(arrays, |text, _, out| put(Some(device::of_user_agent(text).class.code()), out))),
        ("device_os", |arrays| each(arrays, |text, _, out| put(device::of_user_agent(text).os, out))),
        ("device_browser", |arrays| each(arrays, |text, _, out| put(device::of_user_agent(text).browser, out))),
        ("referrer_class", |arrays| each(arrays, |text, _, out| put(Some(visit::referrer(text, &[]).code()), out))),
    ];
    let of_two: [(&str, Body); 10] = [
        ("clean_phone", |arrays| {
            each(arrays, |text, country, out| put(number(text, country).as_ref().map(phone::Phone::as_str), out))
        }),
        ("phone_country", |arrays| {
            let country = |number: phone::Phone| number.country.map(|country| country.to_string());
            each(arrays, |text, stated, out| put(number(text, stated).and_then(country), out))
        }),
        ("phone_line", |arrays| {
            each(arrays, |text, country, out| put(number(text, country).map(|number| number.line_type.code()), out))
        }),
        ("clean_date", |arrays| each(arrays, |text, order, out| put(day(text, order), out))),
        ("clean_street", |arrays| each(arrays, |text, country, out| kept(Kind::Street, text, country, out))),
        ("clean_city", |arrays| each(arrays, |text, country, out| put(town(text, country), out))),
        ("clean_postcode", |arrays| each(arrays, |text, country, out| kept(Kind::Postcode, text, country, out))),
        ("postcode_region", |arrays| each(arrays, |text, country, out| put(region_of(text, country), out))),
        ("clean_amount", |arrays| {
            each(arrays, |text, mark, out| {
                let mark = if mark == Some(",") { DecimalMark::Comma } else { DecimalMark::Point };
                put(amount::clean(text, mark).value.map(amount::Amount::to_plain_string), out)
            })
        }),
        ("campaign", |arrays| each(arrays, |text, part, out| put(part_of_campaign(text, part.unwrap_or("campaign")), out))),
    ];
    let text = DataType::Utf8;
    let one = of_text.into_iter().map(|(name, body)| make(name, vec![text.clone()], text.clone(), body));
    let two = of_two.into_iter().map(|(name, body)| make(name, vec![text.clone(), text.clone()], text.clone(), body));
    let truth = make("clean_boolean", vec![text.clone()], DataType::Boolean, boolean);
    one.chain(two).chain([truth]).collect()
}

fn put(value: Option<impl AsRef<str>>, out: &mut String) -> bool {
    value.inspect(|value| out.push_str(value.as_ref())).is_some()
}

fn country_of(text: Option<&str>) -> Option<Country> {
    code::country(text?).value
}

/// What typing would store.
fn kept(kind: Kind, text: &str, country: Option<&str>, out: &mut String) -> bool {
    let country = country_of(country);
    let read = field::read(kind, text, Place { country, is_stated: country.is_some() }, &USUAL);
    match read.value {
        Value::Same => put(Some(text), out),
        Value::Other(value) => put(Some(value), out),
        Value::Nothing => false,
    }
}

fn part(text: &str, layout: Layout, out: &mut String) -> bool {
    let name = person_name::clean(text, layout).value.unwrap_or_default();
    put(name.given.or(name.family), out)
}

fn number(text: &str, country: Option<&str>) -> Option<phone::Phone> {
    phone::clean(text, country_of(country)).value
}

fn day(text: &str, order: Option<&str>) -> Option<String> {
    let order = match order?.to_ascii_lowercase().as_str() {
        "dmy" => Order::Dmy,
        "mdy" => Order::Mdy,
        "ymd" => Order::Ymd,
        _ => return None,
    };
    date::clean(text, &date::Options::new(order)).value.map(|day| day.to_string())
}

fn town(text: &str, country: Option<&str>) -> Option<String> {
    address::clean_city(text, country_of(country)).value.map(|town| town.name.into_owned())
}

fn region_of(text: &str, country: Option<&str>) -> Option<&'static str> {
    let country = country_of(country)?;
    region::of_postcode(country, &postcode::clean(text, Some(country)).value?.code)
}

fn part_of_campaign(url: &str, part: &str) -> Option<String> {
    let found = visit::campaign(url);
    let value = match part {
        "source" => found.source,
        "medium" => found.medium,
        "campaign" => found.campaign,
        "term" => found.term,
        "content" => found.content,
        "id" => found.id,
        "click" => found.click.map(|(network, _)| network.into()),
        _ => None,
    };
    value.map(std::borrow::Cow::into_owned)
}

fn boolean(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let text = cast(&arrays[0], &DataType::Utf8)?;
    let read = text.as_string::<i32>().iter().map(|text| choice::boolean(text?).value);
    Ok(Arc::new(read.collect::<BooleanArray>()))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Every function of this module through SQL, as a mapping or psql calls it.
    #[tokio::test]
    async fn cleaners_answer_in_sql() {
        let session = SessionContext::new();
        for function in functions() {
            session.register_udf(ScalarUDF::clone(&function));
        }
        let agent =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
        let url = "https://a.example/?utm_source=news&utm_campaign=May&gclid=1";
        let cases = [
            ("clean_text('  a  b ')".to_owned(), Some("a b")),
            ("clean_text(' ')".to_owned(), None),
            ("clean_email('Ann@Acme.COM')".to_owned(), Some("ann@acme.com")),
            ("clean_email('nobody')".to_owned(), None),
            ("email_mailbox('ann.lee+x@gmail.com')".to_owned(), Some("annlee@gmail.com")),
            ("email_organisation('ann@acme.com')".to_owned(), Some("acme.com")),
            ("email_organisation('ann@gmail.com')".to_owned(), None),
            ("email_flags('info@acme.com')".to_owned(), Some("role_address")),
            ("clean_name('LEE, ANN')".to_owned(), Some("Ann Lee")),
            ("clean_given_name('dr. ann')".to_owned(), Some("Ann")),
            ("clean_family_name('test')".to_owned(), None),
            ("country_code('Deutschland')".to_owned(), Some("DE")),
            ("language_code('pt-BR')".to_owned(), Some("pt")),
            ("currency_code('€')".to_owned(), Some("EUR")),
            (format!("device_class('{agent}')"), Some("desktop")),
            (format!("device_os('{agent}')"), Some("Windows")),
            (format!("device_browser('{agent}')"), Some("Chrome")),
            ("referrer_class('https://www.google.de/')".to_owned(), Some("search")),
            ("clean_phone('030 901820', 'Germany')".to_owned(), Some("+4930901820")),
            ("clean_phone('030 901820', NULL)".to_owned(), None),
            ("phone_country('+4930901820', NULL)".to_owned(), Some("DE")),
            ("phone_line('+4915112345678', NULL)".to_owned(), Some("mobile")),
            ("clean_date('31.12.2026', 'dmy')".to_owned(), Some("2026-12-31")),
            ("clean_date('31.02.2026', 'dmy')".to_owned(), None),
            ("clean_street('Hauptstr. 5', 'DE')".to_owned(), Some("Hauptstraße 5")),
            ("clean_city('10115 BERLIN', 'DE')".to_owned(), Some("Berlin")),
            ("clean_postcode('d-10115', 'DE')".to_owned(), Some("10115")),
            ("clean_postcode('ABC', 'DE')".to_owned(), None),
            ("postcode_region('10115', 'DE')".to_owned(), Some("BE")),
            ("clean_amount('1.234,50', ',')".to_owned(), Some("1234.5")),
            (format!("campaign('{url}', 'source')"), Some("news")),
            (format!("campaign('{url}', 'click')"), Some("google_ads")),
            (format!("campaign('{url}', 'term')"), None),
            ("CAST(clean_boolean('nein') AS VARCHAR)".to_owned(), Some("false")),
        ];
        for (call, expected) in cases {
            let batches = session.sql(&format!("SELECT {call} AS v")).await.unwrap().collect().await.unwrap();
            let column = cast(batches[0].column(0), &DataType::Utf8).unwrap();
            let found = column.as_string::<i32>().iter().next().unwrap();
            assert_eq!(found, expected, "{call}");
        }
    }
}
