//! Cleansing, validation and enrichment of single values of customer data.
//!
//! One shape for all: a function takes raw text and what the source states about it, and gives a [`Cleaned`](flag::Cleaned)
//! value with its [`Flags`](flag::Flags). The raw text stays with the caller. A value that needs no repair is borrowed, not
//! copied. What stands for no value (a placeholder, a test, an impossible date) is `None` with the reason, never a guess; a
//! repair is made where one reading is beyond doubt, and every repair has a flag. Everything is deterministic: there is
//! no clock, no randomness and no table outside the binary.
//!
//! *Invariant*: knows no storage, no SQL, no Arrow and no HTTP; imports no other crate of ours. Values come one by one, so that an
//! importer may put a dictionary in front and a server may clean one event.
//!
//! | module | raw text becomes |
//! |---|---|
//! | [`text`] | text without invisible characters, in NFKC, one blank between words |
//! | [`email`] | an address, its mailbox key, what kind of mailbox it is, the organisation behind it |
//! | [`phone`] | E.164 with country and type of line, extension apart |
//! | [`person_name`] | given, middle and family name, honorific, suffix, or an organisation |
//! | [`date`] | a calendar day, in the source's stated order |
//! | [`address`] | street, house number, unit, box, town |
//! | [`postcode`], [`region`] | a postcode in its country's format; the region that it lies in |
//! | [`code`] | ISO codes of countries, languages, currencies |
//! | [`choice`] | a value of a closed list; true or false |
//! | [`amount`] | an exact decimal with its currency |
//! | [`device`] | device class, operating system and browser of a user agent |
//! | [`visit`] | campaign, click id and referrer class of a page address |
//! | [`local_time`] | weekday and hour at the customer's place, within business hours or not |
//! | [`profile`], [`sketch`] | what a column looks like, in parts that merge |
//! | [`drift`] | whether a column or a volume changed |

pub mod address;
pub mod amount;
mod case;
pub mod choice;
pub mod code;
pub mod date;
pub mod device;
pub mod drift;
pub mod email;
pub mod flag;
pub mod local_time;
mod mojibake;
pub mod person_name;
pub mod phone;
mod placeholder;
pub mod postcode;
pub mod profile;
pub mod region;
pub mod sketch;
mod table;
pub mod text;
pub mod visit;
