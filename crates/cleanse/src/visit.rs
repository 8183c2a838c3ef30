//! What a page address says about a visit: campaign (UTM), click ids, and the class of its referrer.
//!
//! Campaign parameters are those of the Urchin convention that every analytics tool reads; click ids name the advertising
//! network that sent the visitor even where nobody tagged the link. Values are percent-decoded, trimmed and otherwise left as
//! they are, as campaigns are compared as text. A referrer is classed by its host alone, with lists of our own compilation.
//!
//! Deliberately missing: attribution (see the journeys), search words, validation of the address.

use std::borrow::Cow;

/// The campaign of a visit; parts that are not there are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign<'a> {
    /// `utm_source`
    pub source: Option<Cow<'a, str>>,
    /// `utm_medium`
    pub medium: Option<Cow<'a, str>>,
    /// `utm_campaign`
    pub campaign: Option<Cow<'a, str>>,
    /// `utm_term`
    pub term: Option<Cow<'a, str>>,
    /// `utm_content`
    pub content: Option<Cow<'a, str>>,
    /// `utm_id`
    pub id: Option<Cow<'a, str>>,
    /// The first click id: the network that makes it, and the id.
    pub click: Option<(&'static str, Cow<'a, str>)>,
}

/// Parameters that hold click ids, and the network that makes them, after the networks' documentation.
const CLICK_IDS: &[(&str, &str)] = &[
    ("gclid", "google_ads"),
    ("gbraid", "google_ads"),
    ("wbraid", "google_ads"),
    ("dclid", "google_display"),
    ("msclkid", "microsoft_ads"),
    ("fbclid", "meta"),
    ("ttclid", "tiktok"),
    ("twclid", "x"),
    ("li_fat_id", "linkedin"),
    ("epik", "pinterest"),
    ("sccid", "snapchat"),
    ("rdt_cid", "reddit"),
    ("yclid", "yandex"),
    ("irclickid", "impact"),
    ("awc", "awin"),
    ("mc_eid", "mailchimp"),
    ("_hsenc", "hubspot"),
];

/// The longest value that is kept, in bytes.
const MAX_VALUE: usize = 512;

/// The campaign of a page address, absolute or not.
pub fn campaign(url: &str) -> Campaign<'_> {
    let mut found = Campaign::default();
    let Some((_, query)) = url.split_once('?') else { return found };
    let query = query.split('#').next().unwrap_or_default();
    for pair in query.split(['&', ';']) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if value.is_empty() || value.len() > MAX_VALUE {
            continue;
        }
        let name = name.to_ascii_lowercase();
        let slot = match name.as_str() {
            "utm_source" => &mut found.source,
            "utm_medium" => &mut found.medium,
            "utm_campaign" => &mut found.campaign,
            "utm_term" => &mut found.term,
            "utm_content" => &mut found.content,
            "utm_id" => &mut found.id,
            _ => {
                if found.click.is_none()
                    && let Some((_, network)) = CLICK_IDS.iter().find(|(id, _)| *id == name)
                {
                    found.click = Some((network, decoded(value)));
                }
                continue;
            }
        };
        // The first of several wins, as servers read them.
        if slot.is_none() {
            *slot = Some(decoded(value)).filter(|value| !value.is_empty());
        }
    }
    found
}

/// Percent-decoded (RFC 3986 §2.1), plus as blank, trimmed; bytes that are no UTF-8 are replaced.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value.trim());
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(b) = rest.next() {
        let hex = |b: u8| char::from(b).to_digit(16);
        let mut ahead = rest.clone();
        match b {
            b'+' => bytes.push(b' '),
            b'%' => match (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                (Some(high), Some(low)) => {
                    bytes.push((high * 16 + low) as u8);
                    rest = ahead;
                }
                _ => bytes.push(b'%'),
            },
            b => bytes.push(b),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Where a visit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Referrer {
    /// No referrer: typed, a bookmark, an app, or hidden.
    Direct,
    /// Another page of the same site.
    Internal,
    /// A search engine.
    Search,
    /// A social network.
    Social,
    /// Web mail.
    Email,
    /// An assistant that answers with links.
    Assistant,
    /// Any other site.
    Other,
}

impl Referrer {
    /// The word for it in tables and JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Internal => "internal",
            Self::Search => "search",
            Self::Social => "social",
            Self::Email => "email",
            Self::Assistant => "assistant",
            Self::Other => "other",
        }
    }
}

/// Hosts: a word is a label before the last (`google` is google.co.uk), a name with a dot is itself and its subdomains, and one
/// that ends in a dot is the beginning of a host.
const MAIL_HOSTS: &[&str] = &[
    "mail.google.",
    "mail.yahoo.",
    "outlook.",
    "mail.aol.",
    "mail.proton.",
    "webmail.",
    "mail.ru",
    "gmx",
    "web.de",
    "com.google.android.gm",
];
const ASSISTANT_HOSTS: &[&str] = &[
    "chatgpt.com",
    "chat.openai.com",
    "perplexity.ai",
    "gemini.google.com",
    "copilot.microsoft.com",
    "claude.ai",
    "chat.mistral.ai",
    "you.com",
    "poe.com",
];
const SOCIAL_HOSTS: &[&str] = &[
    "facebook",
    "fb",
    "instagram",
    "twitter",
    "t.co",
    "x.com",
    "linkedin",
    "lnkd.in",
    "youtube",
    "youtu.be",
    "tiktok",
    "pinterest",
    "reddit",
    "snapchat",
    "whatsapp",
    "wa.me",
    "telegram",
    "t.me",
    "xing",
    "vk.com",
    "tumblr",
    "quora",
    "threads",
    "mastodon",
    "bsky.app",
    "discord",
    "weibo",
    "medium",
    "twitch",
    "messenger",
];
const SEARCH_HOSTS: &[&str] = &[
    "google",
    "bing",
    "duckduckgo",
    "yahoo",
    "yandex",
    "baidu",
    "ecosia",
    "startpage",
    "qwant",
    "ask",
    "aol",
    "naver",
    "seznam",
    "sogou",
    "search.brave.com",
    "kagi",
    "mojeek",
];

/// The class of a referrer. `own_hosts` are the sites of the company, with all of their subdomains.
pub fn referrer(url: &str, own_hosts: &[&str]) -> Referrer {
    let Some(host) = host_of(url) else { return Referrer::Direct };
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let is = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    if own_hosts.iter().any(|own| is(own.trim_start_matches("www."))) {
        return Referrer::Internal;
    }
    let is_listed = |names: &[&str]| {
        names.iter().any(|name| match name.strip_suffix('.') {
            Some(_) => host.starts_with(name),
            None if name.contains('.') => is(name),
            None => host.rsplit('.').skip(1).any(|label| label == *name),
        })
    };
    match () {
        () if is_listed(MAIL_HOSTS) => Referrer::Email,
        () if is_listed(ASSISTANT_HOSTS) => Referrer::Assistant,
        () if is_listed(SOCIAL_HOSTS) => Referrer::Social,
        () if is_listed(SEARCH_HOSTS) => Referrer::Search,
        () => Referrer::Other,
    }
}

/// The host of an address with a scheme.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.trim().split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty() && host.len() <= 255).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_and_click_ids() {
        let found = campaign(
            "https://shop.example/a?utm_source=news%20letter&UTM_MEDIUM=email&utm_campaign=J%C3%A4nner+2026&x=1&gclid=abc&fbclid=def#utm_term=no",
        );
        assert_eq!(found.source.as_deref(), Some("news letter"));
        assert_eq!(found.medium.as_deref(), Some("email"));
        assert_eq!(found.campaign.as_deref(), Some("Jänner 2026"));
        assert_eq!(found.term, None);
        assert_eq!(found.click, Some(("google_ads", Cow::Borrowed("abc"))));
        assert_eq!(campaign("/a?utm_source=&utm_source=b&utm_medium=%zz").source.as_deref(), Some("b"));
        assert_eq!(campaign("/a?utm_medium=%zz%e9").medium.as_deref(), Some("%zz\u{fffd}"));
        assert_eq!((campaign("https://shop.example/"), campaign("")), (Campaign::default(), Campaign::default()));
    }

    #[test]
    fn referrers_are_classed_by_host() {
        for (url, class) in [
            ("", "direct"),
            ("about:blank", "direct"),
            ("https://www.acme.com/shop", "internal"),
            ("https://help.acme.com/", "internal"),
            ("https://notacme.com/", "other"),
            ("https://www.google.com/", "search"),
            ("https://www.google.co.uk/search?q=x", "search"),
            ("https://duckduckgo.com/", "search"),
            ("https://search.brave.com/", "search"),
            ("https://mail.google.com/mail/u/0/", "email"),
            ("https://outlook.live.com/", "email"),
            ("https://gemini.google.com/app", "assistant"),
            ("https://chatgpt.com/", "assistant"),
            ("https://l.facebook.com/l.php", "social"),
            ("https://t.co/abc", "social"),
            ("https://x.com/acme", "social"),
            ("https://fox.com/", "other"),
            ("https://blog.example.org/", "other"),
            ("android-app://com.google.android.gm/", "email"),
        ] {
            assert_eq!(referrer(url, &["acme.com"]).code(), class, "{url}");
        }
    }
}
