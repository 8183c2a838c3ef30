//! One chunk through cleansing: columns of text, identifiers, and what is derived.
//!
//! The order matters: countries are read before the numbers and addresses that they decide about, and identifiers are made of
//! cleansed values. A column that names what another one names too (`emails` beside `identifier_email`) tells `derived` once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use clew_cleanse::code::Country;
use clew_identity::rules::Normalise;
use clew_voice::language::detect;

use super::cleansing::field::{Kind, Place};
use super::cleansing::notes::FieldNotes;
use super::cleansing::visit::Visits;
use super::cleansing::{Places, Task};
use super::identifiers::{Candidates, Identifiers, Reader, identify};
use super::{DERIVED, Work, convert, json};

/// Bytes of a text that are enough to tell its language.
const TELLING_BYTES: usize = 512;
/// What mappings call the address of a page, its referrer and the user agent.
const PAGES: &[&str] = &["page_url", "url", "landing_page"];
const REFERRERS: &[&str] = &["referrer", "referer", "page_referrer"];
const USER_AGENTS: &[&str] = &["user_agent", "userAgent", "useragent"];

impl Work<'_> {
    /// Cleanses the columns of text.
    pub(super) fn cleanse(&mut self, places: &Places) {
        let typer = self.typer;
        let kinds = self.typed("kind").filter(|_| typer.table.name == "records").map(|kinds| kinds.as_string::<i32>().clone());
        let has_parts = self.is_mapped("given_name") || self.is_mapped("family_name");
        for (at, kind) in typer.kinds.iter().enumerate().filter(|(at, _)| typer.mapped[*at].is_some()) {
            let (Some(kind), Some(given)) = (*kind, self.columns[at].clone()) else { continue };
            let (conventions, field) = (&*typer.origin.conventions, typer.table.columns[at].name);
            let is_told_by_parts = kind == Kind::FullName && has_parts;
            let derives = !is_told_by_parts && !conventions.is_plain();
            let task = Task { field, kind, conventions, places, kinds: kinds.as_ref(), derives };
            let cleansed = match given.as_list_opt::<i32>() {
                Some(list) => self.cleanser.list(&task, list),
                None => self.cleanser.column(&task, given.as_string()),
            };
            if let Some(column) = cleansed.column {
                self.columns[at] = Some(column);
                self.said.insert(at, vec![given]);
            }
            self.notes.add(cleansed.notes);
            self.fields.push(cleansed.counts);
        }
        if !typer.origin.conventions.is_plain() {
            self.tell_languages();
        }
    }

    /// Where the rows belong: the country that they state, else the source's.
    pub(super) fn places(&self) -> Places {
        let usual = Place { country: self.typer.origin.conventions.country, is_stated: false };
        let countries = self.typed("country").filter(|countries| countries.null_count() < countries.len());
        let rows = countries.map(|countries| {
            let stated = |code: Option<&str>| Country::from_code(code?);
            let place = |code| stated(code).map_or(usual, |country| Place { country: Some(country), is_stated: true });
            countries.as_string::<i32>().iter().map(place).collect()
        });
        Places { usual, rows }
    }

    /// The language of text whose row does not say it.
    fn tell_languages(&mut self) {
        let Some(texts) = self.typed("text").filter(|texts| texts.null_count() < texts.len()).cloned() else { return };
        let given = self.place("language").and_then(|at| self.typer.mapped[at]).map(|at| convert::text(self.output.column(at)));
        let mut notes = FieldNotes::of("language");
        let texts = texts.as_string::<i32>();
        for row in (0..texts.len()).filter(|row| texts.is_valid(*row)) {
            if given.as_ref().is_some_and(|given| convert::present(given, row).is_some()) {
                continue;
            }
            let text = texts.value(row);
            let beginning = &text[..text.floor_char_boundary(TELLING_BYTES)];
            if let Some(language) = detect(beginning, None).language() {
                let mut entry = String::new();
                json::entry(&mut entry, "text_language", language.as_str());
                notes.derive(row, &entry);
            }
        }
        self.notes.add(notes);
    }

    /// Makes identifiers and subjects of cleansed values.
    pub(super) fn identify(&mut self, places: &Places, candidates: &mut Candidates) {
        let (output, typer) = (self.output, self.typer);
        let conventions = &typer.origin.conventions;
        let is_records = typer.table.name == "records";
        let columns = typer.identifiers.iter().map(|column| {
            let rule = typer.origin.rules.rule(&column.kind);
            let (kind, beside) = match rule.normalise {
                Normalise::Email => (Some(Kind::Mailbox), "emails"),
                Normalise::Phone => (Some(Kind::Phone), "phones"),
                Normalise::Exact | Normalise::Lowercase => (None, ""),
            };
            let field = format!("identifier_{}", column.kind);
            let kind = kind.filter(|_| !conventions.is_off(&field));
            let derives = !conventions.is_plain() && !self.is_mapped(beside);
            (Identifiers::new(&column.kind, output.column(column.at), rule), Reader { field, kind, derives })
        });
        let columns: Vec<_> = columns.collect();
        let ids = is_records.then(|| self.columns[0].as_ref().map(|ids| ids.as_string::<i32>().clone())).flatten();
        let (faults, cleanser) = (&mut self.faults, &mut self.cleanser);
        let identified = identify(&columns, (&typer.origin, places), ids.as_ref(), (faults, cleanser), candidates);
        if let Some(said) = identified.said {
            self.say("identifiers", vec![said]);
        }
        self.set("identifiers", identified.identifiers);
        self.set("subject", identified.subjects);
        for (notes, counts) in identified.fields {
            self.notes.add(notes);
            self.fields.push(counts);
        }
    }

    /// Fills the column `derived`.
    pub(super) fn derive(&mut self) {
        let typer = self.typer;
        if typer.origin.conventions.is_plain() {
            return;
        }
        let rows = self.rows();
        if typer.table.name != "events" {
            if let Some(derived) = self.notes.derived(rows, None) {
                self.set("derived", derived);
            }
            return;
        }
        let output = self.output;
        let single = |names: &[&str]| {
            let found = names.iter().find_map(|name| typer.singles.iter().find(|(single, _)| single == name));
            found.map(|(_, at)| convert::text(output.column(*at)))
        };
        let (agents, pages, referrers) = (single(USER_AGENTS), single(PAGES), single(REFERRERS));
        let told = output.column_by_name(DERIVED).map(AsArray::as_string::<i32>);
        let times = self.typed("occurred_at").map(|times| times.as_primitive::<TimestampMicrosecondType>().clone());
        let offsets = self.typed("utc_offset_min").map(|offsets| offsets.as_primitive::<Int32Type>().clone());
        let cleanser = &mut *self.cleanser;
        let mut more = |row: usize, object: &mut Vec<u8>| {
            if let Some(told) = told.filter(|told| told.is_valid(row)) {
                json::join(object, told.value(row).strip_prefix('{').unwrap_or_default().as_bytes());
            }
            visit(
                &mut cleanser.visits,
                [value(agents.as_ref(), row), value(pages.as_ref(), row), value(referrers.as_ref(), row)],
                object,
            );
            let Some(instant) = times.as_ref().filter(|times| times.is_valid(row)).map(|times| times.value(row)) else { return };
            let offset = offsets.as_ref().filter(|offsets| offsets.is_valid(row)).map(|offsets| offsets.value(row));
            let zone = typer.origin.zone.as_ref();
            let offset = offset.or_else(|| zone.and_then(|zone| cleanser.offsets.at(zone, instant)));
            if let Some(offset_min) = offset {
                json::join(object, typer.clock.entries(instant, offset_min, &typer.origin.conventions));
            }
        };
        if let Some(derived) = self.notes.derived(rows, Some(&mut more)) {
            self.set("derived", derived);
        }
    }

    /// The currencies that stood beside amounts, where no column says one.
    pub(super) fn set_currencies(&mut self) {
        let found = std::mem::take(&mut self.currencies);
        if found.is_empty() {
            return;
        }
        let given = self.place("currency").and_then(|at| self.typer.mapped[at]).map(|at| convert::text(self.output.column(at)));
        let is_given = |row: usize| given.as_ref().is_some_and(|given| convert::present(given, row).is_some());
        let stored = self.typed("currency").cloned().unwrap_or_else(|| Arc::new(StringArray::new_null(self.rows())) as ArrayRef);
        let text = stored.as_string::<i32>();
        let mut next = found.iter().filter(|(row, _)| !is_given(*row)).peekable();
        let column: StringArray = (0..text.len())
            .map(|row| match next.next_if(|(of, _)| *of == row) {
                Some((_, currency)) => Some(currency.as_str()),
                None => text.is_valid(row).then(|| text.value(row)),
            })
            .collect();
        if self.said("currency").is_none() {
            self.say("currency", vec![stored.clone()]);
        }
        self.set("currency", Arc::new(column));
    }
}

fn value(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

/// What user agent, page and referrer tell.
fn visit(visits: &mut Visits, [agent, page, referrer]: [Option<&str>; 3], object: &mut Vec<u8>) {
    if let Some(agent) = agent {
        visits.device(agent, object);
    }
    if let Some(page) = page {
        visits.campaign(page, object);
    }
    if let Some(referrer) = referrer {
        visits.referrer(referrer, page, object);
    }
}
