//! A tracking body as messages: which keys are known, and where the rest lies.
//!
//! The shapes are those of Segment's HTTP API (<https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/>) and of
//! RudderStack's (<https://www.rudderstack.com/docs/api/http-api/>), which names the same things. Everything is a slice of the body: nothing is
//! copied here, and a value is only looked into where its key is known. Of a repeated key the last counts.
//!
//! Deliberately missing: `integrations` and `options`, which steer other vendors' destinations; a `context` beside `batch`, in which clew.js
//! says how many events it had to drop.

use std::borrow::Cow;

use super::scan::{Broken, Scanner, unescape};

/// What an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One message of this kind.
    One(Kind),
    /// Messages that name their kind, sent as they happen.
    Batch,
    /// Messages of the past, whose time is taken as it is.
    Import,
}

impl Call {
    /// Its name in the context of a quarantined message.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::One(kind) => kind.as_str(),
            Self::Batch => "batch",
            Self::Import => "import",
        }
    }

    /// The call called `name`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "batch" => Some(Self::Batch),
            "import" => Some(Self::Import),
            name => Kind::parse(name).map(Self::One),
        }
    }
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Who somebody is.
    Identify,
    /// Something that somebody did.
    Track,
    /// A page that somebody saw.
    Page,
    /// A screen of an app that somebody saw.
    Screen,
    /// The organisation that somebody belongs to.
    Group,
    /// Two ids are one person.
    Alias,
}

impl Kind {
    /// The kind called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "identify" => Self::Identify,
            "track" => Self::Track,
            "page" => Self::Page,
            "screen" => Self::Screen,
            "group" => Self::Group,
            "alias" => Self::Alias,
            _ => return None,
        })
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}

/// Why a body was refused as a whole. Nothing of it was stored or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Bytes that are no UTF-8.
    #[error("the body is not UTF-8 (byte {0})")]
    Encoding(usize),
    /// Not JSON.
    #[error("the body is not JSON (byte {0})")]
    Json(usize),
    /// JSON, but no object.
    #[error("the body is not a JSON object")]
    Shape,
    /// A batch without the list, or with an empty one.
    #[error("the body holds no message: send them as `batch`")]
    Empty,
    /// Too many messages.
    #[error("the batch holds more than {limit} messages", limit = super::MOST_MESSAGES)]
    TooMany,
}

/// A value as it is written; none where the key is missing or null.
pub type Token<'a> = Option<&'a str>;

/// The text of a string, or of a number as it is written; none of anything else and of white space.
pub fn text(token: Token<'_>) -> Option<Cow<'_, str>> {
    let token = token?;
    let text = match token.as_bytes().first()? {
        b'"' => unescape(&token[1..token.len() - 1]),
        b'-' | b'0'..=b'9' => Cow::Borrowed(token),
        _ => return None,
    };
    if text.trim().is_empty() { None } else { Some(text) }
}

/// Parts of an object that stay as they were sent: ranges of the body, each one or more entries with their commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    from: u32,
    to: u32,
}

/// Known properties.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four names that may each be taken")]
pub struct Properties<'a> {
    /// All of them; none where there is no object.
    pub raw: Token<'a>,
    pub revenue: Token<'a>,
    pub total: Token<'a>,
    pub value: Token<'a>,
    pub currency: Token<'a>,
    pub reference: Token<'a>,
    pub product: Token<'a>,
    pub conversation: Token<'a>,
    /// Whether names are taken that the event's own additions would have.
    pub has_name: bool,
    pub has_category: bool,
    pub has_context: bool,
    pub has_event_text: bool,
}

/// Known traits; the others are `kept`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traits<'a> {
    pub email: Token<'a>,
    pub phone: Token<'a>,
    pub given_name: Token<'a>,
    pub family_name: Token<'a>,
    pub full_name: Token<'a>,
    pub birthday: Token<'a>,
    pub street: Token<'a>,
    pub city: Token<'a>,
    pub region: Token<'a>,
    pub postcode: Token<'a>,
    pub country: Token<'a>,
    pub company: Token<'a>,
    pub kept: Kept,
    /// Whether there is any.
    pub any: bool,
}

/// What `context.campaign` names, in the order of [`Context::campaign`].
const CAMPAIGN: [&str; 5] = ["source", "medium", "name", "term", "content"];

/// Known parts of the context; all but traits and the address of the sender is `kept`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    pub traits: Traits<'a>,
    pub channel: Token<'a>,
    pub has_app: bool,
    pub device_type: Token<'a>,
    pub system: Token<'a>,
    pub page_url: Token<'a>,
    pub page_referrer: Token<'a>,
    pub user_agent: Token<'a>,
    /// source, medium, name, term and content of `campaign`.
    pub campaign: [Token<'a>; 5],
    /// `consent.<purpose>` is false.
    pub refuses: bool,
    pub kept: Kept,
}

/// One message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// As it was sent.
    pub raw: &'a str,
    /// An element of a batch that is no object has nothing else.
    pub is_object: bool,
    /// Levels of nesting.
    pub depth: usize,
    /// Whether an escaped surrogate lacks its partner.
    pub lone_surrogates: bool,
    pub kind: Token<'a>,
    pub event: Token<'a>,
    pub name: Token<'a>,
    pub category: Token<'a>,
    pub user_id: Token<'a>,
    pub anonymous_id: Token<'a>,
    pub previous_id: Token<'a>,
    pub group_id: Token<'a>,
    pub message_id: Token<'a>,
    pub timestamp: Token<'a>,
    pub original_timestamp: Token<'a>,
    pub sent_at: Token<'a>,
    pub write_key: Token<'a>,
    pub channel: Token<'a>,
    pub properties: Properties<'a>,
    pub traits: Traits<'a>,
    pub context: Context<'a>,
}

/// A body whose JSON is sound.
#[derive(Debug)]
pub struct Body<'a> {
    text: &'a str,
    /// In the order of the body.
    pub(super) messages: Vec<Message<'a>>,
    /// When the batch was sent, by the client's clock.
    pub(super) sent_at: Token<'a>,
    trait_ranges: Ranges,
    context_ranges: Ranges,
}

/// Places in the body, from and to.
type Ranges = Vec<(u32, u32)>;

impl<'a> Body<'a> {
    /// Reads `bytes` as what `call` takes; `purpose` is the consent that is looked for.
    pub fn read(bytes: &'a [u8], call: Call, purpose: &str) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(bytes).map_err(|error| BodyError::Encoding(error.valid_up_to()))?;
        // A byte order mark is no JSON, but some clients send it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut scanner = Scanner::new(text);
        let mut body =
            Self { text, messages: Vec::new(), sent_at: None, trait_ranges: Ranges::new(), context_ranges: Ranges::new() };
        if scanner.peek() != Some(b'{') {
            scanner.value().and_then(|_| scanner.end()).map_err(|Broken(at)| BodyError::Json(at))?;
            return Err(BodyError::Shape);
        }
        let read = match call {
            Call::One(_) => body.message(&mut scanner, purpose),
            Call::Batch | Call::Import => body.batch(&mut scanner, purpose),
        };
        read.and_then(|()| scanner.end()).map_err(|Broken(at)| BodyError::Json(at))?;
        match body.messages.len() {
            0 => Err(BodyError::Empty),
            n if n > super::MOST_MESSAGES => Err(BodyError::TooMany),
            _ => Ok(body),
        }
    }

    /// One message of a body that said `sent_at`, read for itself.
    pub(crate) fn read_again(message: &'a str, sent_at: Token<'a>, purpose: &str) -> Result<Self, BodyError> {
        // Which kind it is says the call that it is taken as.
        Ok(Self { sent_at, ..Self::read(message.as_bytes(), Call::One(Kind::Track), purpose)? })
    }

    fn batch(&mut self, scanner: &mut Scanner<'a>, purpose: &str) -> Result<(), Broken> {
        scanner.object(|scanner, key, _| {
            match &*key {
                "batch" if scanner.peek() == Some(b'[') => {
                    self.messages.clear();
                    scanner.array(|scanner| {
                        // Further ones are only looked at for soundness: the body is refused anyway.
                        if self.messages.len() > super::MOST_MESSAGES {
                            scanner.value().map(drop)
                        } else {
                            self.message(scanner, purpose)
                        }
                    })
                }
                "sentAt" | "sent_at" => token(scanner).map(|token| self.sent_at = token),
                _ => scanner.value().map(drop),
            }
        })
    }

    fn message(&mut self, scanner: &mut Scanner<'a>, purpose: &str) -> Result<(), Broken> {
        scanner.peek();
        let (start, floor) = (scanner.position(), scanner.begin());
        let mut message = Message::default();
        if scanner.peek() == Some(b'{') {
            message.is_object = true;
            let (of_traits, of_context) = (&mut self.trait_ranges, &mut self.context_ranges);
            scanner.object(|scanner, key, _| {
                let slot = match &*key {
                    "type" => &mut message.kind,
                    "event" => &mut message.event,
                    "name" => &mut message.name,
                    "category" => &mut message.category,
                    "userId" | "user_id" => &mut message.user_id,
                    "anonymousId" | "anonymous_id" => &mut message.anonymous_id,
                    "previousId" | "previous_id" => &mut message.previous_id,
                    "groupId" | "group_id" => &mut message.group_id,
                    "messageId" | "message_id" => &mut message.message_id,
                    "timestamp" => &mut message.timestamp,
                    "originalTimestamp" => &mut message.original_timestamp,
                    "sentAt" | "sent_at" => &mut message.sent_at,
                    "writeKey" | "write_key" => &mut message.write_key,
                    "channel" => &mut message.channel,
                    "properties" if scanner.peek() == Some(b'{') => {
                        message.properties = properties(scanner)?;
                        return Ok(());
                    }
                    "traits" if scanner.peek() == Some(b'{') => {
                        message.traits = traits(scanner, of_traits)?;
                        return Ok(());
                    }
                    "context" if scanner.peek() == Some(b'{') => {
                        message.context = context(scanner, of_traits, of_context, purpose)?;
                        return Ok(());
                    }
                    _ => return scanner.value().map(drop),
                };
                *slot = token(scanner)?;
                Ok(())
            })?;
        } else {
            scanner.value()?;
        }
        message.raw = scanner.since(start);
        message.depth = scanner.deepest() - floor;
        message.lone_surrogates = scanner.has_lone_surrogates();
        self.messages.push(message);
        Ok(())
    }

    /// The traits that have no column, as runs of entries.
    pub fn kept_traits(&self, traits: &Traits) -> impl Iterator<Item = &'a str> {
        kept(self.text, &self.trait_ranges, traits.kept)
    }

    /// The context without traits and address, as runs of entries.
    pub fn kept_context(&self, context: &Context) -> impl Iterator<Item = &'a str> {
        kept(self.text, &self.context_ranges, context.kept)
    }
}

fn kept<'a>(text: &'a str, ranges: &[(u32, u32)], kept: Kept) -> impl Iterator<Item = &'a str> {
    ranges[kept.from as usize..kept.to as usize].iter().map(move |&(start, end)| &text[start as usize..end as usize])
}

/// The write key that a body names at its top, for clients that cannot set headers. `None` also where the body is no JSON: whoever reads
/// it next says so.
pub fn write_key(bytes: &[u8]) -> Option<String> {
    let mut found = None;
    let json = std::str::from_utf8(bytes).ok()?;
    let mut scanner = Scanner::new(json.strip_prefix('\u{feff}').unwrap_or(json));
    let walked = scanner.object(|scanner, key, _| {
        let value = token(scanner)?;
        if matches!(&*key, "writeKey" | "write_key") {
            found = text(value).map(Cow::into_owned);
        }
        Ok(())
    });
    walked.ok().and(found)
}

/// Whether a body has a `batch` at its top. False also where it is no JSON: whoever reads it next says so.
pub fn is_batch(bytes: &[u8]) -> bool {
    let mut found = false;
    let Ok(json) = std::str::from_utf8(bytes) else { return false };
    let walked = Scanner::new(json).object(|scanner, key, _| {
        found |= &*key == "batch";
        scanner.value().map(drop)
    });
    walked.is_ok() && found
}

fn token<'a>(scanner: &mut Scanner<'a>) -> Result<Token<'a>, Broken> {
    scanner.value().map(|value| (value != "null").then_some(value))
}

fn properties<'a>(scanner: &mut Scanner<'a>) -> Result<Properties<'a>, Broken> {
    let start = scanner.position();
    let mut found = Properties::default();
    // Of several names for one thing the first of this order counts.
    let (mut references, mut products) = ([None; 4], [None; 2]);
    scanner.object(|scanner, key, _| {
        let slot = match &*key {
            "revenue" => &mut found.revenue,
            "total" => &mut found.total,
            "value" => &mut found.value,
            "currency" => &mut found.currency,
            "order_id" => &mut references[0],
            "orderId" => &mut references[1],
            "case_id" => &mut references[2],
            "ticket_id" => &mut references[3],
            "product_id" => &mut products[0],
            "sku" => &mut products[1],
            "conversation_id" => &mut found.conversation,
            other => {
                found.has_name |= other == "name";
                found.has_category |= other == "category";
                found.has_context |= other == "context";
                found.has_event_text |= other == "event_text";
                return scanner.value().map(drop);
            }
        };
        *slot = token(scanner)?;
        Ok(())
    })?;
    found.reference = references.into_iter().find(|token| text(*token).is_some()).flatten();
    found.product = products.into_iter().find(|token| text(*token).is_some()).flatten();
    found.raw = Some(scanner.since(start));
    Ok(found)
}

/// Collects the entries that stay: neighbours become one range.
struct Keeper<'r> {
    ranges: &'r mut Ranges,
    from: usize,
    was_kept: bool,
}

impl<'r> Keeper<'r> {
    fn new(ranges: &'r mut Ranges) -> Self {
        Self { from: ranges.len(), ranges, was_kept: false }
    }

    fn entry(&mut self, keep: bool, start: usize, end: usize) {
        if keep {
            match self.ranges.last_mut().filter(|_| self.was_kept) {
                Some(last) => last.1 = end as u32,
                None => self.ranges.push((start as u32, end as u32)),
            }
        }
        self.was_kept = keep;
    }

    fn done(self) -> Kept {
        Kept { from: self.from as u32, to: self.ranges.len() as u32 }
    }
}

fn traits<'a>(scanner: &mut Scanner<'a>, ranges: &mut Ranges) -> Result<Traits<'a>, Broken> {
    let mut found = Traits::default();
    let mut keeper = Keeper::new(ranges);
    scanner.object(|scanner, key, start| {
        found.any = true;
        let nested = scanner.peek() == Some(b'{');
        let slot = match &*key {
            "address" if nested => {
                let whole = address(scanner, &mut found)?;
                keeper.entry(!whole, start, scanner.position());
                return Ok(());
            }
            "company" if nested => {
                let mut whole = true;
                scanner.object(|scanner, key, _| {
                    let value = token(scanner)?;
                    let known = key == "name" && text(value).is_some();
                    if known {
                        found.company = value;
                    }
                    whole &= known;
                    Ok(())
                })?;
                keeper.entry(!whole, start, scanner.position());
                return Ok(());
            }
            "email" => &mut found.email,
            "phone" => &mut found.phone,
            "firstName" | "first_name" => &mut found.given_name,
            "lastName" | "last_name" => &mut found.family_name,
            "name" => &mut found.full_name,
            "birthday" => &mut found.birthday,
            "company" => &mut found.company,
            _ => {
                scanner.value()?;
                keeper.entry(true, start, scanner.position());
                return Ok(());
            }
        };
        let value = token(scanner)?;
        // What is no text has no place in its column: it stays where it was sent.
        let known = value.is_none() || text(value).is_some();
        *slot = value.filter(|_| known);
        keeper.entry(!known, start, scanner.position());
        Ok(())
    })?;
    found.kept = keeper.done();
    Ok(found)
}

/// Reads an address; whether all of it has a column.
fn address<'a>(scanner: &mut Scanner<'a>, found: &mut Traits<'a>) -> Result<bool, Broken> {
    let mut whole = true;
    scanner.object(|scanner, key, _| {
        let slot = match &*key {
            "street" => &mut found.street,
            "city" => &mut found.city,
            "state" => &mut found.region,
            "postalCode" | "postal_code" => &mut found.postcode,
            "country" => &mut found.country,
            _ => {
                whole = false;
                return scanner.value().map(drop);
            }
        };
        let value = token(scanner)?;
        let known = value.is_none() || text(value).is_some();
        *slot = value.filter(|_| known);
        whole &= known;
        Ok(())
    })?;
    Ok(whole)
}

fn context<'a>(
    scanner: &mut Scanner<'a>,
    of_traits: &mut Ranges,
    of_context: &mut Ranges,
    purpose: &str,
) -> Result<Context<'a>, Broken> {
    let mut found = Context::default();
    let mut keeper = Keeper::new(of_context);
    scanner.object(|scanner, key, start| {
        let nested = scanner.peek() == Some(b'{');
        match &*key {
            "traits" if nested => found.traits = traits(scanner, of_traits)?,
            "consent" if nested => scanner.object(|scanner, key, _| {
                let value = scanner.value()?;
                if key == purpose {
                    found.refuses = value == "false";
                }
                Ok(())
            })?,
            "page" if nested => scanner.object(|scanner, key, _| {
                let value = token(scanner)?;
                match &*key {
                    "url" => found.page_url = value,
                    "referrer" => found.page_referrer = value,
                    _ => {}
                }
                Ok(())
            })?,
            "campaign" if nested => scanner.object(|scanner, key, _| {
                let value = token(scanner)?;
                if let Some(at) = CAMPAIGN.iter().position(|name| *name == key) {
                    found.campaign[at] = value;
                }
                Ok(())
            })?,
            "device" if nested => one(scanner, "type", &mut found.device_type)?,
            "os" if nested => one(scanner, "name", &mut found.system)?,
            "channel" => found.channel = token(scanner)?,
            "userAgent" | "user_agent" => found.user_agent = token(scanner)?,
            "app" => found.has_app = token(scanner)?.is_some_and(|app| app.len() > 2),
            _ => drop(scanner.value()?),
        }
        keeper.entry(!matches!(&*key, "traits" | "ip"), start, scanner.position());
        Ok(())
    })?;
    found.kept = keeper.done();
    Ok(found)
}

/// The value of `wanted` in the object that begins here.
fn one<'a>(scanner: &mut Scanner<'a>, wanted: &str, slot: &mut Token<'a>) -> Result<(), Broken> {
    scanner.object(|scanner, key, _| {
        let value = token(scanner)?;
        if key == wanted {
            *slot = value;
        }
        Ok(())
    })
}
