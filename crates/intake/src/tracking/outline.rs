//! What a body's messages are called and whom they name, without making facts of them: for the tail of the door.
//!
//! A second, shallow reading of a body that was read already. It is done only while somebody watches, so that the way of facts carries
//! nothing for it.

use super::message::{Body, Call, Kind, text};

/// A message at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// identify, track …; none where it says none.
    pub kind: Option<&'static str>,
    /// The event's name as it was sent, or the page's.
    pub name: Option<String>,
    /// Whom it names, as they were sent.
    pub identifiers: Vec<(&'static str, String)>,
    /// Bytes of the message.
    pub size_bytes: usize,
}

/// The first `most` messages of a body; none of one that cannot be read.
pub fn outlines(bytes: &[u8], call: Call, most: usize) -> Vec<Outline> {
    let Ok(body) = Body::read(bytes, call, "") else { return Vec::new() };
    let outline = |message: &super::message::Message| {
        let kind = match call {
            Call::One(kind) => Some(kind),
            Call::Batch | Call::Import => text(message.kind).and_then(|name| Kind::parse(&name)),
        };
        let traits = if message.traits.any { &message.traits } else { &message.context.traits };
        let named = [
            ("user_id", message.user_id),
            ("anonymous_id", message.anonymous_id),
            ("group_id", message.group_id),
            ("email", traits.email),
            ("phone", traits.phone),
        ];
        Outline {
            kind: kind.map(Kind::as_str),
            name: text(message.event.or(message.name)).map(std::borrow::Cow::into_owned),
            identifiers: named.into_iter().filter_map(|(kind, token)| Some((kind, text(token)?.into_owned()))).collect(),
            size_bytes: message.raw.len(),
        }
    };
    body.messages.iter().take(most).map(outline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_named_and_counted_whatever_they_are() {
        let body = br#"{"batch":[{"type":"track","event":"Order Completed","userId":"u1"},{"type":"identify","anonymousId":"a","traits":{"email":"x@example.org"}},7]}"#;
        let seen = outlines(body, Call::Batch, 10);
        assert_eq!((seen[0].kind, seen[0].name.as_deref(), seen[0].size_bytes), (Some("track"), Some("Order Completed"), 56));
        assert_eq!(seen[1].identifiers, [("anonymous_id", "a".to_owned()), ("email", "x@example.org".to_owned())]);
        assert_eq!((seen[2].kind, seen.len()), (None, 3));
        assert_eq!(outlines(body, Call::Batch, 1).len(), 1);
        assert!(outlines(b"{", Call::Batch, 10).is_empty());
    }
}
