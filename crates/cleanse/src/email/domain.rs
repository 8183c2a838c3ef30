//! What is known about mail domains: private and disposable providers, aliases, and typing errors of the big ones.
//!
//! The errors are not listed but made: every domain that the table marks gets its neighbours by the slips that fingers
//! make (two letters swapped, one left out, doubled, or hit on the next key), and the slips of `.com` and `.net`. A
//! neighbour counts only if one provider is that close and no known domain has that name: `gmial.com` is repaired,
//! `fmail.com` and `mail.com` are real. The first letter of a short name is never touched for the same reason.
//!
//! Source: `data/email_domains.tsv`, our own compilation; reserved names from RFC 2606 and RFC 6761.
//!
//! Deliberately missing: whether a domain exists or receives mail, which takes the network.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::table;

/// What a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// Private mailboxes; whether "+tag" and dots are ignored, and under which domain the mailbox is kept.
    Free { tags: bool, dots: bool, same_as: Option<&'static str> },
    /// Thrown away after use.
    Disposable,
    /// Known to be no typing error.
    Real,
    /// A misspelling of this one.
    Typo(&'static str),
}

/// Every domain that is known or can be repaired.
static DOMAINS: LazyLock<FxHashMap<String, Domain>> = LazyLock::new(|| {
    let mut domains = FxHashMap::default();
    let mut repairable = Vec::new();
    for row in table::rows(include_str!("../../data/email_domains.tsv")) {
        let [name, kind, tags, same_as, repair] = row.cells();
        let domain = match kind {
            "free" => Domain::Free {
                tags: tags.contains('+'),
                dots: tags.contains('.'),
                same_as: (!same_as.is_empty()).then_some(same_as),
            },
            "disposable" => Domain::Disposable,
            _ => Domain::Real,
        };
        domains.insert(name.to_owned(), domain);
        if repair == "repair" {
            repairable.push(name);
        }
    }
    let mut slips: FxHashMap<String, Option<&'static str>> = FxHashMap::default();
    for name in repairable {
        for slip in slips_of(name) {
            // Two providers this close: nobody can tell which was meant.
            slips.entry(slip).and_modify(|known| *known = known.filter(|known| *known == name)).or_insert(Some(name));
        }
    }
    for (slip, meant) in slips {
        if let Some(meant) = meant {
            domains.entry(slip).or_insert(Domain::Typo(meant));
        }
    }
    domains
});

/// What is known about a lower-case domain.
pub(super) fn find(domain: &str) -> Option<Domain> {
    DOMAINS.get(domain).copied()
}

/// Keys beside each letter on QWERTY.
const BESIDE: [(&str, &str); 26] = [
    ("q", "wa"),
    ("w", "qes"),
    ("e", "wrd"),
    ("r", "etf"),
    ("t", "ryg"),
    ("y", "tuh"),
    ("u", "yij"),
    ("i", "uok"),
    ("o", "ipl"),
    ("p", "ol"),
    ("a", "qsz"),
    ("s", "adwx"),
    ("d", "sfec"),
    ("f", "dgrv"),
    ("g", "fhtb"),
    ("h", "gjyn"),
    ("j", "hkum"),
    ("k", "jlim"),
    ("l", "kop"),
    ("z", "axs"),
    ("x", "zcs"),
    ("c", "xvd"),
    ("v", "cbf"),
    ("b", "vng"),
    ("n", "bmh"),
    ("m", "njk"),
];

fn beside(letter: char) -> &'static str {
    BESIDE.iter().find(|(key, _)| key.starts_with(letter)).map_or("", |(_, near)| near)
}

/// Ends that no top-level domain has (IANA root zone), and what was meant.
const WRONG_ENDS: [(&str, &str); 16] = [
    ("con", "com"),
    ("cmo", "com"),
    ("ocm", "com"),
    ("vom", "com"),
    ("xom", "com"),
    ("cim", "com"),
    ("cpm", "com"),
    ("comm", "com"),
    ("coom", "com"),
    ("ccom", "com"),
    ("clm", "com"),
    ("c0m", "com"),
    ("ent", "net"),
    ("nte", "net"),
    ("nett", "net"),
    ("ner", "net"),
];

/// The domain with its impossible end repaired, for any domain: `.con` is no top-level domain.
pub(super) fn with_right_end(domain: &str) -> Option<String> {
    let (name, end) = domain.rsplit_once('.')?;
    let (_, right) = WRONG_ENDS.iter().find(|(wrong, _)| *wrong == end)?;
    Some(format!("{name}.{right}"))
}

/// Everything that one slip makes of a domain.
fn slips_of(domain: &'static str) -> Vec<String> {
    let (name, end) = domain.split_once('.').unwrap_or((domain, ""));
    let letters: Vec<char> = name.chars().collect();
    let mut slips: Vec<String> = Vec::new();
    let mut add = |letters: Vec<char>| slips.push(format!("{}.{end}", letters.iter().collect::<String>()));
    // Short names have many neighbours that exist; their first letter tells them apart.
    let first = usize::from(letters.len() < 7);
    for at in 0..letters.len() {
        let mut doubled = letters.clone();
        doubled.insert(at, letters[at]);
        add(doubled);
        if at + 1 < letters.len() && letters[at] != letters[at + 1] {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            add(swapped);
        }
        if at < first || letters.len() < 5 {
            continue;
        }
        let mut shorter = letters.clone();
        shorter.remove(at);
        add(shorter);
        for near in beside(letters[at]).chars() {
            let mut hit = letters.clone();
            hit[at] = near;
            add(hit);
            let mut both = letters.clone();
            both.insert(at + 1, near);
            add(both);
        }
    }
    if end == "com" {
        slips.extend(["cm", "om", "comn", "cok"].map(|end| format!("{name}.{end}")));
        slips.push(format!("{name}com"));
        // Only these have no sister under another top-level domain that begins like .com.
        if matches!(name, "gmail" | "icloud" | "googlemail") {
            slips.push(format!("{name}.co"));
        }
    }
    slips.retain(|slip| slip != domain);
    slips
}

/// Whether the domain is set aside for documentation and tests (RFC 2606, RFC 6761).
pub(super) fn is_reserved(domain: &str) -> bool {
    let end = domain.rsplit('.').next().unwrap_or_default();
    matches!(end, "test" | "example" | "invalid" | "localhost" | "local")
        || ["example.com", "example.net", "example.org"]
            .iter()
            .any(|reserved| domain.strip_suffix(reserved).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_lead_to_one_provider() {
        for (typed, meant) in [
            ("gmial.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gmaul.com", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.cm", "gmail.com"),
            ("gmailcom", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("hotmal.com", "hotmail.com"),
            ("otmail.com", "hotmail.com"),
            ("hotnail.com", "hotmail.com"),
            ("yaho.com", "yahoo.com"),
            ("yahooo.com", "yahoo.com"),
            ("yhaoo.com", "yahoo.com"),
            ("outlok.com", "outlook.com"),
            ("outllok.com", "outlook.com"),
            ("iclod.com", "icloud.com"),
            ("icluod.com", "icloud.com"),
            ("comcats.net", "comcast.net"),
            ("bitnternet.com", "btinternet.com"),
            ("t-onlien.de", "t-online.de"),
        ] {
            assert_eq!(find(typed), Some(Domain::Typo(meant)), "{typed}");
        }
        assert_eq!(with_right_end("acme.con").as_deref(), Some("acme.com"));
    }

    #[test]
    fn real_domains_are_not_repaired() {
        for domain in [
            "mail.com",
            "ymail.com",
            "email.com",
            "fmail.com",
            "hmail.com",
            "mmail.com",
            "gail.com",
            "gmx.de",
            "gmx.net",
            "aol.de",
            "me.com",
            "mac.com",
            "live.de",
            "yahoo.co",
            "hotmail.co",
            "outlook.de",
            "yahoo.de",
            "hotmail.fr",
            "ishmail.com",
            "proton.me",
            "sky.com",
            "free.fr",
            "orange.com",
            "work.com",
            "acme.com",
            "cox.net",
            "att.net",
            "msn.com",
        ] {
            assert!(!matches!(find(domain), Some(Domain::Typo(_))), "{domain} -> {:?}", find(domain));
        }
    }

    #[test]
    fn reserved_names() {
        assert!(
            is_reserved("example.com")
                && is_reserved("mail.example.org")
                && is_reserved("store.example")
                && is_reserved("a.test")
        );
        assert!(!is_reserved("myexample.com") && !is_reserved("test.com"));
    }

    #[test]
    fn the_table_has_each_domain_once() {
        let mut names: Vec<&str> =
            table::rows(include_str!("../../data/email_domains.tsv")).map(|row| row.cells::<1>()[0]).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
