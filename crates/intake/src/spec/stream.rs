//! `nats:` and `kafka:` — a stream of a broker, followed as it grows.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OneOrMany, Problem, Secret, Source};

/// A stream of NATS JetStream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// Where the servers are: `nats://host:4222`, or `tls://…`; one or a list.
    pub url: OneOrMany,
    /// The stream.
    pub stream: String,
    /// Only messages of this subject; `*` stands for one word of it, `>` for the rest. All when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Keeps the consumer at the broker under this name when nobody follows; needed where the stream drops messages that no consumer
    /// waits for (retention by interest). Nobody else may use the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<String>,
    /// Where to begin when nothing of the stream was read before.
    #[serde(default)]
    pub start: Start,
    /// User of the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password; `${NAME}` keeps it out of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token in the place of user and password; `${NAME}` keeps it out of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Speaks TLS, with these certificates where some are named; `{}` for those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// A topic of Kafka, or of a broker that speaks its protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Some of the brokers, `host:9092`; they tell of the others.
    pub brokers: OneOrMany,
    /// The topic.
    pub topic: String,
    /// Its partitions: `all`, new ones too, or a list of numbers.
    #[serde(default)]
    pub partitions: Partitions,
    /// Where to begin when nothing of the topic was read before; a partition that is met later begins with its first message.
    #[serde(default)]
    pub start: Start,
    /// How to prove who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
    /// Speaks TLS, with these certificates where some are named; `{}` for those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the oldest message that the broker has.
    #[default]
    Earliest,
    /// With what comes from now on.
    Latest,
}

/// Partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Partitions {
    /// All of them.
    All(All),
    /// These.
    Only(Vec<i32>),
}

impl Default for Partitions {
    fn default() -> Self {
        Self::All(All::All)
    }
}

/// The word for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// All.
    All,
}

/// Certificates of a connection, as PEM files relative to the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Who may have signed the broker's certificate; the authorities of the system when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Our own certificate, for brokers that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// User and password of a Kafka cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How they are proved.
    #[serde(default)]
    pub mechanism: Mechanism,
    /// User.
    pub user: String,
    /// Password; `${NAME}` keeps it out of the file.
    pub password: Secret,
}

/// How user and password are proved to Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// As they are: over TLS only.
    #[serde(rename = "plain")]
    Plain,
    /// SCRAM with SHA-256 (RFC 7677).
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[default]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// The stream that a source follows.
#[derive(Clone, Copy, Debug)]
pub enum Followed<'a> {
    /// Of NATS JetStream.
    Nats(&'a Nats),
    /// Of Kafka.
    Kafka(&'a Kafka),
}

impl<'a> Followed<'a> {
    /// The kind of broker.
    pub fn broker(&self) -> &'static str {
        match self {
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
        }
    }

    /// How it speaks TLS.
    pub fn tls(&self) -> Option<&'a Tls> {
        match self {
            Self::Nats(nats) => nats.tls.as_ref(),
            Self::Kafka(kafka) => kafka.tls.as_ref(),
        }
    }

    /// What is wrong with the declaration.
    pub(crate) fn problems(&self, source: &Source) -> Vec<Problem> {
        let mut problems = Vec::new();
        let broker = match self {
            Self::Nats(_) => "nats",
            Self::Kafka(_) => "kafka",
        };
        let mut add = |key: &str, message: &str, remedy: &str| {
            problems.push(Problem::in_source(source, &format!("/{broker}/{key}"), message, remedy));
        };
        match self {
            Self::Nats(nats) => nats_problems(nats, &mut add),
            Self::Kafka(kafka) => kafka_problems(kafka, &mut add),
        }
        if self.tls().is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some()) {
            add("tls", "`tls:` has a certificate without its key, or a key without its certificate", "name both, or neither");
        }
        problems
    }
}

fn nats_problems(nats: &Nats, add: &mut impl FnMut(&str, &str, &str)) {
    if nats.url.iter().next().is_none() {
        add("url", "`nats:` names no server", "give `url: nats://host:4222`");
    }
    for url in nats.url.iter() {
        let rest = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
        match rest {
            // The address itself is not repeated: it may hold a password.
            Some(rest) if rest.contains('@') => {
                add("url", "the address of the server holds a user or password", "give `user:` and `password:`, or `token:`");
            }
            Some(rest) if !rest.trim_end_matches('/').is_empty() => {}
            _ => add("url", "the address of the server is none", "give `url: nats://host:4222`, or `tls://host:4222`"),
        }
    }
    // What the broker allows in names of streams and consumers.
    let is_name =
        |name: &str| !name.is_empty() && !name.contains(['.', '*', '>', '/', '\\']) && !name.contains(char::is_whitespace);
    if !is_name(&nats.stream) {
        add("stream", "`stream:` is no name of a stream", "name it as `nats stream ls` does: no spaces and none of . * > / \\");
    }
    if nats.durable.as_deref().is_some_and(|name| !is_name(name)) {
        add("durable", "`durable:` is no name of a consumer", "use letters, digits, - and _");
    }
    if nats.subject.as_deref().is_some_and(|subject| subject.is_empty() || subject.contains(char::is_whitespace)) {
        add("subject", "`subject:` is no subject", "give words with dots between them, such as orders.>, or leave it out");
    }
    if nats.user.is_some() != nats.password.is_some() || (nats.user.is_some() && nats.token.is_some()) {
        add("user", "the broker takes `user:` with `password:`, or `token:`", "give the two, or the one, or none of them");
    }
}

fn kafka_problems(kafka: &Kafka, add: &mut impl FnMut(&str, &str, &str)) {
    if kafka.brokers.iter().next().is_none() {
        add("brokers", "`kafka:` names no broker", "give `brokers: host:9092`");
    }
    let is_address = |address: &str| {
        address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok())
    };
    if kafka.brokers.iter().any(|address| !is_address(address)) {
        add("brokers", "a broker is no address", "give host and port, such as kafka.example.com:9092, without a scheme");
    }
    if kafka.topic.is_empty()
        || kafka.topic.len() > 249
        || !kafka.topic.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        add("topic", "`topic:` is no name of a topic", "use letters, digits, . _ and -");
    }
    match &kafka.partitions {
        Partitions::Only(numbers) if numbers.is_empty() => {
            add("partitions", "`partitions:` names none", "say `all`, or leave it out");
        }
        Partitions::Only(numbers) if numbers.iter().any(|number| *number < 0) => {
            add("partitions", "a partition has a number below 0", "count them from 0");
        }
        _ => {}
    }
    if kafka.tls.is_none() && kafka.sasl.as_ref().is_some_and(|sasl| sasl.mechanism == Mechanism::Plain) {
        add("sasl", "the password would go over the line in the open", "say `tls: {}`, or a mechanism of SCRAM");
    }
}
