//! The columns that messages become, as the typer takes them: under construction, then finished.
//!
//! One column a mapped name, filled value by value without an allocation each. What a fact lacks is null; a column that no fact fills
//! costs its nulls. The hidden columns (row, the time that the client said, flags) go along and are no part of any table.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::message::{Token, Traits, text};
use super::scan::mend;
use crate::reader::{ROW, TextColumn};
use crate::typing::convert::SCALE;
use crate::typing::{DERIVED, FLAGS, SAID};

/// What all facts of a message share.
pub(super) struct Stamp {
    /// Position of the message in the draft.
    pub(super) place: u32,
    pub(super) occurred: i64,
    pub(super) said: Option<i64>,
    pub(super) sent: Option<i64>,
    pub(super) offset_min: Option<i32>,
    pub(super) flags: u32,
}

pub(super) fn begin_entry(out: &mut Vec<u8>, key: &str) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends an object that lacks its closing brace; null where there is none.
pub(super) fn push_object(column: &mut TextColumn, object: &mut Vec<u8>, lone_surrogates: bool) {
    if object.is_empty() {
        return column.push_null();
    }
    object.push(b'}');
    if lone_surrogates {
        column.push(mend(&String::from_utf8_lossy(object)).as_bytes());
    } else {
        column.push(object);
    }
}

pub(super) fn push(column: &mut TextColumn, value: Option<Cow<'_, str>>) {
    match value {
        Some(value) => column.push(value.as_bytes()),
        None => column.push_null(),
    }
}

/// What all facts carry.
#[derive(Default)]
pub(super) struct StampColumns {
    pub(super) places: Vec<u32>,
    pub(super) occurred: Vec<i64>,
    pub(super) said: Vec<Option<i64>>,
    pub(super) flags: Vec<i64>,
}

impl StampColumns {
    pub(super) fn push(&mut self, stamp: &Stamp, flags: u32) {
        self.places.push(stamp.place);
        self.occurred.push(stamp.occurred);
        self.said.push(stamp.said);
        self.flags.push(i64::from(flags));
    }
}

/// Finished columns beside the numbers of their messages.
pub(super) struct Columns {
    pub(super) rows: Vec<u32>,
    pub(super) named: Vec<(&'static str, ArrayRef)>,
}

impl Columns {
    pub(super) fn batch(self, first_row: i64) -> RecordBatch {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(self.rows.iter().map(|place| first_row + i64::from(*place))));
        let columns =
            std::iter::once((ROW, rows, false)).chain(self.named.into_iter().map(|(name, column)| (name, column, true)));
        RecordBatch::try_from_iter_with_nullable(columns).expect("every column has a value per fact")
    }

    /// Names and types alone, for the typer.
    pub(super) fn schema(self) -> Schema {
        let fields = self.named.into_iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true));
        Schema::new(std::iter::once(Field::new(ROW, DataType::Int64, false)).chain(fields).collect::<Vec<_>>())
    }
}

fn instants(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn some_instants(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

/// Columns of `events`.
#[derive(Default)]
pub(super) struct EventColumns {
    pub(super) stamp: StampColumns,
    pub(super) id: TextColumn,
    pub(super) name: TextColumn,
    pub(super) channel: TextColumn,
    pub(super) sent: Vec<Option<i64>>,
    pub(super) offset: Vec<Option<i32>>,
    pub(super) conversation: TextColumn,
    pub(super) reference: TextColumn,
    pub(super) product: TextColumn,
    pub(super) amount: Vec<Option<i128>>,
    pub(super) currency: TextColumn,
    pub(super) user_id: TextColumn,
    pub(super) anonymous_id: TextColumn,
    pub(super) email: TextColumn,
    pub(super) phone: TextColumn,
    pub(super) properties: TextColumn,
    pub(super) derived: TextColumn,
    pub(super) scratch: Vec<u8>,
}

impl EventColumns {
    pub(super) fn finish(self) -> Columns {
        let StampColumns { places, occurred, said, flags } = self.stamp;
        let amounts = Decimal128Array::from(self.amount).with_data_type(DataType::Decimal128(18, SCALE as i8));
        let named: Vec<(&'static str, ArrayRef)> = vec![
            ("id", self.id.finish()),
            ("name", self.name.finish()),
            ("channel", self.channel.finish()),
            ("occurred_at", instants(occurred)),
            (SAID, some_instants(said)),
            (FLAGS, Arc::new(Int64Array::from(flags))),
            (DERIVED, self.derived.finish()),
            ("sent_at", some_instants(self.sent)),
            ("utc_offset_min", Arc::new(Int32Array::from(self.offset))),
            ("conversation_id", self.conversation.finish()),
            ("reference", self.reference.finish()),
            ("product", self.product.finish()),
            ("amount", Arc::new(amounts)),
            ("currency", self.currency.finish()),
            ("identifier_user_id", self.user_id.finish()),
            ("identifier_anonymous_id", self.anonymous_id.finish()),
            ("identifier_email", self.email.finish()),
            ("identifier_phone", self.phone.finish()),
            ("properties", self.properties.finish()),
        ];
        Columns { rows: places, named }
    }
}

/// Columns of `records`.
#[derive(Default)]
pub(super) struct RecordColumns {
    pub(super) stamp: StampColumns,
    pub(super) id: TextColumn,
    pub(super) kind: TextColumn,
    pub(super) full_name: TextColumn,
    pub(super) given_name: TextColumn,
    pub(super) family_name: TextColumn,
    pub(super) birth_date: TextColumn,
    pub(super) emails: TextColumn,
    pub(super) phones: TextColumn,
    pub(super) street: TextColumn,
    pub(super) postcode: TextColumn,
    pub(super) city: TextColumn,
    pub(super) region: TextColumn,
    pub(super) country: TextColumn,
    pub(super) organisation: TextColumn,
    pub(super) attributes: TextColumn,
    pub(super) user_id: TextColumn,
    pub(super) anonymous_id: TextColumn,
    pub(super) email: TextColumn,
    pub(super) phone: TextColumn,
    pub(super) scratch: Vec<u8>,
}

impl RecordColumns {
    pub(super) fn begin(&mut self, id: &str, kind: &str, stamp: &Stamp) {
        self.stamp.push(stamp, stamp.flags);
        self.id.push(id.as_bytes());
        self.kind.push(kind.as_bytes());
    }

    /// The columns that a person and an organisation share.
    pub(super) fn traits(&mut self, traits: &Traits) {
        for (column, token) in [
            (&mut self.given_name, traits.given_name),
            (&mut self.family_name, traits.family_name),
            (&mut self.birth_date, traits.birthday),
            (&mut self.emails, traits.email),
            (&mut self.phones, traits.phone),
            (&mut self.street, traits.street),
            (&mut self.postcode, traits.postcode),
            (&mut self.city, traits.city),
            (&mut self.region, traits.region),
            (&mut self.country, traits.country),
        ] {
            push(column, text(token));
        }
    }

    pub(super) fn identifiers(&mut self, user: Option<&str>, anonymous: Option<&str>) {
        push(&mut self.user_id, user.map(Cow::Borrowed));
        push(&mut self.anonymous_id, anonymous.map(Cow::Borrowed));
    }

    pub(super) fn attributes<'a>(&mut self, kept: impl Iterator<Item = &'a str>, group: Token, lone_surrogates: bool) {
        let out = &mut self.scratch;
        out.clear();
        for run in kept {
            out.push(if out.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(run.as_bytes());
        }
        if let Some(group) = group {
            begin_entry(out, "group_id");
            out.extend_from_slice(group.as_bytes());
        }
        push_object(&mut self.attributes, out, lone_surrogates);
    }

    pub(super) fn finish(self) -> Columns {
        let StampColumns { places, occurred, said, flags } = self.stamp;
        let named: Vec<(&'static str, ArrayRef)> = vec![
            ("id", self.id.finish()),
            ("kind", self.kind.finish()),
            ("valid_from", instants(occurred)),
            (SAID, some_instants(said)),
            (FLAGS, Arc::new(Int64Array::from(flags))),
            ("full_name", self.full_name.finish()),
            ("given_name", self.given_name.finish()),
            ("family_name", self.family_name.finish()),
            ("birth_date", self.birth_date.finish()),
            ("emails", self.emails.finish()),
            ("phones", self.phones.finish()),
            ("street", self.street.finish()),
            ("postcode", self.postcode.finish()),
            ("city", self.city.finish()),
            ("region", self.region.finish()),
            ("country", self.country.finish()),
            ("organisation", self.organisation.finish()),
            ("attributes", self.attributes.finish()),
            ("identifier_user_id", self.user_id.finish()),
            ("identifier_anonymous_id", self.anonymous_id.finish()),
            ("identifier_email", self.email.finish()),
            ("identifier_phone", self.phone.finish()),
        ];
        Columns { rows: places, named }
    }
}
