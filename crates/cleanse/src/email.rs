//! E-mail addresses: syntax, the repairs that are beyond doubt, and what kind of mailbox it is.
//!
//! An address is lower-cased as a whole: the part before @ is case-sensitive on paper (RFC 5321 §2.4) and nowhere in
//! practice, and two spellings of one mailbox are two people to a matcher. What cannot belong to an address (blanks around
//! @, a trailing dot, mailto:, a display name) is removed, a comma becomes the dot that it was meant to be, and a domain one
//! slip away from a single big provider is repaired. What is left must be a dot-atom or a valid quoted
//! string at a host name within the limits of RFC 5321 §4.5.3.1, or it is refused.
//!
//! [`Email::mailbox`] is the key of the mailbox behind aliases: the dots and +tags of Gmail, the tags of providers that have them.
//! It is for comparing, never for sending.
//!
//! Deliberately missing: whether the mailbox exists, IP literals as hosts, comments, punycode.

mod domain;

use std::borrow::Cow;

use crate::case::lower;
use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, text};
use domain::Domain;

/// RFC 5321 §4.5.3.1.1 and .2, and §4.5.3.1.3 less the angle brackets.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;
const MAX_ADDRESS: usize = 254;
/// RFC 1035 §2.3.4.
const MAX_LABEL: usize = 63;

/// A valid address in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email<'a> {
    address: Cow<'a, str>,
    at: usize,
}

impl Email<'_> {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What stands before @.
    pub fn local(&self) -> &str {
        &self.address[..self.at]
    }

    /// What stands behind @.
    pub fn domain(&self) -> &str {
        &self.address[self.at + 1..]
    }

    /// One key for all spellings that reach the same mailbox. Equal keys mean one mailbox; different ones nothing.
    pub fn mailbox(&self) -> Cow<'_, str> {
        let Some(Domain::Free { tags, dots, same_as }) = domain::find(self.domain()) else { return Cow::Borrowed(&self.address) };
        let local = self.local();
        let base = if tags { local.split('+').next().filter(|base| !base.is_empty()).unwrap_or(local) } else { local };
        let plain = !(dots && base.contains('.'));
        if plain && base.len() == local.len() && same_as.is_none() {
            return Cow::Borrowed(&self.address);
        }
        let base = if plain { Cow::Borrowed(base) } else { Cow::Owned(base.replace('.', "")) };
        Cow::Owned(format!("{base}@{}", same_as.unwrap_or(self.domain())))
    }

    /// The address with its own text.
    pub fn into_owned(self) -> Email<'static> {
        Email { address: Cow::Owned(self.address.into_owned()), at: self.at }
    }
}

/// Reads an e-mail address.
pub fn clean(raw: &str) -> Cleaned<Email<'_>> {
    if raw.len() > 4 * MAX_ADDRESS {
        return Cleaned::refused(Flag::TooLong);
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    if !text.contains('@') && !text.contains(['(', '[', '{']) && !text.to_ascii_lowercase().contains(" at ") {
        let verdict = placeholder::verdict(&text).filter(|flag| *flag != Flag::KeyboardWalk || !text.contains('.'));
        return Cleaned::refused(verdict.unwrap_or(Flag::InvalidEmail));
    }
    let address = match text {
        Cow::Borrowed(text) => repaired(text, &mut flags),
        Cow::Owned(text) => Cow::Owned(repaired(&text, &mut flags).into_owned()),
    };
    let (address, known) = without_typo(address, &mut flags);
    let Some(at) = address.rfind('@') else { return Cleaned::refused(Flag::InvalidEmail) };
    let (local, host) = (&address[..at], &address[at + 1..]);
    if !is_local(local, &mut flags) || !is_host(host) || address.len() > MAX_ADDRESS {
        let nothing = placeholder::is_nothing(&address).then_some(Flag::Placeholder);
        return Cleaned::refused(stand_in(local, host).or(nothing).unwrap_or(Flag::InvalidEmail));
    }
    if let Some(flag) = stand_in(local, host) {
        return Cleaned::refused(flag);
    }
    flags.raise_if(!address.is_ascii(), Flag::InternationalEmail);
    flags.raise_if(domain::is_reserved(host), Flag::ReservedDomain);
    flags.raise_if(is_role(local), Flag::RoleAddress);
    match known {
        Some(Domain::Free { .. }) => flags.raise(Flag::FreeMail),
        Some(Domain::Disposable) => flags.raise(Flag::DisposableEmail),
        _ => {}
    }
    Cleaned::some(Email { address, at }, flags)
}

/// Whether nothing but lower case, digits and the usual signs stand there: most addresses need no repair.
fn is_usual(text: &str) -> bool {
    let bytes = text.as_bytes();
    let usual = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'@' | b'_' | b'-' | b'+');
    bytes.iter().all(usual)
        && bytes.first().is_some_and(|b| *b != b'.')
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && !text.contains("..")
        && !text.contains("@@")
        && !text.contains("@.")
}

fn repaired<'a>(text: &'a str, flags: &mut Flags) -> Cow<'a, str> {
    if is_usual(text) {
        return Cow::Borrowed(text);
    }
    let spelled = if text.contains('@') { None } else { spelled_out(text) };
    flags.raise_if(spelled.is_some(), Flag::SpelledOut);
    let text = spelled.map_or(Cow::Borrowed(text), Cow::Owned);
    let bare = unwrapped(&text);
    let bare = first_of_several(bare, flags);
    let bare = unwrapped(bare);
    flags.raise_if(bare.len() < text.len() && !flags.has(Flag::SeveralValues), Flag::Unwrapped);
    let address = without_stray(bare, flags);
    let lower = text::settled(lower(&address));
    flags.raise_if(lower != address, Flag::CaseChanged);
    Cow::Owned(lower)
}

/// `ann (at) example [dot] com`: the words in brackets, or " at " when the rest is one word on each side.
fn spelled_out(text: &str) -> Option<String> {
    let mut out = text.to_ascii_lowercase();
    for (word, sign) in [("at", "@"), ("dot", "."), ("punkt", ".")] {
        for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
            out = out.replace(&format!("{open}{word}{close}"), sign);
        }
        out = out.replace(&format!(" {word} "), sign);
    }
    let out = out.replace(" @", "@").replace("@ ", "@").replace(" .", ".").replace(". ", ".");
    (out.matches('@').count() == 1 && !out.contains(' ')).then_some(out)
}

/// The address without display name, brackets, quotes and scheme around it.
fn unwrapped(text: &str) -> &str {
    let mut text = text;
    loop {
        let before = text;
        // "Ann Lee" <ann@example.com>
        if let Some(open) = text.rfind('<')
            && let Some(close) = text[open..].find('>')
        {
            text = &text[open + 1..open + close];
        }
        text = text.trim().trim_end_matches('>').trim_start_matches('<');
        for scheme in ["mailto:", "email:", "e-mail:", "mail:", "smtp:"] {
            if text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)) {
                text = &text[scheme.len()..];
            }
        }
        // mailto:ann@example.com?subject=…
        if before.len() > text.len()
            && let Some((address, _)) = text.split_once('?')
        {
            text = address;
        }
        for (open, close) in [('(', ')'), ('[', ']'), ('\'', '\''), ('"', '"')] {
            if let Some(inner) = text.strip_prefix(open).and_then(|text| text.strip_suffix(close))
                && inner.contains('@')
                && !inner.contains(close)
            {
                text = inner;
            }
        }
        if text.len() == before.len() {
            return text;
        }
    }
}

/// The first of several addresses between `;`, `,`, `/`, `|` or blanks, where each part is one.
fn first_of_several<'a>(text: &'a str, flags: &mut Flags) -> &'a str {
    if text.matches('@').count() < 2 || text.contains('"') {
        return text;
    }
    let mut parts = text.split([';', ',', '/', '|', ' ']).map(str::trim).filter(|part| !part.is_empty());
    match parts.next() {
        Some(first)
            if first.matches('@').count() == 1 && parts.all(|part| part.contains('@') || part.eq_ignore_ascii_case("or")) =>
        {
            flags.raise(Flag::SeveralValues);
            first
        }
        _ => text,
    }
}

/// Removes what no address can have where it stands; keeps a quoted local part as it is.
fn without_stray(text: &str, flags: &mut Flags) -> String {
    let (local, host) = text.rsplit_once('@').unwrap_or((text, ""));
    if local.starts_with('"') {
        return text.to_owned();
    }
    let trimmed = local.trim().trim_end_matches('@');
    let edges = [' ', ',', ';', ':', '.', '>', ')', ']', '\'', '"', '/', '\\'];
    let host_trimmed = host.trim_matches(edges);
    let mut out = String::with_capacity(text.len());
    // "ann. lee@x.com", "ann .lee@x.com": a blank beside a dot; anywhere else it is no slip.
    out.push_str(&trimmed.replace(". ", ".").replace(" .", "."));
    let commas = out.contains(',') || host_trimmed.contains(',');
    if commas {
        flags.raise(Flag::CommaForDot);
        out = out.replace(", ", ".").replace(',', ".");
    }
    out.push('@');
    out.push_str(&host_trimmed.replace(", ", ".").replace(',', ".").replace(". ", ".").replace(" .", "."));
    // Two dots in a row are nowhere allowed, and one was meant.
    while let Some(at) = out.find("..") {
        out.remove(at);
    }
    let commas_as_dots = text.replace(", ", ".").replace(',', ".");
    flags.raise_if(out != commas_as_dots, Flag::StrayPunctuation);
    out
}

/// The address with its domain repaired, and what is known of that domain.
fn without_typo<'a>(address: Cow<'a, str>, flags: &mut Flags) -> (Cow<'a, str>, Option<Domain>) {
    let Some((local, host)) = address.rsplit_once('@') else { return (address, None) };
    let right = match domain::find(host) {
        Some(Domain::Typo(meant)) => Cow::Borrowed(meant),
        Some(known) => return (address, Some(known)),
        None => match domain::with_right_end(host) {
            None => return (address, None),
            Some(host) => match domain::find(&host) {
                Some(Domain::Typo(meant)) => Cow::Borrowed(meant),
                _ => Cow::Owned(host),
            },
        },
    };
    flags.raise(Flag::DomainTypo);
    let known = domain::find(&right);
    (Cow::Owned(format!("{local}@{right}")), known)
}

/// RFC 5322 §3.2.3 dot-atom or §3.2.4 quoted string; RFC 6531 letters.
fn is_local(local: &str, flags: &mut Flags) -> bool {
    if local.is_empty() || local.len() > MAX_LOCAL {
        return false;
    }
    if local.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return true;
    }
    if let Some(quoted) = local.strip_prefix('"') {
        let Some(inner) = quoted.strip_suffix('"').filter(|inner| !inner.is_empty()) else { return false };
        let mut escaped = false;
        let valid = inner.bytes().all(|b| {
            let fits = (escaped && (b' '..=b'~').contains(&b)) || matches!(b, b' '..=b'~' if b != b'"');
            escaped = b == b'\\' && !escaped;
            fits
        });
        flags.raise_if(valid && !escaped, Flag::QuotedLocal);
        return valid && !escaped;
    }
    let is_text = |c: char| c.is_alphanumeric() || (c.is_ascii() && "!#$%&'*+-/=?^_`{|}~.".contains(c));
    local.chars().all(is_text) && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
}

/// A host name of at least two labels (RFC 1035 §2.3.1, RFC 5890), whose last is no number.
fn is_host(host: &str) -> bool {
    if host.len() > MAX_DOMAIN {
        return false;
    }
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || c.is_alphanumeric())
    };
    let Some((rest, end)) = host.rsplit_once('.') else { return false };
    let is_end = end.chars().count() >= 2 && (end.starts_with("xn--") || end.chars().all(char::is_alphabetic));
    is_end && rest.split('.').all(is_label) && is_label(end)
}

/// Local parts that say "no address", alone enough; keys, sorted.
const NO_ADDRESS: &[&str] = &[
    "anonymous",
    "bounce",
    "bounces",
    "declined",
    "donotemail",
    "donotreply",
    "donthave",
    "dontreply",
    "fake",
    "fakeemail",
    "invalid",
    "keineemail",
    "keinemail",
    "mailerdaemon",
    "naotem",
    "nichtantworten",
    "nobody",
    "noemail",
    "noemailaddress",
    "nomail",
    "noname",
    "none",
    "nonegiven",
    "noone",
    "noreply",
    "noresponder",
    "notavailable",
    "notgiven",
    "notiene",
    "notprovided",
    "null",
    "refused",
    "semail",
    "sinemail",
    "unbekannt",
    "unknown",
];

/// Local parts that say nothing only when the domain says the same, or is reserved; sorted.
const GENERIC: &[&str] = &[
    "a",
    "abc",
    "client",
    "customer",
    "email",
    "first",
    "firstlast",
    "guest",
    "kunde",
    "mail",
    "me",
    "my",
    "myemail",
    "na",
    "name",
    "no",
    "person",
    "sample",
    "somebody",
    "someone",
    "test",
    "user",
    "username",
    "x",
    "xx",
    "xyz",
    "you",
    "your",
    "youremail",
    "yourname",
];

/// Why nobody is behind an address.
fn stand_in(local: &str, host: &str) -> Option<Flag> {
    let label = host.split('.').next().unwrap_or_default();
    let same = local == label;
    text::with_key(local, |key| {
        let word = key.trim_end_matches(|c: char| c.is_ascii_digit());
        if NO_ADDRESS.binary_search(&word).is_ok() {
            return Some(Flag::Placeholder);
        }
        if placeholder::is_test(local) {
            return Some(Flag::TestValue);
        }
        let generic = GENERIC.binary_search(&word).is_ok() || (word.is_empty() && same) || (same && local.len() < 2);
        if generic && (same || domain::is_reserved(host) || NO_ADDRESS.binary_search(&label).is_ok()) {
            return Some(Flag::Placeholder);
        }
        // Numbers are real local parts (QQ), keys in a row are not, unless the name is as short as initials.
        let walk = (local.len() >= 4 || same) && placeholder::is_keyboard_walk(local);
        let digits = !key.is_empty() && word.is_empty();
        (walk && (!digits || same || local.len() >= 6)).then_some(Flag::KeyboardWalk)
    })
}

/// Mailboxes of a function (RFC 2142 and common practice in several languages), sorted.
const ROLES: &[&str] = &[
    "abuse",
    "accounting",
    "accounts",
    "accountspayable",
    "admin",
    "administracao",
    "administracion",
    "administration",
    "administrator",
    "all",
    "anfrage",
    "atencion",
    "atencionalcliente",
    "atendimento",
    "backoffice",
    "bestellung",
    "bestellungen",
    "bewerbung",
    "billing",
    "board",
    "booking",
    "bookings",
    "buchhaltung",
    "buero",
    "bureau",
    "careers",
    "comercial",
    "commercial",
    "compras",
    "comptabilite",
    "contabilidad",
    "contact",
    "contacto",
    "contactus",
    "contato",
    "customercare",
    "customerservice",
    "customersupport",
    "datenschutz",
    "direction",
    "dpo",
    "einkauf",
    "empfang",
    "empleo",
    "enquiries",
    "enquiry",
    "events",
    "everyone",
    "export",
    "facturacion",
    "faturamento",
    "feedback",
    "finance",
    "financeiro",
    "frontdesk",
    "ftp",
    "general",
    "hello",
    "help",
    "helpdesk",
    "hostmaster",
    "hotline",
    "hr",
    "info",
    "informacion",
    "information",
    "inquiries",
    "inquiry",
    "invoice",
    "invoices",
    "it",
    "jobs",
    "klantenservice",
    "kontakt",
    "kundendienst",
    "kundenservice",
    "legal",
    "list",
    "logistics",
    "management",
    "manager",
    "marketing",
    "media",
    "news",
    "newsletter",
    "noc",
    "office",
    "operations",
    "order",
    "orders",
    "payroll",
    "pedidos",
    "personal",
    "postmaster",
    "pr",
    "praxis",
    "press",
    "presse",
    "privacy",
    "procurement",
    "purchasing",
    "recepcion",
    "reception",
    "rechnung",
    "rechnungen",
    "recruiting",
    "recruitment",
    "redaktion",
    "registrar",
    "reklamation",
    "reservation",
    "reservations",
    "returns",
    "rezeption",
    "root",
    "rrhh",
    "sac",
    "sales",
    "secretariat",
    "secretary",
    "security",
    "sekretariat",
    "service",
    "serviceclient",
    "shipping",
    "shop",
    "soporte",
    "staff",
    "store",
    "suporte",
    "support",
    "team",
    "tech",
    "technik",
    "usenet",
    "uucp",
    "vendas",
    "ventas",
    "ventes",
    "verkauf",
    "vertrieb",
    "verwaltung",
    "webadmin",
    "webmaster",
    "www",
    "zentrale",
];

fn is_role(local: &str) -> bool {
    local.len() <= 20 && text::with_key(local, |key| ROLES.binary_search(&key).is_ok())
}

/// The domain of the organisation behind a business address: none for private, disposable and reserved mailboxes. Host
/// names that only carry mail (`mail.acme.com`) lose their first label.
pub fn organisation_domain<'a>(email: &'a Email<'_>) -> Option<&'a str> {
    let host = email.domain();
    if domain::is_reserved(host) || matches!(domain::find(host), Some(Domain::Free { .. } | Domain::Disposable)) {
        return None;
    }
    let carried = ["mail.", "email.", "smtp.", "mx.", "mailer.", "mailbox."].iter().find_map(|prefix| host.strip_prefix(prefix));
    Some(carried.filter(|rest| rest.contains('.')).unwrap_or(host))
}

#[cfg(test)]
mod tests;
