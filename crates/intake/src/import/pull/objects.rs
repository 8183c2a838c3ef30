//! Objects of a bucket into the lake: each version of one once.
//!
//! The bucket is listed page by page; what is new or has another ETag (where there is none: size or time) than when it was taken in is
//! fetched into a spool of bounded size, read from there like a file, and noted as taken in by the atomic commit of its last chunk. Objects go
//! oldest first, so that of two exports with one id the newer is the newer version.
//!
//! One object that cannot be read (cut off, another format) holds up no other: it is named at the end and tried again the next time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_lake::{Bucket, BucketAddress, BucketError, Object, Position, Spool};
use futures::{StreamExt, TryStreamExt};
use rustc_hash::{FxHashSet, FxHasher};

use super::super::ImportError;
use super::super::job::{FileWork, Planner, Prepared, Unprepared, declared};
use super::super::run::{Run, RunFile};
use super::super::workers::Start;
use super::{PullError, Puller, SourceReport};
use crate::drift::known_columns;
use crate::reader::{ReadOptions, Reader, format_of};
use crate::spec::{Format, S3, Source};

/// New objects that one import takes in; the others come with the next.
const MOST: usize = 100_000;
/// Objects that lie in the spool at once, together at most so many bytes unless one alone is larger.
const GROUP: usize = 64;
const GROUP_BYTES: u64 = 256 << 20;
/// Objects that are fetched at once.
const FETCHES: usize = 4;
/// What the names of positions of objects begin with.
const PLACE: &str = "object:";

/// Where the bucket of `spec` is; its certificates are relative to `dir`.
pub(crate) fn address_of(spec: &S3, dir: &Path) -> Result<BucketAddress, BucketError> {
    let read = |file: &String| {
        let path = dir.join(file);
        std::fs::read(&path).map_err(|error| BucketError::Address {
            bucket: spec.bucket.clone(),
            detail: format!("{}: {error}; correct `ca:`", path.display()),
        })
    };
    let revealed = |secret: &crate::spec::Secret| secret.reveal().to_owned();
    Ok(BucketAddress {
        bucket: spec.bucket.clone(),
        endpoint: spec.endpoint.clone(),
        region: spec.region.clone(),
        keys: spec.access_key.as_ref().map(revealed).zip(spec.secret_key.as_ref().map(revealed)),
        session_token: spec.session_token.as_ref().map(revealed),
        anonymous: spec.anonymous,
        authority: spec.ca.as_ref().map(read).transpose()?,
    })
}

/// Whether the source reads the object `key`: markers of other engines are left out, as in folders.
pub(crate) fn is_wanted(spec: &S3, pattern: Option<&glob::Pattern>, key: &str) -> bool {
    let Some(rest) = key.strip_prefix(spec.prefix.as_deref().unwrap_or_default()) else { return false };
    let is_hidden = key.rsplit('/').next().is_none_or(|name| name.starts_with(['.', '_']));
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    !is_hidden && pattern.is_none_or(|pattern| pattern.matches_with(rest, options))
}

/// Changes when the object does. An ETag says so by itself: a copy with a new time is no change.
fn version(object: &Object) -> Vec<u8> {
    match &object.etag {
        Some(etag) => format!("{etag} {}", object.size),
        None => format!("{} {}", object.modified_at, object.size),
    }
    .into_bytes()
}

fn hash(key: &str) -> u64 {
    use std::hash::Hasher;
    let mut hasher = FxHasher::default();
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// An object in the spool, ready to be read.
struct Spooled {
    file: usize,
    name: String,
    path: PathBuf,
    options: ReadOptions,
    work: Arc<FileWork>,
}

/// Objects that were not read, and why.
#[derive(Default)]
struct Unread(Vec<(String, String)>);

impl<'a> Puller<'a> {
    /// Pulls what is new in the bucket of `source`; `report` is what became of it, failed or not.
    pub(super) async fn objects(
        &self,
        source: &'a Source,
        spec: &S3,
        report: &mut Option<SourceReport>,
    ) -> Result<(), PullError> {
        let bucket = Bucket::open(&address_of(spec, &self.sources.dir)?)?;
        let (objects, warnings) = self.list_new(source, spec, &bucket).await?;
        if objects.is_empty() {
            let nothing = SourceReport { warnings, ..SourceReport::nothing_new(&source.name) };
            *report = Some(nothing);
            return Ok(());
        }
        let planner = Planner::new(self.sources, (self.engine, self.loaded), self.rules, source).await;
        let known = known_columns(self.importer.lake, &source.name).await.map_err(ImportError::from)?;
        let mut planner = planner.map_err(PullError::Problems)?.with_known(known);
        let fingerprint = format!("{:016x}", declared(source));
        let mut run = self.importer.begin(source, planner.expectations(), &fingerprint)?;
        for object in &objects {
            let seen = Position { name: format!("{PLACE}{}", object.key), value: version(object) };
            run.add(RunFile::new(&name_of(spec, object), version(object), Some(seen)));
        }
        self.importer.recall(&mut run).await?;
        let mut unread = Unread::default();
        let stored = self.store_groups(&mut run, &bucket, (spec, &objects), &mut planner, &mut unread).await;
        let ended = if stored.is_ok() { self.importer.end(run).await? } else { run.into_report() };
        let files = ended.files.iter().filter(|file| file.rows.read > 0 && unread.0.iter().all(|(name, _)| *name != file.file));
        *report = Some(SourceReport { files: files.cloned().collect(), warnings, ..ended });
        stored?;
        unread.into_result()
    }

    /// The objects that are to be read, oldest first, and what is odd about the list.
    async fn list_new(&self, source: &Source, spec: &S3, bucket: &Bucket) -> Result<(Vec<Object>, Vec<String>), PullError> {
        let register = self.importer.lake.batches();
        let pattern = spec.glob.as_deref().and_then(|pattern| glob::Pattern::new(pattern).ok());
        let (mut new, mut there, mut warnings) = (Vec::new(), FxHashSet::default(), Vec::new());
        let (mut late, mut empty) = (0, 0);
        let mut listed = bucket.list(spec.prefix.as_deref().unwrap_or_default());
        while let Some(object) = listed.try_next().await? {
            if !is_wanted(spec, pattern.as_ref(), &object.key) {
                continue;
            }
            there.insert(hash(&object.key));
            let known = register.position(&source.name, &format!("{PLACE}{}", object.key)).map_err(ImportError::from)?;
            if known.is_some_and(|known| known == version(&object)) {
                continue;
            }
            match (object.size, new.len() < MOST) {
                (0, _) => empty += 1,
                (_, true) => new.push(object),
                (_, false) => late += 1,
            }
        }
        // What has left the bucket is forgotten, so that what is known stays as small as the bucket.
        let is_there = |name: &str| name.strip_prefix(PLACE).is_none_or(|key| there.contains(&hash(key)));
        register.forget_positions(&source.name, is_there).map_err(ImportError::from)?;
        if there.is_empty() {
            warnings.push("no object of the bucket fits `prefix:` and `glob:`".to_owned());
        }
        if empty > 0 {
            warnings.push(format!("{empty} objects are empty and were passed over"));
        }
        if late > 0 {
            warnings.push(format!("{late} more objects are new: they come with the next import"));
        }
        new.sort_by(|a, b| (a.modified_at, &a.key).cmp(&(b.modified_at, &b.key)));
        Ok((new, warnings))
    }

    async fn store_groups(
        &self,
        run: &mut Run<'_>,
        bucket: &Bucket,
        (spec, objects): (&S3, &[Object]),
        planner: &mut Planner<'_>,
        unread: &mut Unread,
    ) -> Result<(), PullError> {
        let mut begin = 0;
        while begin < objects.len() {
            let group = &objects[begin..begin + group_length(&objects[begin..])];
            let bytes = group.iter().map(|object| object.size).sum();
            let spool = self.importer.lake.spool(bytes).map_err(ImportError::from)?;
            let fetched: Vec<Result<PathBuf, BucketError>> = futures::stream::iter(group.iter().enumerate())
                .map(|(at, object)| fetch(bucket, &spool, at, object))
                .buffered(FETCHES)
                .collect()
                .await;
            let mut spooled = Vec::new();
            for ((file, object), path) in (begin..).zip(group).zip(fetched) {
                let name = name_of(spec, object);
                let path = match path {
                    Ok(path) => path,
                    Err(error @ (BucketError::Changed { .. } | BucketError::Missing { .. })) => {
                        unread.add(name, &error.to_string());
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                match planner.prepare(&path).await {
                    Ok(Some(Prepared { options, work, .. })) => {
                        run.learn(&work);
                        spooled.push(Spooled { file, name, path, options, work });
                    }
                    // A planner that is there has sound SQL.
                    Ok(None) => {}
                    Err(Unprepared::Read(error)) => {
                        unread.add(name.clone(), &error.of_name(Path::new(&name)).to_string());
                    }
                    Err(Unprepared::Problems(problems)) => unread.add(name, &super::words(&problems)),
                }
            }
            self.store_spooled(run, spooled, unread).await?;
            begin += group.len();
        }
        Ok(())
    }

    async fn store_spooled(&self, run: &mut Run<'_>, spooled: Vec<Spooled>, unread: &mut Unread) -> Result<(), PullError> {
        let names: Vec<String> = spooled.iter().map(|one| one.name.clone()).collect();
        let start = |one: Spooled| {
            let from_row = run.resume_row(one.file)?;
            let open = Box::new(move || Reader::open(&one.path, &one.options));
            Some(Start { file: one.file, name: one.name, open, work: one.work, from_row })
        };
        let starts = spooled.into_iter().filter_map(start).collect();
        match self.importer.store(run, starts).await {
            Ok(()) => Ok(()),
            // Damage that only shows in the middle is that of a Parquet file, which is in a group of its own.
            Err(ImportError::Read(error)) if names.len() == 1 => {
                let name = Path::new(&names[0]);
                unread.add(names[0].clone(), &error.of_name(name).to_string());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// How many of `objects` go into the spool together.
fn group_length(objects: &[Object]) -> usize {
    let is_alone = |object: &Object| format_of(Path::new(&object.key)).is_none_or(|format| format == Format::Parquet);
    let mut bytes = 0;
    let fits = |object: &&Object| {
        bytes += object.size;
        bytes <= GROUP_BYTES && !is_alone(object)
    };
    objects.iter().take(GROUP).take_while(fits).count().max(1)
}

fn name_of(spec: &S3, object: &Object) -> String {
    format!("s3://{}/{}", spec.bucket, object.key)
}

async fn fetch(bucket: &Bucket, spool: &Spool, at: usize, object: &Object) -> Result<PathBuf, BucketError> {
    // The end of the name tells the format; the rest of a key may be no file name at all.
    let name = object.key.rsplit('/').next().unwrap_or_default();
    let ends: Vec<&str> = name.rsplit('.').take(2).filter(|end| end.len() <= 16).collect();
    let path = spool.folder().join(format!("{at}.{}", ends.into_iter().rev().collect::<Vec<_>>().join(".")));
    bucket.download(object, &path).await?;
    Ok(path)
}

impl Unread {
    fn add(&mut self, name: String, why: &str) {
        self.0.push((name, why.to_owned()));
    }

    fn into_result(self) -> Result<(), PullError> {
        let n = self.0.len();
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((_, first)) => Err(PullError::Objects { n, first }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(prefix: &str, glob: Option<&str>) -> (S3, Option<glob::Pattern>) {
        let spec = serde_json::json!({"bucket": "b", "prefix": prefix, "glob": glob});
        (serde_json::from_value(spec).unwrap(), glob.map(|glob| glob::Pattern::new(glob).unwrap()))
    }

    #[test]
    fn prefix_and_glob_choose_and_markers_are_left_out() {
        let (spec, pattern) = spec("crm/", Some("*/*.csv"));
        let wanted = |key: &str| is_wanted(&spec, pattern.as_ref(), key);
        assert!(wanted("crm/2026/a.csv"));
        assert!(!wanted("crm/a.csv") && !wanted("crm/2026/01/a.csv") && !wanted("other/2026/a.csv"));
        assert!(!wanted("crm/2026/_a.csv") && !wanted("crm/2026/.a.csv"));
    }

    #[test]
    fn groups_are_bounded_and_parquet_is_alone() {
        let object = |key: &str, size: u64| Object { key: key.into(), size, etag: None, modified_at: 0 };
        let small: Vec<Object> = (0..200).map(|n| object(&format!("{n}.csv"), 1)).collect();
        assert_eq!(group_length(&small), GROUP);
        assert_eq!(group_length(&[object("a.csv", GROUP_BYTES * 2), object("b.csv", 1)]), 1);
        assert_eq!(group_length(&[object("a.csv", 1), object("b.parquet", 1), object("c.csv", 1)]), 1);
        assert_eq!(group_length(&[object("b.parquet", 1), object("c.csv", 1)]), 1);
    }
}
