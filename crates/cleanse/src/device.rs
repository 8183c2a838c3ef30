//! The device behind a user agent: class, operating system and browser families.
//!
//! Figures are cut by phone and desktop, by system and by browser family; models and minor versions only make slices
//! of one. So a few tokens are looked for in a fixed order, because every browser names the ones that it imitates: Edge before Chrome before
//! Safari. Chrome on iPad and Android tablets that ask for desktop pages look like desktops and are counted as such.
//!
//! Source of the tokens: the browsers' own documentation; RFC 9110 §10.1.5 for the form. A library with lists of models was
//! weighed and left out: the kept ones carry megabytes of patterns, the small ones stopped before today's browsers.
//!
//! Deliberately missing: models, minor versions, fingerprints.

/// What kind of machine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceClass {
    /// A desk or lap.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// A television or a box beside it.
    Tv,
    /// A game console.
    Console,
    /// A crawler, monitor, library or script: nobody looked.
    Bot,
    /// Nothing that says it.
    Unknown,
}

impl DeviceClass {
    /// The word for it in tables and JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Tv => "tv",
            Self::Console => "console",
            Self::Bot => "bot",
            Self::Unknown => "unknown",
        }
    }
}

/// Families behind a user agent; `None` where nothing known is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// The kind of machine.
    pub class: DeviceClass,
    /// Windows, macOS, iOS, Android, ChromeOS, Linux, …
    pub os: Option<&'static str>,
    /// Chrome, Safari, Firefox, Edge, …; of a bot its name where it is a known one.
    pub browser: Option<&'static str>,
    /// The browser's major version.
    pub browser_version: Option<u16>,
}

/// The longest user agent that is looked at, in bytes.
const MAX_BYTES: usize = 1024;

/// Tokens of crawlers and their names; the first that is found.
const BOTS: &[(&str, &str)] = &[
    ("googlebot", "Googlebot"),
    ("adsbot-google", "Googlebot"),
    ("google-inspectiontool", "Googlebot"),
    ("bingbot", "Bingbot"),
    ("bingpreview", "Bingbot"),
    ("yandexbot", "YandexBot"),
    ("baiduspider", "Baiduspider"),
    ("duckduckbot", "DuckDuckBot"),
    ("applebot", "Applebot"),
    ("facebookexternalhit", "Facebook"),
    ("meta-externalagent", "Facebook"),
    ("twitterbot", "Twitterbot"),
    ("linkedinbot", "LinkedInBot"),
    ("slackbot", "Slackbot"),
    ("whatsapp/", "WhatsApp"),
    ("telegrambot", "TelegramBot"),
    ("gptbot", "GPTBot"),
    ("chatgpt-user", "ChatGPT"),
    ("oai-searchbot", "GPTBot"),
    ("claudebot", "ClaudeBot"),
    ("perplexitybot", "PerplexityBot"),
    ("ccbot", "CCBot"),
    ("bytespider", "Bytespider"),
    ("amazonbot", "Amazonbot"),
    ("ahrefsbot", "AhrefsBot"),
    ("semrushbot", "SemrushBot"),
    ("mj12bot", "MJ12bot"),
    ("uptimerobot", "UptimeRobot"),
    ("pingdom", "Pingdom"),
    ("headlesschrome", "Headless Chrome"),
    ("lighthouse", "Lighthouse"),
    ("phantomjs", "PhantomJS"),
    ("python-requests", "Python"),
    ("python-urllib", "Python"),
    ("aiohttp", "Python"),
    ("httpx/", "Python"),
    ("curl/", "curl"),
    ("wget/", "Wget"),
    ("go-http-client", "Go"),
    ("java/", "Java"),
    ("okhttp", "OkHttp"),
    ("apache-httpclient", "Java"),
    ("axios/", "axios"),
    ("node-fetch", "Node.js"),
    ("postmanruntime", "Postman"),
    ("libwww-perl", "Perl"),
    ("ruby", "Ruby"),
];

/// Parts of words that only machines use.
const BOT_WORDS: &[&str] =
    &["bot/", "bot;", "bot)", "crawler", "spider", "crawl", "+http", "monitoring", "scraper", "slurp", "feedfetcher", "preview"];

/// Token before the version, and the family; the first that is found. Those that imitate others come first.
const BROWSERS: &[(&str, &str)] = &[
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Opera Mini/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex Browser"),
    ("Vivaldi/", "Vivaldi"),
    ("UCBrowser/", "UC Browser"),
    ("MiuiBrowser/", "Miui Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Silk/", "Silk"),
    ("MicroMessenger/", "WeChat"),
    ("FBAV/", "Facebook"),
    ("Instagram ", "Instagram"),
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("GSA/", "Google App"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
];

/// Reads a user agent. Text that is none gives unknown, never an error.
pub fn of_user_agent(text: &str) -> Device {
    let unknown = Device { class: DeviceClass::Unknown, os: None, browser: None, browser_version: None };
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_BYTES {
        return unknown;
    }
    let lower = text.to_ascii_lowercase();
    if let Some((_, name)) = BOTS.iter().find(|(token, _)| lower.contains(token)) {
        return Device { class: DeviceClass::Bot, browser: Some(name), ..unknown };
    }
    if BOT_WORDS.iter().any(|word| lower.contains(word)) || lower.ends_with("bot") {
        return Device { class: DeviceClass::Bot, ..unknown };
    }
    let os = os_of(text);
    let (browser, browser_version) = browser_of(text);
    Device { class: class_of(text, os), os, browser, browser_version }
}

fn os_of(text: &str) -> Option<&'static str> {
    const SYSTEMS: &[(&str, &str)] = &[
        ("Windows Phone", "Windows Phone"),
        ("Xbox", "Xbox"),
        ("PlayStation", "PlayStation"),
        ("Nintendo", "Nintendo"),
        ("Windows", "Windows"),
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("iPod", "iOS"),
        ("Tizen", "Tizen"),
        ("Web0S", "webOS"),
        ("webOS", "webOS"),
        ("KAIOS", "KaiOS"),
        ("HarmonyOS", "HarmonyOS"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("AppleTV", "tvOS"),
        ("Apple TV", "tvOS"),
        ("Macintosh", "macOS"),
        ("Mac OS X", "macOS"),
        ("Darwin", "macOS"),
        ("FreeBSD", "FreeBSD"),
        ("Linux", "Linux"),
        ("X11", "Linux"),
    ];
    SYSTEMS.iter().find(|(token, _)| text.contains(token)).map(|(_, name)| *name)
}

fn class_of(text: &str, os: Option<&str>) -> DeviceClass {
    let has = |tokens: &[&str]| tokens.iter().any(|token| text.contains(token));
    match os {
        Some("Xbox" | "PlayStation" | "Nintendo") => DeviceClass::Console,
        Some("tvOS") => DeviceClass::Tv,
        _ if has(&[
            "SmartTV",
            "SMART-TV",
            "Smart TV",
            "GoogleTV",
            "BRAVIA",
            "AFTT",
            "AFTM",
            "AFTS",
            "Roku",
            "CrKey",
            "HbbTV",
            "NetCast",
            "Web0S",
            "Android TV",
        ]) =>
        {
            DeviceClass::Tv
        }
        Some("iPadOS") => DeviceClass::Tablet,
        Some("iOS" | "Windows Phone" | "KaiOS") => DeviceClass::Mobile,
        // Android says Mobile on phones and leaves it out on tablets.
        Some("Android" | "HarmonyOS" | "Tizen") => {
            if has(&["Mobile"]) {
                DeviceClass::Mobile
            } else {
                DeviceClass::Tablet
            }
        }
        Some(_) if has(&["Tablet", "PlayBook", "Silk/", "Kindle"]) && !text.contains("Windows NT 10") => DeviceClass::Tablet,
        Some("Windows" | "macOS" | "ChromeOS" | "Linux" | "FreeBSD") => DeviceClass::Desktop,
        _ if has(&["Mobile", "Opera Mini", "J2ME", "MIDP"]) => DeviceClass::Mobile,
        _ => DeviceClass::Unknown,
    }
}

fn browser_of(text: &str) -> (Option<&'static str>, Option<u16>) {
    let version_behind = |token: &str| {
        let at = text.find(token)? + token.len();
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| at + end);
        text[at..end].parse().ok()
    };
    if let Some((token, name)) = BROWSERS.iter().find(|(token, _)| text.contains(token)) {
        return (Some(name), version_behind(token));
    }
    if text.contains("Trident/") {
        return (Some("Internet Explorer"), version_behind("rv:"));
    }
    if text.contains("Safari/") && text.contains("Version/") {
        let android = text.contains("Android");
        return (Some(if android { "Android Browser" } else { "Safari" }), version_behind("Version/"));
    }
    // An app's own web view on iOS names no browser.
    if text.contains("AppleWebKit/") && (text.contains("iPhone") || text.contains("iPad")) {
        return (Some("WebView"), None);
    }
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_of_common_devices() {
        for (text, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "desktop Windows Chrome 126",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
                "desktop Windows Edge 126",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "desktop macOS Safari 17",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "mobile iOS Safari 17",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
                "mobile iOS Chrome 126",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1",
                "tablet iPadOS Safari 12",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
                "mobile Android Chrome 126",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0.0.0 Safari/537.36",
                "tablet Android Chrome 115",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "mobile Android Samsung Internet 25",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "desktop Linux Firefox 127"),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
                "desktop ChromeOS Chrome 126",
            ),
            ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop Windows Internet Explorer 11"),
            (
                "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36",
                "tv webOS Chrome 94",
            ),
            (
                "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
                "console PlayStation Safari 13",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
                "mobile iOS WebView -",
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot - Googlebot -"),
            ("Mozilla/5.0 (compatible; SomeNewCrawler/1.0; +https://crawler.invalid)", "bot - - -"),
            ("curl/8.5.0", "bot - curl -"),
            ("python-requests/2.32.0", "bot - Python -"),
            ("", "unknown - - -"),
            ("my app", "unknown - - -"),
        ] {
            let device = of_user_agent(text);
            let version = device.browser_version.map_or_else(|| "-".to_owned(), |version| version.to_string());
            let shown =
                format!("{} {} {} {version}", device.class.code(), device.os.unwrap_or("-"), device.browser.unwrap_or("-"));
            assert_eq!(shown, expected, "{text}");
        }
    }
}
