//! `clew check` for sources: every problem at once, with file, line, column and remedy.
//!
//! It goes the way of an import up to the first row that would be stored, plus what an import does not need to ask:
//! would the values of the first rows be stored, or quarantined? With `read_files` false only the declaration and the
//! SQL's shape are checked, for projects whose data is elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use clew_model::Channel;
use clew_model::tables::TableKind;

use crate::expect::{Expectations, Judged, REASON};
use crate::import::{Job, Loaded, Planner, address_of, compile, is_wanted, of_expectations, parse_all, probe};
use crate::mapping::{Engine, LookupTable, Lookups};
use crate::nearest::nearest;
use crate::reader::{Reader, format_of, list};
use crate::spec::{
    Api, Followed, Format, Kind, Mode, Problem, S3, Severity, Signature, SignatureScheme, Source, Sources, interval, kind_problem,
};
use crate::stream::client_config;
use crate::typing::cleansing::conventions::Conventions;
use crate::typing::{Arrival, Candidates, in_row_order};

/// Rows whose values are tried.
const SAMPLE_ROWS: usize = 10_000;

/// Every problem with `source`.
pub fn check(sources: &Sources, source: &Source, read_files: bool) -> Vec<Problem> {
    let mut problems = declaration(sources, source);
    // Certificates are files too.
    let tls = source.spec.followed().and_then(|followed| followed.tls()).filter(|_| read_files);
    if let Some(Err(error)) = tls.map(|tls| client_config(Some(tls), &sources.dir)) {
        problems.push(Problem::in_source(
            source,
            &of_kind(source, "tls"),
            error.to_string(),
            "correct `tls:`; paths are relative to the project",
        ));
    }
    let Ok(rules) = compile(sources) else { return problems };
    let mut lookups = if read_files { Loaded::columns_only(sources) } else { names_only(sources) };
    // The values of joined columns come from the lookups' rows. One that cannot be read is its own source's problem.
    let loaded = read_files.then(|| Loaded::read(sources, &[source]).ok()).flatten().unwrap_or_default();
    lookups.extend(loaded.tables());
    let engine = match Engine::new(lookups) {
        Ok(engine) => engine,
        Err(error) => {
            problems.push(Problem::in_source(source, "", format!("the SQL engine does not start: {error}"), "report this"));
            return problems;
        }
    };
    let is_followed = source.spec.followed().is_some() && source.spec.live() == Some(Api::Rows);
    if is_followed || source.spec.kind().is_some_and(Kind::is_pulled) {
        problems.extend(without_rows(sources, (&engine, &loaded), source));
        return problems;
    }
    if !read_files || source.spec.files.is_none() {
        problems.extend(parse_all(&engine, source).err().into_iter().flatten());
        let expectations = futures::executor::block_on(Expectations::of(sources, source, &engine, &loaded));
        problems.extend(of_expectations(source, expectations.err().unwrap_or_default()));
        return problems;
    }
    // Planning touches no file and no clock, so it needs no runtime.
    // What earlier imports had is not asked: the mapping must fit the files that are here.
    let known = BTreeMap::new();
    let all = |_: &std::path::Path| true;
    match futures::executor::block_on(Job::prepare(sources, (&engine, &loaded), &rules, (source, &all), &known)) {
        // What the declaration shows has been told.
        Err(found) => problems.extend(found.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>()),
        Ok(job) => {
            problems.extend(job.warnings.iter().cloned());
            problems.extend(lookup_key(sources, source));
            problems.extend(sample(&job));
        }
    }
    problems
}

/// What the mapping of a source in another system shows by itself: every column that it names is taken to be there, as text.
fn without_rows(sources: &Sources, (engine, loaded): (&Engine, &Loaded), source: &Source) -> Vec<Problem> {
    let Ok(rules) = compile(sources) else { return Vec::new() };
    // Planning touches no file and no clock, so it needs no runtime.
    let planner = futures::executor::block_on(Planner::new(sources, (engine, loaded), &rules, source));
    let is_typed = source.spec.format == Some(Format::Parquet)
        || source.spec.s3.as_ref().is_some_and(|spec| {
            spec.glob.as_deref().and_then(|glob| format_of(std::path::Path::new(glob))) == Some(Format::Parquet)
        });
    match planner {
        Err(problems) => problems,
        // The types of Parquet are the file's own: what the SQL makes of them shows on reading.
        Ok(_) if is_typed => Vec::new(),
        Ok(mut planner) => {
            let nothing = Arc::new(arrow::datatypes::Schema::empty());
            futures::executor::block_on(planner.plan(&nothing, true)).err().unwrap_or_default()
        }
    }
}

/// Asks the system that `source` reads: whether it answers, and gives the columns that the mapping names or has the stream. No row is read.
pub async fn check_connection(sources: &Sources, source: &Source) -> Vec<Problem> {
    let kind = source.spec.kind();
    let Ok(rules) = compile(sources) else { return Vec::new() };
    match kind {
        Some(Kind::S3(spec)) => probe_bucket(sources, source, spec).await,
        Some(Kind::Nats(_) | Kind::Kafka(_)) => match crate::stream::probe(sources, source).await {
            Some(Err(error)) => {
                vec![Problem::in_source(
                    source,
                    &of_kind(source, ""),
                    error.to_string(),
                    "correct the source, or see that the broker answers",
                )]
            }
            _ => Vec::new(),
        },
        Some(kind) if kind.is_pulled() => {
            let Ok(engine) = Engine::new(Loaded::columns_only(sources)) else { return Vec::new() };
            // Problems of the SQL alone are told without a connection.
            let loaded = Loaded::read(sources, &[source]).unwrap_or_default();
            let planner = Planner::new(sources, (&engine, &loaded), &rules, source).await.ok();
            probe(sources, source, kind, planner).await.err().unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

async fn probe_bucket(sources: &Sources, source: &Source, spec: &S3) -> Vec<Problem> {
    use futures::TryStreamExt;
    let refuse = |error: clew_lake::BucketError| {
        vec![Problem::in_source(source, "/s3", error.to_string(), "correct `s3:`, or see that the store answers")]
    };
    let bucket = match address_of(spec, &sources.dir).and_then(|address| clew_lake::Bucket::open(&address)) {
        Ok(bucket) => bucket,
        Err(error) => return refuse(error),
    };
    let pattern = spec.glob.as_deref().and_then(|pattern| glob::Pattern::new(pattern).ok());
    let mut listed = bucket.list(spec.prefix.as_deref().unwrap_or_default());
    loop {
        match listed.try_next().await {
            Err(error) => return refuse(error),
            Ok(Some(object)) if is_wanted(spec, pattern.as_ref(), &object.key) => return Vec::new(),
            Ok(Some(_)) => {}
            Ok(None) => {
                let mut problem = Problem::in_source(
                    source,
                    "/s3/glob",
                    "no object of the bucket fits `prefix:` and `glob:`",
                    "correct them, if there should be some",
                );
                problem.severity = Severity::Warning;
                return vec![problem];
            }
        }
    }
}

fn names_only(sources: &Sources) -> Lookups {
    let empty = || {
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        Arc::new(datafusion::datasource::MemTable::try_new(schema, vec![vec![]]).expect("no batch disagrees with the schema"))
    };
    let lookup = |source: &Source| {
        let key = source.spec.lookup.as_ref()?.key.iter().map(str::to_owned).collect();
        Some((source.name.clone(), LookupTable { key, table: empty() }))
    };
    sources.sources.iter().filter_map(lookup).collect()
}

/// What the declaration alone shows.
fn declaration(sources: &Sources, source: &Source) -> Vec<Problem> {
    let spec = &source.spec;
    let mut problems = Vec::new();
    let mut add = |key: &str, message: String, remedy: &str| {
        problems.push(Problem::in_source(source, &format!("/{key}"), message, remedy));
    };
    let is_tracking = [spec.api, spec.messages].contains(&Some(Api::Tracking));
    if source.mappings.is_empty() && spec.lookup.is_none() && !is_tracking {
        add(
            "",
            "it fills no table".into(),
            &format!(
                "write sources/{0}.events.sql, .records.sql or .responses.sql, or declare `lookup: {{key: …}}`",
                source.name
            ),
        );
    }
    if spec.lookup.as_ref().is_some_and(|lookup| lookup.key.iter().next().is_none()) {
        add("lookup", "the lookup has no key".into(), "name the columns that are unique: `lookup: {key: …}`");
    }
    for mapping in
        source.mappings.iter().filter(|mapping| mapping.target.kind != TableKind::Fact || !is_target(mapping.target.name))
    {
        add("", format!("{} is no target", mapping.target.name), "targets are events, records and responses");
    }
    live(source, &mut add);
    pulled(source, &mut add);
    match spec.max_deleted {
        Some(_) if spec.mode != Mode::Snapshot => {
            add("max_deleted", "max_deleted has no meaning here".into(), "say `mode: snapshot`, or leave it out");
        }
        Some(share) if !(0.0..=1.0).contains(&share) => {
            add("max_deleted", format!("max_deleted {share} is no share"), "give a number from 0 to 1");
        }
        _ => {}
    }
    if spec.lookup.is_some() && source.mappings.is_empty() && !spec.expect.is_empty() {
        add(
            "expect",
            "a lookup makes no facts: its rows are not held against expectations".into(),
            "expect it of the source that joins it",
        );
    }
    for name in spec.columns.keys().filter(|name| !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
    {
        add(
            &format!("columns/{name}"),
            format!("the promoted column {name} is not in snake case"),
            "use lower-case letters, digits and _",
        );
    }
    if let Some(language) = spec.language.as_ref().filter(|language| language.len() != 2) {
        add("language", format!("{language} is no language"), "give an ISO 639-1 code of two letters, e.g. pt");
    }
    if let Some(name) = sources.timezone_of(source).filter(|name| jiff::tz::TimeZone::get(name).is_err()) {
        add("timezone", format!("there is no time zone {name}"), "use a name of the IANA list, e.g. Europe/Berlin");
    }
    for mistake in Conventions::of(&spec.cleanse, &sources.defaults).err().into_iter().flatten() {
        add("cleanse", mistake.message, &mistake.remedy);
    }
    problems.extend(kind_problem(source));
    match spec.kind() {
        Some(Kind::S3(bucket)) => problems.extend(bucket.problems(source)),
        Some(Kind::Postgres(database)) => problems.extend(database.problems(source, &["postgres", "postgresql"])),
        Some(Kind::Mysql(database)) => problems.extend(database.problems(source, &["mysql", "mariadb"])),
        Some(Kind::Nats(nats)) => problems.extend(Followed::Nats(nats).problems(source)),
        Some(Kind::Kafka(kafka)) => problems.extend(Followed::Kafka(kafka).problems(source)),
        _ => {}
    }
    problems.dedup();
    problems
}

/// What sources in other systems may not say.
fn pulled(source: &Source, add: &mut impl FnMut(&str, String, &str)) {
    let spec = &source.spec;
    let is_pulled = spec.kind().is_some_and(Kind::is_pulled);
    match &spec.every {
        Some(_) if !is_pulled => {
            add("every", "`every:` is for buckets and databases".into(), "leave it out: files are taken in when they come");
        }
        Some(every) => {
            if let Err(remedy) = interval(every) {
                add("every", format!("`every: {every}` is no interval"), &remedy);
            }
        }
        None => {}
    }
    if is_pulled && spec.lookup.is_some() {
        add("lookup", "reference data cannot be pulled from another system".into(), "read the lookup from a file with `files:`");
    }
    if is_pulled && spec.mode == Mode::Snapshot {
        add("mode", "what is pulled are changes, not complete exports".into(), "use `mode: append` or `mode: upsert`");
    }
}

/// What the APIs and streams may say, each for itself.
fn live(source: &Source, add: &mut impl FnMut(&str, String, &str)) {
    let spec = &source.spec;
    let live = spec.live();
    let (way, key) = if spec.followed().is_some() { ("from a stream", "messages") } else { ("over HTTP", "api") };
    if live.is_some() && spec.lookup.is_some() {
        add("lookup", format!("reference data cannot come {way}"), "read the lookup from a file with `files:`");
    }
    if live.is_some() && spec.mode == Mode::Snapshot {
        add("mode", format!("a source {way} has no complete exports"), "use `mode: append` or `mode: upsert`");
    }
    if live == Some(Api::Tracking) {
        if spec.mode != Mode::Append {
            add("mode", "tracking calls are written once".into(), "leave `mode:` out, or say `mode: append`");
        }
        if !source.mappings.is_empty() {
            add(
                key,
                "tracking calls map themselves".into(),
                &format!("remove sources/{}.*.sql, or say `{key}: rows` to map rows of your own", source.name),
            );
        }
    }
    if spec.messages.is_some() && spec.followed().is_none() {
        add("messages", "`messages:` is for streams".into(), "leave it out, or name a stream with `nats:` or `kafka:`");
    }
    if spec.followed().is_some() && spec.format == Some(Format::Parquet) {
        add("format", "a message is no Parquet file".into(), "use `format: json`, `jsonl` or `csv`, or leave it out");
    }
    if spec.signature.is_some() && spec.api != Some(Api::Rows) {
        add("signature", "a signature is for rows over HTTP".into(), "say `api: rows`, or leave `signature:` out");
    }
    if spec.signature.as_ref().is_some_and(|signature| signature.secret.reveal().is_empty()) {
        add(
            "signature/secret",
            "the secret of the signature is empty: everybody could sign".into(),
            "give the key that was agreed with the sender",
        );
    }
    if let Some(signature) = &spec.signature {
        for (of, message, remedy) in signature_problems(signature) {
            add(&format!("signature/{of}"), message.into(), remedy);
        }
    }
    match spec.channel.as_deref() {
        Some(_) if live != Some(Api::Tracking) => {
            add("channel", "`channel:` is for tracking calls".into(), "say the channel in the mapping, or leave it out");
        }
        Some(channel) if Channel::parse(channel).is_none() => {
            let known = nearest(channel, Channel::ALL.iter().map(|channel| channel.as_str()));
            let hint =
                known.map_or("use one of the glossary, such as web or app".to_owned(), |known| format!("did you mean {known}?"));
            add("channel", format!("there is no channel {channel}"), &hint);
        }
        _ => {}
    }
}

/// Pointer to a key of what says where the rows of `source` come from.
fn of_kind(source: &Source, key: &str) -> String {
    let kinds = source.spec.kinds();
    let kind = kinds.iter().find(|(_, kind)| kind.is_some()).map_or("", |(key, _)| key);
    format!("/{kind}/{key}")
}

fn is_target(name: &str) -> bool {
    matches!(name, "events" | "records" | "responses")
}

/// A lookup's key must be among its columns.
fn lookup_key(sources: &Sources, source: &Source) -> Vec<Problem> {
    let Some(lookup) = &source.spec.lookup else { return Vec::new() };
    let Some(path) = list(&sources.dir, source.spec.files.as_ref()).ok().and_then(|files| files.into_iter().next()) else {
        return Vec::new();
    };
    let Ok(reader) = Reader::open(&path, &crate::reader::ReadOptions::of(&source.spec)) else { return Vec::new() };
    let schema = reader.schema();
    let missing = lookup.key.iter().filter(|key| schema.index_of(key).is_err());
    missing
        .map(|key| {
            Problem::in_source(
                source,
                "/lookup/key",
                format!("the key {key} is no column of {}", path.display()),
                "correct `lookup: {key: …}`",
            )
        })
        .collect()
}

/// What would become of the first rows of the first file.
fn sample(job: &Job) -> Vec<Problem> {
    let Some(file) = job.files.first().filter(|_| !job.is_lookup_only()) else { return Vec::new() };
    let Ok(mut reader) = Reader::open(&file.path, &file.options) else { return Vec::new() };
    reader.add_columns(file.work.added.iter().map(String::as_str));
    let program = &file.work.program;
    let (schema, decoder) = (reader.schema(), reader.decoder());
    let wanted: Option<Vec<usize>> = program.columns.iter().map(|name| schema.index_of(name).ok()).collect();
    let (Some(wanted), Ok(Some(block))) = (wanted, reader.next_block()) else { return Vec::new() };
    let decoded = decoder.decode(&block, &wanted);
    let rows = decoded.batch.num_rows().min(SAMPLE_ROWS);
    let batch = decoded.batch.slice(0, rows);
    let arrival = Arrival { received_at: 0, file: &file.name, first_row: block.first_row, keys: &block.keys };
    let mut problems = Vec::new();
    for (at, (mapping, typer)) in job.source.mappings.iter().zip(&file.work.typers).enumerate() {
        // A plan with a join spawns tasks, which need a runtime of their own: check may be called from anywhere.
        let Ok(Ok(output)) = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build();
                    runtime.map(|runtime| runtime.block_on(program.run(at, &batch)))
                })
                .join()
                .unwrap_or_else(|_| Err(std::io::Error::other("the plan panicked")))
        }) else {
            let message = format!("the SQL fails on some of the first {rows} rows of {}", file.name);
            let remedy = "use try_cast or a CASE: such rows are quarantined as mapping_failed";
            problems.push(Problem { severity: Severity::Warning, ..Problem::in_file(&mapping.path, message, remedy) });
            continue;
        };
        let mut typed = typer.apply(&in_row_order(output), &arrival, &mut Candidates::default());
        job.expectations.judge_facts(mapping.target, &mut typed, &mut Judged::default());
        let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for failure in &typed.failures {
            *reasons.entry((failure.reason, failure.detail.as_str())).or_default() += 1;
        }
        for ((reason, detail), n) in reasons {
            let message = format!("{n} of the first {} facts would be quarantined ({reason}): {detail}", typed.produced);
            let remedy = match reason {
                "naive_time" => "say `timezone:` in the source",
                "invalid_date" => "say the order in the source, e.g. `cleanse: {date_order: dmy}`, or correct the mapping",
                REASON => "correct the mapping or the expectation, or leave it to quarantine",
                _ => "correct the mapping, or leave it to quarantine",
            };
            let severity = if reason == "naive_time" { Severity::Error } else { Severity::Warning };
            problems.push(Problem { severity, ..Problem::in_file(&mapping.path, message, remedy) });
        }
    }
    problems
}

/// What is wrong with how a signature is declared: where, what and what to do.
fn signature_problems(signature: &Signature) -> Vec<(&'static str, &'static str, &'static str)> {
    let (is_body, is_twilio) = (signature.scheme == SignatureScheme::Body, signature.scheme == SignatureScheme::Twilio);
    let signs_time = matches!(signature.scheme, SignatureScheme::Stripe | SignatureScheme::Zendesk);
    let mut problems = Vec::new();
    match (is_body, signature.header.is_empty()) {
        (true, true) => problems.push(("header", "nothing says which header carries the signature", "name it with `header:`")),
        (false, false) => {
            problems.push(("header", "the header of this scheme is its own", "leave `header:` out, or say `scheme: body`"));
        }
        _ => {}
    }
    if signature.tolerance.is_some() && !signs_time {
        problems.push(("tolerance", "this scheme signs no time", "leave `tolerance:` out"));
    }
    if signature.tolerance_s().is_none() {
        problems.push(("tolerance", "this is no length of time", "write it such as 30s or 10m"));
    }
    let url = signature.url.as_deref();
    let is_address = url.is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"));
    if is_twilio && !is_address {
        problems.push((
            "url",
            "Twilio signs the address that it calls",
            "write it as it is entered there, such as https://cx.example.org/v1/sources/calls",
        ));
    }
    if !is_twilio && url.is_some() {
        problems.push(("url", "this scheme does not sign the address", "leave `url:` out"));
    }
    problems
}
