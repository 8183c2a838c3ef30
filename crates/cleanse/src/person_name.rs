//! Names of people: parts, order, titles, case; and what stands in a name field that is no name.
//!
//! A field holds a whole name or one part of it ([`Layout`]). Titles before and suffixes behind the name get fields of
//! their own, `Smith, John` is put in order, and a name without case gets one back. Placeholders, tests,
//! keyboard walks and e-mail addresses are refused; a company is kept as what it is. What merely looks unusual is kept:
//! names are stranger than rules about them.
//!
//! The split of a whole name follows European and American order: the first word is given, particles and what follows them, or
//! else the last word, are the family's. Two surnames (García Márquez) cannot be told from a middle name and stay so; a
//! name in one word is the given name; scripts without blanks are not split.
//!
//! Deliberately missing: sex by name, nicknames as given names, transliteration.

use std::borrow::Cow;
use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::case::{Case, case_of, proper};
use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, table, text};

/// The longest name that is looked at, in bytes.
const MAX_BYTES: usize = 256;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The whole name.
    Full,
    /// Given names.
    Given,
    /// The family name.
    Family,
}

/// The parts of a name; of a single field only its own part (and titles) are filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonName<'a> {
    /// Titles before the name, in one spelling: `Dr`, `Prof Dr`.
    pub honorific: Option<Cow<'a, str>>,
    /// The first given name of a whole name; all of a field of given names.
    pub given: Option<Cow<'a, str>>,
    /// What stands between, of a whole name.
    pub middle: Option<Cow<'a, str>>,
    /// The family name with its particles.
    pub family: Option<Cow<'a, str>>,
    /// What stands behind, in one spelling: `Jr`, `III`, `PhD`.
    pub suffix: Option<Cow<'a, str>>,
    /// In quotes or brackets inside the name.
    pub nickname: Option<Cow<'a, str>>,
    /// The whole text, when it names an organisation instead.
    pub organisation: Option<Cow<'a, str>>,
}

impl PersonName<'_> {
    /// The name with its own text.
    pub fn into_owned(self) -> PersonName<'static> {
        let own = |part: Option<Cow<'_, str>>| part.map(|part| Cow::Owned(part.into_owned()));
        PersonName {
            honorific: own(self.honorific),
            given: own(self.given),
            middle: own(self.middle),
            family: own(self.family),
            suffix: own(self.suffix),
            nickname: own(self.nickname),
            organisation: own(self.organisation),
        }
    }
}

/// Reads a name.
pub fn clean(raw: &str, layout: Layout) -> Cleaned<PersonName<'_>> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::TooLong);
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    let read = match text {
        Cow::Borrowed(text) => read(text, layout, &mut flags),
        Cow::Owned(text) => read(&text, layout, &mut flags).map(PersonName::into_owned),
    };
    match read {
        Ok(name) => Cleaned::some(name, flags),
        Err(flag) => Cleaned::refused(flag),
    }
}

fn read<'t>(text: &'t str, layout: Layout, flags: &mut Flags) -> Result<PersonName<'t>, Flag> {
    if let Some(flag) = placeholder::verdict(text) {
        return Err(flag);
    }
    if !text.chars().any(char::is_alphabetic) {
        return Err(Flag::NoLetters);
    }
    if text.contains('@') {
        return Err(Flag::EmailInName);
    }
    if is_organisation(text) {
        flags.raise(Flag::OrganisationInName);
        return Ok(PersonName { organisation: Some(Cow::Borrowed(text)), ..PersonName::default() });
    }
    flags.raise_if(placeholder::may_be_test(text), Flag::TestSuspected);
    let mut name = PersonName::default();
    if text.contains(QUOTES) {
        if let Some((without, nickname)) = split_nickname(text) {
            flags.raise(Flag::NicknameSplit);
            name = parts(&without, layout, flags).into_owned();
            name.nickname = Some(cased(nickname, flags).into_owned().into());
        } else {
            name = parts(text, layout, flags);
        }
    } else {
        fill(&mut name, text, layout, flags);
    }
    let has_digit = |part: &Option<Cow<'_, str>>| part.as_ref().is_some_and(|part| part.bytes().any(|b| b.is_ascii_digit()));
    flags.raise_if(has_digit(&name.given) || has_digit(&name.family) || has_digit(&name.middle), Flag::DigitsInName);
    Ok(name)
}

fn parts<'t>(text: &'t str, layout: Layout, flags: &mut Flags) -> PersonName<'t> {
    let mut name = PersonName::default();
    fill(&mut name, text, layout, flags);
    name
}

/// Signs that begin and end no name.
const STRAY: [char; 7] = [',', ';', ':', '/', '*', '_', ' '];

/// Titles off, then order, then case.
fn fill<'t>(name: &mut PersonName<'t>, text: &'t str, layout: Layout, flags: &mut Flags) {
    let trimmed = text.trim_matches(STRAY);
    flags.raise_if(trimmed.len() < text.len(), Flag::StrayPunctuation);
    let mut rest = without_honorific(name, trimmed, flags);
    let mut reversed = None;
    if layout == Layout::Full
        && let Some((left, right)) = rest.split_once(',')
    {
        let right = right.trim();
        if after_titles(right).is_some() {
            // "John Smith, PhD": the comma is the suffix's.
        } else if !right.is_empty() && !left.trim().is_empty() {
            reversed = Some((left.trim(), without_honorific(name, right, flags)));
        }
    }
    if let Some((family, given)) = reversed {
        flags.raise(Flag::NameReordered);
        let family = without_suffix(name, family, Layout::Family, flags);
        let given = without_suffix(name, given.trim_end_matches(','), Layout::Given, flags);
        let (first, middle) = given.split_once(' ').map_or((given, None), |(first, middle)| (first, Some(middle)));
        name.given = part(first, flags);
        name.middle = middle.and_then(|middle| part(middle, flags));
        name.family = part(family, flags);
        return;
    }
    rest = without_suffix(name, rest, layout, flags);
    match layout {
        Layout::Given => name.given = part(rest, flags),
        Layout::Family => name.family = part(rest, flags),
        Layout::Full => split_full(name, rest, flags),
    }
}

fn part<'t>(text: &'t str, flags: &mut Flags) -> Option<Cow<'t, str>> {
    let text = text.trim_matches(STRAY);
    (!text.is_empty()).then(|| cased(text, flags))
}

fn cased<'t>(text: &'t str, flags: &mut Flags) -> Cow<'t, str> {
    let cased = proper(text);
    flags.raise_if(matches!(cased, Cow::Owned(_)), Flag::CaseChanged);
    cased
}

fn split_full<'t>(name: &mut PersonName<'t>, text: &'t str, flags: &mut Flags) {
    let words: Vec<(usize, &str)> = text.split(' ').map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word)).collect();
    let count = words.len();
    if count < 2 {
        name.given = part(text, flags);
        return;
    }
    let shouted =
        |(_, word): &&(usize, &str)| case_of(word) == Case::Upper && word.chars().filter(|c| c.is_alphabetic()).count() >= 2;
    let head = words.iter().take_while(|word| shouted(word)).count();
    let tail = words.iter().rev().take_while(|word| shouted(word)).count();
    let total = words.iter().filter(|word| shouted(word)).count();
    // "DUPONT Jean": French and others shout the family name, wherever it stands.
    if head > 0 && head == total && head < count && words[head..].iter().all(|(_, word)| case_of(word) == Case::Mixed) {
        flags.raise(Flag::NameReordered);
        let at = words[head].0;
        name.family = part(&text[..at], flags);
        let given = &text[at..];
        let (first, middle) = given.split_once(' ').map_or((given, None), |(first, middle)| (first, Some(middle)));
        name.given = part(first, flags);
        name.middle = middle.and_then(|middle| part(middle, flags));
        return;
    }
    let family = if tail > 0 && tail == total && tail < count {
        count - tail
    } else {
        (1..count - 1).find(|at| begins_family(words[*at].1)).unwrap_or(count - 1)
    };
    let at = words[family].0;
    name.given = part(words[0].1, flags);
    name.middle = if family > 1 { part(&text[words[1].0..at], flags) } else { None };
    name.family = part(&text[at..], flags);
}

/// Particles that open a family name. Da and Do are also given names in Asia when written large.
fn begins_family(word: &str) -> bool {
    const SMALL_ONLY: [&str; 5] = ["da", "do", "den", "ten", "e"];
    const ANY: [&str; 24] = [
        "van", "von", "vom", "der", "de", "del", "della", "degli", "di", "du", "des", "dos", "das", "la", "le", "bin", "binti",
        "bint", "ibn", "ter", "zu", "zum", "zur", "af",
    ];
    word.len() <= 5 && (SMALL_ONLY.contains(&word) || ANY.iter().any(|particle| particle.eq_ignore_ascii_case(word)))
}

/// A title: how it is written, and whether it must look like one.
#[derive(Clone, Copy)]
struct Title {
    written: &'static str,
    strict: bool,
}

struct Titles {
    before: FxHashMap<String, Title>,
    after: FxHashMap<String, Title>,
}

static TITLES: LazyLock<Titles> = LazyLock::new(|| {
    let mut titles = Titles { before: FxHashMap::default(), after: FxHashMap::default() };
    for row in table::rows(include_str!("../data/titles.tsv")) {
        let [kind, key, written] = row.cells();
        let title = Title { written, strict: key.ends_with('.') };
        let of_kind = if kind == "before" { &mut titles.before } else { &mut titles.after };
        of_kind.insert(text::key(key).into_owned(), title);
    }
    titles
});

/// The longest key of a title, in letters.
const LONGEST_TITLE: usize = 14;

fn title(titles: &FxHashMap<String, Title>, word: &str) -> Option<Title> {
    if word.len() > LONGEST_TITLE {
        return None;
    }
    text::with_key(word, |key| titles.get(key).copied())
}

fn is_joint(word: &str) -> bool {
    matches!(word, "&" | "and" | "und" | "et" | "y" | "e" | "u." | "+")
}

/// Splits titles off the front, as long as a name follows.
fn without_honorific<'t>(name: &mut PersonName<'t>, text: &'t str, flags: &mut Flags) -> &'t str {
    let mut rest = text;
    let mut found: Option<Cow<'static, str>> = None;
    // "Dr.Smith" has no blank behind its dot.
    while let Some(end) = rest.find([' ', '.']).filter(|end| rest.len() > end + 1) {
        let word = &rest[..end];
        let dotted = rest.as_bytes()[end] == b'.';
        let joint = found.is_some() && is_joint(word);
        let known = title(&TITLES.before, word).filter(|title| !title.strict || dotted);
        let after = rest[end + 1..].trim_start_matches(['.', ' ', '-']);
        if !(joint || known.is_some()) || !after.chars().any(char::is_alphabetic) {
            break;
        }
        let next = after.split([' ', '.']).next().unwrap_or_default();
        if joint && title(&TITLES.before, next).is_none() {
            break;
        }
        let written = known.map_or("&", |title| title.written);
        found = Some(match found {
            None => Cow::Borrowed(written),
            Some(before) => Cow::Owned(format!("{before} {written}")),
        });
        rest = after;
    }
    if found.is_some() {
        flags.raise(Flag::HonorificSplit);
        name.honorific = found;
    }
    rest
}

/// The titles of a text that is nothing but titles.
fn after_titles(text: &str) -> Option<usize> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let mut count = 0;
    words
        .map(|word| title(&TITLES.after, word))
        .all(|title| {
            count += 1;
            title.is_some()
        })
        .then_some(count)
        .filter(|count| *count > 0)
}

/// Splits titles off the end, as long as a name stands before them.
fn without_suffix<'t>(name: &mut PersonName<'t>, text: &'t str, layout: Layout, flags: &mut Flags) -> &'t str {
    let mut rest = text;
    let mut found: Option<Cow<'static, str>> = None;
    while let Some(at) = rest.rfind([' ', ',']) {
        let word = &rest[at + 1..];
        let before = rest[..at].trim_end_matches([' ', ',']);
        let Some(title) = title(&TITLES.after, word) else { break };
        let comma = rest[..=at].trim_end().ends_with(',');
        let shouted =
            case_of(word) == Case::Upper && case_of(text) == Case::Mixed && text.chars().filter(|c| c.is_lowercase()).count() > 1;
        // "David Senior" has a family name; "David Dobbins Senior" has a suffix.
        let long = text::with_key(word, |key| matches!(key, "senior" | "junior"));
        let names = before.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count();
        let needed = if layout == Layout::Full && long && !comma { 2 } else { 1 };
        if names < needed || (title.strict && !(comma || word.contains('.') || shouted)) {
            break;
        }
        found = Some(match found {
            None => Cow::Borrowed(title.written),
            Some(after) => Cow::Owned(format!("{} {after}", title.written)),
        });
        rest = before;
    }
    if found.is_some() {
        flags.raise(Flag::SuffixSplit);
        name.suffix = found;
    }
    rest
}

/// Signs around a nickname.
const QUOTES: [char; 7] = ['"', '(', ')', '“', '”', '«', '»'];

/// `Robert "Bob" Smith`, `Robert (Bob) Smith`: the name without it, and the nickname.
fn split_nickname(text: &str) -> Option<(String, &str)> {
    let pairs = [('"', '"'), ('(', ')'), ('“', '”'), ('«', '»')];
    let (open, close) = pairs.into_iter().find(|(open, _)| text.contains(*open))?;
    let start = text.find(open)?;
    let inner = &text[start + open.len_utf8()..];
    let end = inner.find(close)?;
    let nickname = inner[..end].trim();
    let (before, after) = (text[..start].trim(), inner[end + close.len_utf8()..].trim());
    let named = |part: &str| part.chars().any(char::is_alphabetic);
    // Two of them are something else than a nickname.
    let once = !before.contains(QUOTES) && !after.contains(QUOTES);
    (once && named(nickname) && (named(before) || named(after)))
        .then(|| (format!("{before} {after}").trim().to_owned(), nickname))
}

struct OrganisationWords {
    anywhere: FxHashSet<String>,
    last: FxHashSet<&'static str>,
    /// Endings of several words: "& Sons".
    endings: Vec<String>,
}

static ORGANISATION_WORDS: LazyLock<OrganisationWords> = LazyLock::new(|| {
    let mut found = OrganisationWords { anywhere: FxHashSet::default(), last: FxHashSet::default(), endings: Vec::new() };
    for row in table::rows(include_str!("../data/organisation_words.tsv")) {
        let [place, words] = row.cells();
        if place == "any" {
            found.anywhere.extend(table::words(words).map(|word| text::key(word).into_owned()));
        } else {
            found.last.extend(table::words(words).filter(|word| !word.contains(' ')));
            found.endings.extend(table::words(words).filter(|word| word.contains(' ')).map(|word| format!(" {word}")));
        }
    }
    found
});

/// Legal forms that are surnames when the whole name is written large.
const FORMS_LIKE_NAMES: &[&str] = &["SA", "SE", "AS", "AB", "Oy", "SAS", "SPA", "ASA"];

/// Whether a name of at least two words carries a legal form or a word that only organisations have.
pub fn is_organisation(text: &str) -> bool {
    if !text.contains(' ') {
        return false;
    }
    let words = &*ORGANISATION_WORDS;
    if text.split([' ', ',', '-']).any(|word| word.len() > 2 && text::with_key(word, |key| words.anywhere.contains(key))) {
        return true;
    }
    let last = text.rsplit([' ', ',']).next().unwrap_or_default();
    let form = words.last.contains(last) && !(case_of(text) == Case::Upper && FORMS_LIKE_NAMES.contains(&last));
    form || words.endings.iter().any(|ending| text.ends_with(ending))
}

struct KnownNames {
    given: FxHashSet<String>,
    family: FxHashSet<String>,
}

static KNOWN_NAMES: LazyLock<KnownNames> = LazyLock::new(|| {
    let mut known = KnownNames { given: FxHashSet::default(), family: FxHashSet::default() };
    for row in table::rows(include_str!("../data/given_names.tsv")) {
        let [kind, words] = row.cells();
        let set = if kind == "given" { &mut known.given } else { &mut known.family };
        set.extend(table::words(words).map(|word| text::key(word).into_owned()));
    }
    known
});

/// Whether given and family name seem to stand in each other's column: the first is hardly ever a given name, the second
/// hardly ever a family name. Only the commonest names are known, so most swaps are not seen; none is repaired.
pub fn columns_swapped(given: &str, family: &str) -> Flags {
    let known = &*KNOWN_NAMES;
    let looks = |set: &FxHashSet<String>, name: &str| name.len() <= 20 && text::with_key(name, |key| set.contains(key));
    if looks(&known.family, given) && looks(&known.given, family) { Flags::of(&[Flag::ColumnsSwapped]) } else { Flags::NONE }
}

#[cfg(test)]
mod tests;
