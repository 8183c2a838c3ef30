//! Channels and directions: closed vocabularies, so that "the same job by channel" is a question that can be asked.
//!
//! An unknown channel is not an error: it maps to [`Channel::System`], the caller keeps the given value in
//! `properties` and flags the row (`unknown_channel`).

use serde::{Deserialize, Serialize};

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value's text in tables, JSON and SQL.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value written `text` (exact, lower case), or `None`.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// Where an interaction took place.
    Channel {
        /// Web site or shop in a browser.
        Web = "web",
        /// Mobile or desktop application.
        App = "app",
        /// E-mail.
        Email = "email",
        /// A phone call with a human.
        Phone = "phone",
        /// Interactive voice response: the phone menu.
        Ivr = "ivr",
        /// Chat with a human.
        Chat = "chat",
        /// Conversation with a bot.
        Bot = "bot",
        /// Text message.
        Sms = "sms",
        /// Messenger applications.
        Messaging = "messaging",
        /// Public social media.
        Social = "social",
        /// A shop or branch.
        Store = "store",
        /// At the customer's place: technician, courier.
        Field = "field",
        /// Letters and parcels.
        Post = "post",
        /// A survey invitation or answer.
        Survey = "survey",
        /// A partner or reseller.
        Partner = "partner",
        /// Nobody's touchpoint: releases, outages, price changes, timers; also the home of unknown values.
        System = "system",
    }
}

vocabulary! {
    /// Who addressed whom.
    Direction {
        /// The customer came to the company.
        Inbound = "inbound",
        /// The company came to the customer.
        Outbound = "outbound",
        /// Inside the company, or between systems.
        Internal = "internal",
    }
}

vocabulary! {
    /// What an answer measures.
    ResponseKind {
        /// Net promoter score, 0–10.
        Nps = "nps",
        /// Satisfaction, 1–5 unless the scale says otherwise.
        Csat = "csat",
        /// Customer effort score, 1–7 unless the scale says otherwise.
        Ces = "ces",
        /// Any other rating.
        Rating = "rating",
        /// Yes or no, as 1 or 0.
        Boolean = "boolean",
        /// One of several options, in `text`.
        Choice = "choice",
        /// Words only.
        Text = "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_reads_back_what_it_writes() {
        for channel in Channel::ALL {
            assert_eq!(Channel::parse(channel.as_str()), Some(*channel));
        }
        assert_eq!(Channel::parse("Web"), None);
        assert_eq!(Channel::ALL.len(), 16);
    }
}
