//! What an event tells beyond its values: the device behind a user agent, campaign and referrer of a page, the hour on the clock of the
//! place.
//!
//! Every event passes here, so nothing is computed twice: user agents, queries and referring hosts are remembered, and weekday, hour
//! and business hours are one of 336 texts that are written in advance.

use clew_cleanse::device;
use clew_cleanse::visit::{self, Campaign};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use super::conventions::Conventions;
use super::memo::Memo;
use crate::typing::json;

const MINUTE_US: i64 = 60_000_000;
const DAY_MIN: i64 = 1440;
const WEEK_MIN: i64 = 7 * DAY_MIN;
/// Days of which the offset of a zone is remembered: eleven years.
const MOST_DAYS: usize = 4_096;

/// Campaign parameters that a sender states itself, in the order of `context.campaign`: source, medium, name, term, content.
pub type Stated<'a> = [Option<&'a str>; 5];

/// Remembered devices, campaigns and referrers, as entries of `derived`.
#[derive(Default)]
pub struct Visits {
    devices: Memo<Box<str>>,
    campaigns: Memo<Box<str>>,
    referrers: Memo<Box<str>>,
    key: String,
}

impl Visits {
    /// Appends what a user agent tells to an object that lacks its closing brace.
    pub fn device(&mut self, user_agent: &str, object: &mut Vec<u8>) {
        let entries = self.devices.get(user_agent, || {
            let device = device::of_user_agent(user_agent);
            let mut entries = String::new();
            json::entry(&mut entries, "device_class", device.class.code());
            if let Some(os) = device.os {
                json::entry(&mut entries, "os", os);
            }
            if let Some(browser) = device.browser {
                json::entry(&mut entries, "browser", browser);
            }
            if let Some(version) = device.browser_version {
                json::entry(&mut entries, "browser_version", &version.to_string());
            }
            entries.into_boxed_str()
        });
        json::join(object, entries.as_bytes());
    }

    /// Appends the campaign of a page address: of its query only, which most addresses lack.
    pub fn campaign(&mut self, url: &str, object: &mut Vec<u8>) {
        let Some(at) = memchr::memchr(b'?', url.as_bytes()) else { return };
        let entries = self.campaigns.get(&url[at..], || campaign_entries(&visit::campaign(&url[at..])));
        json::join(object, entries.as_bytes());
    }

    /// Appends a campaign that the sender states.
    pub fn stated_campaign(stated: &Stated, object: &mut Vec<u8>) {
        let [source, medium, campaign, term, content] = stated.map(|value| value.map(Into::into));
        let stated = Campaign { source, medium, campaign, term, content, ..Campaign::default() };
        json::join(object, campaign_entries(&stated).as_bytes());
    }

    /// Appends the class of the page that led to `url`. What follows the host does not matter.
    pub fn referrer(&mut self, referrer: &str, url: Option<&str>, object: &mut Vec<u8>) {
        let own = url.map_or("", host);
        self.key.clear();
        self.key.push_str(origin(referrer));
        self.key.push(' ');
        self.key.push_str(own);
        let entries = self.referrers.get(&self.key, || {
            let own_hosts = if own.is_empty() { &[][..] } else { &[own][..] };
            let mut entries = String::new();
            json::entry(&mut entries, "referrer_class", visit::referrer(referrer, own_hosts).code());
            entries.into_boxed_str()
        });
        json::join(object, entries.as_bytes());
    }
}

fn campaign_entries(campaign: &Campaign) -> Box<str> {
    let mut entries = String::new();
    for (key, value) in [
        ("campaign_source", &campaign.source),
        ("campaign_medium", &campaign.medium),
        ("campaign", &campaign.campaign),
        ("campaign_term", &campaign.term),
        ("campaign_content", &campaign.content),
        ("campaign_id", &campaign.id),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            json::entry(&mut entries, key, value);
        }
    }
    // The click itself is one of a kind and stays in the address; the network that made it is worth a slice.
    if let Some((network, _)) = campaign.click {
        json::entry(&mut entries, "click_network", network);
    }
    entries.into_boxed_str()
}

/// Scheme and host of an address.
fn origin(url: &str) -> &str {
    let Some(at) = url.find("://") else { return url };
    let end = url[at + 3..].find(['/', '?', '#']).map_or(url.len(), |end| at + 3 + end);
    &url[..end]
}

fn host(url: &str) -> &str {
    let origin = origin(url);
    origin.split_once("://").map_or("", |(_, host)| host.split(':').next().unwrap_or_default())
}

/// Weekday, hour and business hours as entries of `derived`, by hour of the week and whether somebody serves.
pub struct Clock(Vec<Box<[u8]>>);

impl Default for Clock {
    fn default() -> Self {
        let entry = |at: usize| {
            let (hour_of_week, open) = (at / 2, at % 2 == 1);
            let (weekday, hour) = (hour_of_week / 24 + 1, hour_of_week % 24);
            format!(r#""weekday":{weekday},"hour":{hour},"business_hours":{open}"#).into_bytes().into_boxed_slice()
        };
        Self((0..2 * 7 * 24).map(entry).collect())
    }
}

impl Clock {
    /// The entries for an instant (UTC microseconds) at a place that is `offset_min` minutes east of UTC.
    pub fn entries(&self, instant_us: i64, offset_min: i32, conventions: &Conventions) -> &[u8] {
        let local_min = instant_us.div_euclid(MINUTE_US) + i64::from(offset_min);
        // 1970-01-01 was a Thursday.
        let of_week = (local_min + 3 * DAY_MIN).rem_euclid(WEEK_MIN) as usize;
        &self.0[of_week / 60 * 2 + usize::from(conventions.is_open(of_week))]
    }
}

/// Offsets of a zone at instants, remembered by UTC day.
#[derive(Default)]
pub struct Offsets(FxHashMap<i64, Option<i32>>);

impl Offsets {
    /// Minutes east of UTC at an instant (UTC microseconds).
    pub fn at(&mut self, zone: &TimeZone, instant_us: i64) -> Option<i32> {
        let offset =
            |instant_us: i64| Timestamp::from_microsecond(instant_us).ok().map(|instant| zone.to_offset(instant).seconds() / 60);
        let day = instant_us.div_euclid(DAY_MIN * MINUTE_US);
        if self.0.len() == MOST_DAYS {
            self.0.clear();
        }
        let whole_day = *self.0.entry(day).or_insert_with(|| {
            let begin = day * DAY_MIN * MINUTE_US;
            offset(begin).filter(|first| offset(begin + DAY_MIN * MINUTE_US - 1) == Some(*first))
        });
        whole_day.or_else(|| offset(instant_us))
    }
}

#[cfg(test)]
mod tests {
    use clew_cleanse::local_time::{BusinessHours, LocalTime};
    use proptest::prelude::*;

    use super::*;

    fn told(tell: impl FnOnce(&mut Visits, &mut Vec<u8>)) -> String {
        let mut object = Vec::new();
        tell(&mut Visits::default(), &mut object);
        String::from_utf8(object).unwrap()
    }

    #[test]
    fn an_event_tells_device_campaign_and_referrer() {
        let agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1";
        assert_eq!(
            told(|visits, object| visits.device(agent, object)),
            r#"{"device_class":"mobile","os":"iOS","browser":"Safari","browser_version":"17""#
        );
        let url = "https://shop.example/a?utm_source=news&utm_medium=email&utm_campaign=May&gclid=x#top";
        assert_eq!(
            told(|visits, object| visits.campaign(url, object)),
            r#"{"campaign_source":"news","campaign_medium":"email","campaign":"May","click_network":"google_ads""#
        );
        for plain in ["https://shop.example/a", "https://shop.example/a?page=2", ""] {
            assert_eq!(told(|visits, object| visits.campaign(plain, object)), "", "{plain}");
        }
        assert_eq!(
            told(|_, object| Visits::stated_campaign(&[Some("news"), None, Some("May"), None, Some("")], object)),
            r#"{"campaign_source":"news","campaign":"May""#
        );
        for (referrer, class) in [
            ("https://www.google.com/search?q=a", "search"),
            ("https://shop.example/b", "internal"),
            ("", "direct"),
            ("https://blog.example/", "other"),
        ] {
            let expected = format!(r#"{{"referrer_class":"{class}""#);
            assert_eq!(told(|visits, object| visits.referrer(referrer, Some(url), object)), expected, "{referrer}");
        }
    }

    proptest! {
        /// The table of weekdays and hours against the plain reckoning.
        #[test]
        fn the_clock_agrees_with_the_calendar(seconds in -3_000_000_000_i64..7_000_000_000, offset_min in -720_i32..840) {
            let (clock, conventions) = (Clock::default(), Conventions::default());
            let local = LocalTime::new(seconds * 1_000_000, offset_min).unwrap();
            let open = BusinessHours::weekdays(9 * 60, 17 * 60).is_open(local);
            let expected = format!(r#""weekday":{},"hour":{},"business_hours":{open}"#, local.weekday(), local.hour());
            let entries = clock.entries(seconds * 1_000_000, offset_min, &conventions);
            prop_assert_eq!(std::str::from_utf8(entries).unwrap(), expected);
        }

        #[test]
        fn remembered_offsets_are_those_of_the_zone(seconds in 0_i64..4_000_000_000, name in prop_oneof![Just("Europe/Berlin"), Just("Australia/Lord_Howe"), Just("Asia/Kathmandu")]) {
            let zone = TimeZone::get(name).unwrap();
            let expected = zone.to_offset(Timestamp::from_second(seconds).unwrap()).seconds() / 60;
            let mut offsets = Offsets::default();
            prop_assert_eq!(offsets.at(&zone, seconds * 1_000_000), Some(expected));
            prop_assert_eq!(offsets.at(&zone, seconds * 1_000_000), Some(expected));
        }
    }
}
