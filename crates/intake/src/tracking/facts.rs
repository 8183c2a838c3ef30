//! Messages into facts: columns that the typer takes, one pass over each body.
//!
//! | call | becomes |
//! |---|---|
//! | track | an event named after `event` |
//! | page, screen | the event `page_viewed`, `screen_viewed` |
//! | identify | a record of the person: known traits in their columns, the others as attributes |
//! | group | a record of the organisation, and one that ties the person to it |
//! | alias | a record that carries both ids |
//!
//! What makes a retry the same fact: its id is `messageId`, or a hash of the message without what changes on the way (`sentAt`, the key);
//! its content is taken with the client's own time, since the corrected one depends on when the message arrived ([`crate::typing::SAID`]).
//!
//! Device, campaign and referrer are told here, where the context is still in parts; the typer adds what follows from the values.
//!
//! Deliberately missing: merging traits of one person over time, which is the profile's.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Schema;
use clew_lake::{FactBatch, RowCounts, schema};
use clew_model::Channel;
use clew_model::tables::Table;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

use super::columns::{EventColumns, RecordColumns, Stamp, begin_entry, push, push_object};
use super::message::{Body, Call, Context, Kind, Message, Properties, Token, Traits, text};
use super::names::{LONGEST_NAME, snake_case};
use super::time::{corrected, is_plausible, said};
use super::{LONGEST_ID, LONGEST_MESSAGE_ID, MOST_LEVELS, MOST_MESSAGE_BYTES};
use crate::expect::Expectations;
use crate::import::{ForReplay, Refused};
use crate::observe::Sampling;
use crate::outcome::{Outcome, Taken};
use crate::typing::cleansing::Lender;
use crate::typing::cleansing::visit::Visits;
use crate::typing::convert::parse_amount;
use crate::typing::{self, Arrival, Flag, Origin, Typer};

/// What facts of the tracking API name as the place where they came from.
pub const ENDPOINT: &str = "/v1";

/// Turns messages of one source into facts.
pub struct Tracker {
    events: Typer,
    people: Typer,
    organisations: Typer,
    channel: Channel,
    purpose: String,
    visits: Lender<Visits>,
    /// Whether events tell their device, campaign and referrer.
    enriches: bool,
    expectations: Arc<Expectations>,
    sampling: Sampling,
}

impl Tracker {
    /// A tracker for facts of `origin`. `channel` is that of messages which show none, `purpose` the consent that is asked for.
    pub fn new(origin: &Arc<Origin>, channel: Option<Channel>, purpose: &str) -> Self {
        let typer = |table: &str, origin: &Arc<Origin>, schema: &Schema| {
            Typer::new(Arc::clone(origin), Table::find(table).expect("the model has it"), schema)
                .with_checked_objects()
                .open_to_anybody()
        };
        let organisation = Arc::new(Origin { population: "organisation".to_owned(), ..Origin::clone(origin) });
        Self {
            events: typer("events", origin, &EventColumns::default().finish().schema()),
            people: typer("records", origin, &RecordColumns::default().finish().schema()),
            organisations: typer("records", &organisation, &RecordColumns::default().finish().schema()),
            channel: channel.unwrap_or(Channel::System),
            purpose: purpose.to_owned(),
            visits: Lender::default(),
            enriches: !origin.conventions.is_plain(),
            expectations: Arc::default(),
            sampling: Sampling::Live(Arc::default()),
        }
    }

    /// Holds its facts against `expectations`.
    #[must_use]
    pub fn with_expectations(self, expectations: Arc<Expectations>) -> Self {
        Self { expectations, ..self }
    }

    /// The consent that [`Body::read`] looks for.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }
}

/// Facts of several bodies on their way into one chunk.
pub struct Draft<'t, 'a> {
    tracker: &'t Tracker,
    /// Every message as it was sent.
    sent: Vec<Sent<'a>>,
    events: EventColumns,
    people: RecordColumns,
    organisations: RecordColumns,
    outcomes: Vec<Outcome>,
    ids: Vec<Option<Box<str>>>,
    refused: Vec<Refused>,
    /// Facts that were made and are not in the columns, by target: events, records.
    quarantined: [u64; 2],
    rejected: [u64; 2],
    rows: RowCounts,
    name: String,
    visits: Visits,
    /// Which facts are profiled.
    sampling: Sampling,
}

/// A message as it was sent, and what quarantine keeps beside it.
struct Sent<'a> {
    raw: &'a str,
    write_key: Token<'a>,
    sent_at: Token<'a>,
    /// When its batch was sent.
    batch_sent_at: Token<'a>,
    call: Call,
    received: i64,
    /// Its default id, where it was asked for.
    key: Option<String>,
}

impl Sent<'_> {
    /// A hash without what changes when it is sent again.
    fn hash(&self) -> u128 {
        let mut hasher = Xxh3::new();
        let mut cuts = [self.sent_at, self.write_key].map(|token| token.map(|token| range_of(self.raw, token)));
        cuts.sort_by_key(|cut| cut.as_ref().map(|cut| cut.start));
        let mut at = 0;
        for cut in cuts.into_iter().flatten() {
            hasher.update(&self.raw.as_bytes()[at..cut.start]);
            at = cut.end;
        }
        hasher.update(&self.raw.as_bytes()[at..]);
        hasher.digest128()
    }

    /// The message as quarantine keeps it: a key that lets others write has no place there.
    fn without_key(&self) -> String {
        match self.write_key {
            Some(key) => {
                let at = range_of(self.raw, key);
                format!("{}\"\"{}", &self.raw[..at.start], &self.raw[at.end..])
            }
            None => self.raw.to_owned(),
        }
    }

    /// What its replay must know.
    fn for_replay(&self) -> ForReplay {
        let sent_at = self.batch_sent_at.map_or_else(String::new, |token| format!(",\"sent_at\":{token}"));
        ForReplay {
            // One with an id of its own is the same however often it was sent.
            key: Some(self.key.clone().unwrap_or_else(|| format!("{:032x}.1", self.hash()))),
            context: Some(format!("{{\"call\":\"{}\"{sent_at}}}", self.call.as_str())),
            received_at: Some(self.received),
            replaces: None,
        }
    }
}

/// Why a message is no fact.
struct Refusal {
    code: &'static str,
    detail: Cow<'static, str>,
}

impl Refusal {
    fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Who a message is about.
struct Who<'a> {
    user: Option<Cow<'a, str>>,
    anonymous: Option<Cow<'a, str>>,
}

impl Who<'_> {
    fn id(&self) -> &str {
        self.user.as_deref().or(self.anonymous.as_deref()).unwrap_or_default()
    }
}

/// How the messages of one body are read.
struct Reading<'b, 'a> {
    body: &'b Body<'a>,
    call: Call,
    received: i64,
    /// How often a message without id was met in this body.
    repeats: FxHashMap<u128, u32>,
    /// The default id that the message had when it came first.
    key: Option<String>,
}

impl<'t, 'a> Draft<'t, 'a> {
    /// Nothing yet.
    pub fn new(tracker: &'t Tracker) -> Self {
        Self {
            tracker,
            sent: Vec::new(),
            events: EventColumns::default(),
            people: RecordColumns::default(),
            organisations: RecordColumns::default(),
            outcomes: Vec::new(),
            ids: Vec::new(),
            refused: Vec::new(),
            quarantined: [0; 2],
            rejected: [0; 2],
            rows: RowCounts::default(),
            name: String::new(),
            visits: tracker.visits.lend(),
            sampling: tracker.sampling.clone(),
        }
    }

    /// The same for messages that do not stay, or were there before: none of them is profiled.
    #[must_use]
    pub(crate) fn unsampled(self) -> Self {
        Self { sampling: Sampling::Again, ..self }
    }

    /// Adds the messages of `body`, received at `received` (microseconds); gives their places.
    pub fn add(&mut self, body: &Body<'a>, call: Call, received: i64) -> Range<usize> {
        let first = self.outcomes.len();
        let mut reading = Reading { body, call, received, repeats: FxHashMap::default(), key: None };
        for message in &body.messages {
            self.message(&mut reading, message);
        }
        first..self.outcomes.len()
    }

    /// Adds a message once more that came at `received` and had the default id `key`.
    pub(crate) fn add_again(&mut self, body: &Body<'a>, call: Call, received: i64, key: Option<String>) {
        let mut reading = Reading { body, call, received, repeats: FxHashMap::default(), key };
        body.messages.iter().take(1).for_each(|message| self.message(&mut reading, message));
    }

    fn message(&mut self, reading: &mut Reading<'_, 'a>, message: &Message<'a>) {
        let place = self.outcomes.len() as u32;
        self.outcomes.push(Outcome::Skipped);
        self.sent.push(Sent {
            raw: message.raw,
            write_key: message.write_key,
            sent_at: message.sent_at,
            batch_sent_at: reading.body.sent_at,
            call: reading.call,
            received: reading.received,
            key: None,
        });
        self.ids.push(text(message.message_id).map(|id| Box::from(&*id)));
        self.rows.read += 1;
        let kind = match reading.call {
            Call::One(kind) => Some(kind),
            Call::Batch | Call::Import => text(message.kind).and_then(|name| Kind::parse(&name)),
        };
        let Some(kind) = kind.filter(|_| message.is_object) else {
            self.rows.unreadable += 1;
            let refusal = if message.is_object {
                Refusal::new("unknown_call", "type is none of identify, track, page, screen, group, alias")
            } else {
                Refusal::new("unreadable", "the message is not a JSON object")
            };
            return self.refuse(reading, place, None, refusal);
        };
        let target = usize::from(!matches!(kind, Kind::Track | Kind::Page | Kind::Screen));
        if message.context.refuses {
            self.rows.mapped += 1;
            self.rejected[target] += 1;
            self.outcomes[place as usize] = Outcome::Rejected { code: "no_consent" };
            return;
        }
        match self.facts(reading, message, kind, place) {
            Ok(true) => self.rows.mapped += 1,
            Ok(false) => self.rows.skipped += 1,
            Err(refusal) => {
                self.rows.mapped += 1;
                self.quarantined[target] += 1;
                self.refuse(reading, place, Some(TARGETS[target]), refusal);
            }
        }
    }

    fn refuse(&mut self, reading: &mut Reading, place: u32, target: Option<&'static str>, refusal: Refusal) {
        // It counts as an occurrence although it is no fact: a later, sound copy keeps its number when this one is replayed.
        self.default_id(reading, place);
        let sent = &self.sent[place as usize];
        let (row_no, detail) = (i64::from(place), refusal.detail.clone().into_owned());
        let (raw, replay) = (sent.without_key(), sent.for_replay());
        self.refused.push(Refused { target, row_no, ordinal: 0, reason: refusal.code, detail, raw, replay });
        self.outcomes[place as usize] = Outcome::Quarantined { code: refusal.code, detail: refusal.detail };
    }

    /// A hash of the message without what changes when it is sent again, and its how-manieth occurrence in the body.
    fn default_id(&mut self, reading: &mut Reading, place: u32) -> String {
        let sent = &mut self.sent[place as usize];
        if let Some(key) = sent.key.as_ref().or(reading.key.as_ref()) {
            return sent.key.insert(key.clone()).clone();
        }
        let hash = sent.hash();
        let occurrence = reading.repeats.entry(hash).or_insert(0);
        *occurrence += 1;
        sent.key.insert(format!("{hash:032x}.{occurrence}")).clone()
    }

    /// Writes the facts of a message; false when it says nothing.
    fn facts(&mut self, reading: &mut Reading, message: &Message, kind: Kind, place: u32) -> Result<bool, Refusal> {
        if message.raw.len() > MOST_MESSAGE_BYTES {
            return Err(Refusal::new("event_too_large", format!("the message is larger than {} KB", MOST_MESSAGE_BYTES >> 10)));
        }
        if message.depth > MOST_LEVELS {
            return Err(Refusal::new("nested_too_deeply", format!("the message is nested deeper than {MOST_LEVELS} levels")));
        }
        let who = Who { user: id(message.user_id, "userId")?, anonymous: id(message.anonymous_id, "anonymousId")? };
        if who.user.is_none() && who.anonymous.is_none() {
            return Err(Refusal::new("missing_identifier", "neither userId nor anonymousId is given"));
        }
        let stamp = stamp(reading, message, place)?;
        match kind {
            Kind::Track | Kind::Page | Kind::Screen => self.event(reading, message, kind, &who, &stamp).map(|()| true),
            Kind::Identify => Ok(self.identify(reading, message, &who, &stamp)),
            Kind::Group => self.group(reading, message, &who, &stamp).map(|()| true),
            Kind::Alias => self.alias(message, &who, &stamp).map(|()| true),
        }
    }

    fn event(&mut self, reading: &mut Reading, message: &Message, kind: Kind, who: &Who, stamp: &Stamp) -> Result<(), Refusal> {
        let message_id = match text(message.message_id) {
            Some(id) if id.chars().count() > LONGEST_MESSAGE_ID => {
                return Err(Refusal::new("value_too_long", format!("messageId has more than {LONGEST_MESSAGE_ID} characters")));
            }
            Some(id) => id,
            None => Cow::Owned(self.default_id(reading, stamp.place)),
        };
        let mut event_text = None;
        let name = match kind {
            Kind::Page => "page_viewed",
            Kind::Screen => "screen_viewed",
            _ => {
                let event = text(message.event).ok_or_else(|| Refusal::new("missing_value", "event is missing"))?;
                if !snake_case(&event, &mut self.name) {
                    event_text = message.event;
                }
                match self.name.len() {
                    0 => return Err(Refusal::new("missing_value", "event has neither letter nor digit")),
                    1..=LONGEST_NAME => self.name.as_str(),
                    _ => return Err(Refusal::new("value_too_long", format!("event has more than {LONGEST_NAME} bytes"))),
                }
            }
        };
        let properties = &message.properties;
        let (amount, money_flags) = amount(properties);
        let events = &mut self.events;
        events.stamp.push(stamp, stamp.flags | money_flags);
        events.id.push(message_id.trim().as_bytes());
        events.name.push(name.as_bytes());
        events.channel.push(channel(message, kind, self.tracker.channel).as_str().as_bytes());
        events.sent.push(stamp.sent);
        events.offset.push(stamp.offset_min);
        push(&mut events.conversation, text(properties.conversation));
        push(&mut events.reference, text(properties.reference));
        push(&mut events.product, text(properties.product));
        push(&mut events.currency, amount.and_then(|_| text(properties.currency)));
        events.amount.push(amount);
        push(&mut events.user_id, who.user.as_deref().map(Cow::Borrowed));
        push(&mut events.anonymous_id, who.anonymous.as_deref().map(Cow::Borrowed));
        push(&mut events.email, text(message.context.traits.email));
        push(&mut events.phone, text(message.context.traits.phone));
        events.scratch.clear();
        if self.tracker.enriches {
            visit(&mut self.visits, &message.context, &mut events.scratch);
        }
        if events.scratch.is_empty() {
            events.derived.push_null();
        } else {
            events.derived.push(&events.scratch);
        }
        let extra = if kind == Kind::Track { [None, None] } else { [message.name, message.category] };
        let context = reading.body.kept_context(&message.context);
        events.scratch.clear();
        write_properties(properties, extra, event_text, context, &mut events.scratch);
        push_object(&mut events.properties, &mut events.scratch, message.lone_surrogates);
        Ok(())
    }

    /// A record of what is said about somebody; nothing where that is no more than one id.
    fn identify(&mut self, reading: &Reading, message: &Message, who: &Who, stamp: &Stamp) -> bool {
        // Some SDKs put them into the context.
        let traits = if message.traits.any { &message.traits } else { &message.context.traits };
        if !traits.any && (who.user.is_none() || who.anonymous.is_none()) {
            return false;
        }
        let people = &mut self.people;
        people.begin(who.id(), "person", stamp);
        people.traits(traits);
        push(&mut people.full_name, text(traits.full_name));
        push(&mut people.organisation, text(traits.company));
        people.identifiers(who.user.as_deref(), who.anonymous.as_deref());
        push(&mut people.email, text(traits.email));
        push(&mut people.phone, text(traits.phone));
        people.attributes(reading.body.kept_traits(traits), None, message.lone_surrogates);
        true
    }

    fn group(&mut self, reading: &Reading, message: &Message, who: &Who, stamp: &Stamp) -> Result<(), Refusal> {
        let group = id(message.group_id, "groupId")?.ok_or_else(|| Refusal::new("missing_value", "groupId is missing"))?;
        let traits = if message.traits.any { &message.traits } else { &message.context.traits };
        let name = text(traits.full_name).or_else(|| text(traits.company));
        let organisations = &mut self.organisations;
        organisations.begin(&format!("group:{group}"), "organisation", stamp);
        organisations.traits(traits);
        organisations.full_name.push_null();
        push(&mut organisations.organisation, name.clone());
        // An organisation is no person: it is known by its own id, not by those of the people who name it.
        for column in
            [&mut organisations.user_id, &mut organisations.anonymous_id, &mut organisations.email, &mut organisations.phone]
        {
            column.push_null();
        }
        organisations.attributes(reading.body.kept_traits(traits), message.group_id, message.lone_surrogates);
        let people = &mut self.people;
        people.begin(who.id(), "person", stamp);
        people.traits(&Traits::default());
        people.full_name.push_null();
        people.organisation.push(name.as_deref().unwrap_or(&group).as_bytes());
        people.identifiers(who.user.as_deref(), who.anonymous.as_deref());
        people.email.push_null();
        people.phone.push_null();
        people.attributes(std::iter::empty(), message.group_id, message.lone_surrogates);
        Ok(())
    }

    fn alias(&mut self, message: &Message, who: &Who, stamp: &Stamp) -> Result<(), Refusal> {
        let previous =
            id(message.previous_id, "previousId")?.ok_or_else(|| Refusal::new("missing_value", "previousId is missing"))?;
        let people = &mut self.people;
        people.begin(who.id(), "person", stamp);
        people.traits(&Traits::default());
        people.full_name.push_null();
        people.organisation.push_null();
        people.identifiers(who.user.as_deref(), Some(&previous));
        people.email.push_null();
        people.phone.push_null();
        people.attributes(std::iter::empty(), None, false);
        Ok(())
    }

    /// Types everything, as received at `received`. Messages get row numbers from `first_row` on.
    pub fn finish(self, received: i64, first_row: i64) -> Taken {
        let Self {
            tracker,
            sent,
            events,
            people,
            organisations,
            outcomes,
            ids,
            refused,
            quarantined,
            rejected,
            rows,
            visits,
            sampling,
            ..
        } = self;
        tracker.visits.take_back(visits);
        let mut taken = Taken { rows, refused, outcomes, ids, ..Taken::default() };
        taken.refused.iter_mut().for_each(|one| one.row_no += first_row);
        let (events, people, organisations) = (events.finish(), people.finish(), organisations.finish());
        for (at, ordinal, typer, columns) in
            [(0, 0, &tracker.events, events), (1, 0, &tracker.people, people), (1, 1, &tracker.organisations, organisations)]
        {
            if columns.rows.is_empty() {
                continue;
            }
            let output = columns.batch(first_row);
            let arrival = Arrival { received_at: received, file: ENDPOINT, first_row, keys: &[] };
            let mut typed = typer.apply(&output, &arrival, &mut taken.candidates);
            let sampled = sampling.of(first_row, typed.rows.num_rows(), received);
            taken.observed.see_facts(typer.table(), &typed, typer.fields(), (&sampled, received));
            let (name, column) = if at == 0 { ("properties", "properties") } else { ("traits", "attributes") };
            if let Some(objects) = typed.rows.column_by_name(column).and_then(|column| column.as_string_opt::<i32>()) {
                taken.observed.see_keys(name, objects, &sampled);
            }
            tracker.expectations.judge_facts(typer.table(), &mut typed, &mut taken.observed.judged);
            let quarantined = typed.failures.len() as u64;
            for failure in typed.failures {
                let place = (failure.row_no - first_row) as usize;
                taken.outcomes[place] = Outcome::Quarantined { code: failure.reason, detail: Cow::Owned(failure.detail.clone()) };
                let (row_no, reason, detail) = (failure.row_no, failure.reason, failure.detail);
                let (raw, replay) = (sent[place].without_key(), sent[place].for_replay());
                taken.refused.push(Refused { target: Some(TARGETS[at]), row_no, ordinal, reason, detail, raw, replay });
            }
            taken.places.push(typing::places(&typed.rows, first_row));
            let (rows, content, produced) = (typed.rows, typed.content, typed.produced);
            taken.facts.push(FactBatch { table: TARGETS[at], rows, content, produced, quarantined, rejected: 0 });
        }
        for (at, table) in TARGETS.into_iter().enumerate() {
            let (quarantined, rejected) = (quarantined[at], rejected[at]);
            if quarantined + rejected > 0 {
                taken.places.push(Vec::new());
                let (rows, content) = (RecordBatch::new_empty(schema(table).expect("the model has it")), Vec::new());
                taken.facts.push(FactBatch { table, rows, content, produced: quarantined + rejected, quarantined, rejected });
            }
        }
        taken
    }
}

/// The tables that messages fill.
const TARGETS: [&str; 2] = ["events", "records"];

/// An id within its limit.
fn id<'a>(token: Token<'a>, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    match text(token) {
        Some(id) if id.chars().count() > LONGEST_ID => {
            Err(Refusal::new("value_too_long", format!("{name} has more than {LONGEST_ID} characters")))
        }
        id => Ok(id),
    }
}

fn stamp(reading: &Reading, message: &Message, place: u32) -> Result<Stamp, Refusal> {
    let Reading { body, call, received, .. } = *reading;
    let original = message.original_timestamp.or(message.timestamp);
    // What an SDK leaves empty is not given.
    let original = original.filter(|token| *token != "\"\"");
    let read = match original {
        None => None,
        Some(token) => Some(text(Some(token)).as_deref().and_then(said).ok_or_else(|| {
            Refusal::new("invalid_time", "timestamp is not a time of ISO 8601 such as 2026-01-31T12:00:00.000Z")
        })?),
    };
    let sent = text(body.sent_at.or(message.sent_at)).as_deref().and_then(said).map(|sent| sent.micros);
    let said = read.map(|read| read.micros);
    let (occurred, skewed) = match (said, call) {
        (None, _) => (received, false),
        (Some(said), Call::Import) => (said, false),
        (Some(said), _) => corrected(said, sent, received),
    };
    if !is_plausible(occurred, received) {
        return Err(Refusal::new("time_out_of_range", "timestamp lies before 1970, or more than a day after it was received"));
    }
    let flags = if skewed { Flag::ClockSkew as u32 } else { 0 };
    // A client's clock may stand on a time that no column holds: then nobody knows when it was sent.
    let sent = sent.filter(|sent| (0..LAST_INSTANT).contains(sent));
    Ok(Stamp { place, occurred, said, sent, offset_min: read.and_then(|read| read.offset_min), flags })
}

/// The first instant of the year 2200, where the model's times end; microseconds.
const LAST_INSTANT: i64 = 7_258_118_400_000_000;

/// Where `part`, a slice of `whole`, lies in it.
fn range_of(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// Where the message comes from: what it says itself, else what its device or page shows.
fn channel(message: &Message, kind: Kind, usual: Channel) -> Channel {
    let Context { channel, has_app, device_type, system, page_url, user_agent, .. } = &message.context;
    // RudderStack's words: web, mobile, server.
    let stated = |token: Token| match &*text(token)?.to_ascii_lowercase() {
        "mobile" => Some(Channel::App),
        "server" => Some(Channel::System),
        word => Channel::parse(word),
    };
    if let Some(channel) = stated(message.channel).or_else(|| stated(*channel)) {
        return channel;
    }
    let is_mobile =
        |token: &Token| text(*token).is_some_and(|word| word.eq_ignore_ascii_case("ios") || word.eq_ignore_ascii_case("android"));
    if *has_app || kind == Kind::Screen || is_mobile(device_type) || is_mobile(system) {
        return Channel::App;
    }
    if page_url.is_some() || text(*user_agent).is_some_and(|agent| agent.starts_with("Mozilla/")) {
        return Channel::Web;
    }
    usual
}

/// What the context tells of device, campaign and referrer: an object without its closing brace.
fn visit(visits: &mut Visits, context: &Context, object: &mut Vec<u8>) {
    if let Some(agent) = text(context.user_agent) {
        visits.device(&agent, object);
    }
    let page = text(context.page_url);
    if context.campaign.iter().any(Option::is_some) {
        let stated = context.campaign.map(text);
        Visits::stated_campaign(&stated.each_ref().map(|value| value.as_deref()), object);
    } else if let Some(page) = &page {
        visits.campaign(page, object);
    }
    if let Some(referrer) = text(context.page_referrer) {
        visits.referrer(&referrer, page.as_deref(), object);
    }
}

/// The first of revenue, total and value that is an amount, times 10^4, and flags about it. `value` may be anything; that
/// revenue or total is none is worth a flag.
fn amount(properties: &Properties) -> (Option<i128>, u32) {
    let mut flags = 0;
    for (token, is_money) in [(properties.revenue, true), (properties.total, true), (properties.value, false)] {
        let Some(token) = token else { continue };
        match text(Some(token)).and_then(|text| parse_money(text.trim())) {
            Some((amount, rounded)) => {
                return (Some(amount), flags | if rounded { Flag::RoundedAmount as u32 } else { 0 });
            }
            None if is_money => flags |= Flag::UnreadAmount as u32,
            None => {}
        }
    }
    (None, flags)
}

/// An amount in digits, or in the exponent form of JSON.
fn parse_money(text: &str) -> Option<(i128, bool)> {
    if text.bytes().any(|b| b | 0x20 == b'e') {
        let value: f64 = text.parse().ok()?;
        return (value.abs() < 1e14).then(|| parse_amount(&format!("{value:.6}")).ok()).flatten();
    }
    parse_amount(text).ok()
}

/// The properties as they were sent, and what the event adds to them, without the closing brace; empty where there is nothing.
fn write_properties<'a>(
    properties: &Properties,
    [name, category]: [Token; 2],
    event_text: Token,
    context: impl Iterator<Item = &'a str>,
    out: &mut Vec<u8>,
) {
    if let Some(inner) = properties.raw.map(|raw| raw[1..raw.len() - 1].trim()).filter(|inner| !inner.is_empty()) {
        out.push(b'{');
        out.extend_from_slice(inner.as_bytes());
    }
    for (key, value, taken) in [
        ("name", name, properties.has_name),
        ("category", category, properties.has_category),
        ("event_text", event_text, properties.has_event_text),
    ] {
        if let Some(value) = value.filter(|_| !taken) {
            begin_entry(out, key);
            out.extend_from_slice(value.as_bytes());
        }
    }
    let mut is_first = true;
    for run in context {
        if is_first {
            begin_entry(out, if properties.has_context { "_context" } else { "context" });
            out.push(b'{');
        } else {
            out.push(b',');
        }
        is_first = false;
        out.extend_from_slice(run.as_bytes());
    }
    if !is_first {
        out.push(b'}');
    }
}
