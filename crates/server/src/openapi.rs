//! The contract of the API as OpenAPI 3.1, made from the handlers and wire types. `docs/openapi.json` is its committed
//! copy; a test compares them.

use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::pages::{
    audit, behind, data, drivers, friction, identity, journeys, keys, meta, overview, paths, people, person, quality, quarantine,
    scores, search, source, sql, tail, test_message, timeline, voice, work,
};

#[derive(OpenApi)]
#[openapi(paths(
    meta::meta,
    overview::overview,
    scores::scores,
    people::people,
    person::person,
    timeline::timeline,
    identity::why,
    identity::why_not,
    identity::how,
    identity::review,
    identity::list,
    identity::decide,
    identity::revoke,
    identity::dry_run,
    journeys::journeys,
    journeys::journey,
    paths::process,
    behind::process,
    paths::variants,
    behind::variants,
    paths::funnel,
    behind::funnel,
    paths::retention,
    behind::retention,
    paths::paths,
    behind::paths,
    friction::friction,
    friction::friction_people,
    friction::compare,
    voice::voice,
    voice::theme,
    drivers::drivers,
    data::data,
    quarantine::quarantine,
    quarantine::replay,
    quarantine::discard,
    quality::quality,
    source::source,
    tail::tail,
    test_message::test,
    data::runs,
    work::job,
    search::search,
    work::run,
    work::import,
    sql::sql,
    keys::list,
    keys::create,
    keys::revoke,
    audit::audit
))]
struct Contract;

/// Bodies of requests: keys may be left out.
const REQUESTS: [&str; 11] = [
    "RunRequest",
    "ImportRequest",
    "SqlRequest",
    "KeyRequest",
    "ReplayRequest",
    "DiscardRequest",
    "QuarantineChoice",
    "TestRequest",
    "DecisionRequest",
    "RevokeRequest",
    "DryRunRequest",
];

/// The contract as JSON text.
///
/// In answers every key is always present, null where there is nothing; the derived schemas call nullable keys optional,
/// so all keys are made required here.
///
/// # Panics
/// Never: a contract is JSON with text keys.
pub fn text() -> String {
    let mut contract = serde_json::to_value(Contract::openapi()).expect("the contract is plain data");
    if let Some(schemas) = contract["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas.iter_mut().filter(|(name, _)| !REQUESTS.contains(&name.as_str())) {
            debug_assert!(schema.is_object(), "{name}");
            require_all(schema);
        }
    }
    contract["info"] = json!({
        "title": "Clew",
        "description": "Customer experience: what the cockpit asks. Rules that hold everywhere are in docs/API.md.",
        "version": env!("CARGO_PKG_VERSION"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    });
    contract["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "The token in `<store>/token`"},
        "session": {"type": "apiKey", "in": "cookie", "name": "clew_session_<port>", "description": "Set by /login?token=…"}
    });
    contract["security"] = json!([{"token": []}, {"session": []}]);
    let mut text = serde_json::to_string_pretty(&contract).expect("JSON is text");
    text.push('\n');
    text
}

fn require_all(schema: &mut Value) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let names: Vec<Value> = properties.keys().map(|name| Value::String(name.clone())).collect();
        schema["required"] = Value::Array(names);
    }
    for part in ["oneOf", "allOf"] {
        if let Some(parts) = schema.get_mut(part).and_then(Value::as_array_mut) {
            parts.iter_mut().for_each(require_all);
        }
    }
}
