//! `clew demo`'s company: raw files of eighteen systems, the project that maps them, and the truths planted in them.
//!
//! Larkmoor Home is invented: it sells furniture and household goods on the web, in an app, in stores and by phone in Ireland,
//! Germany and Spain. Its systems disagree about ids, formats, time zones and spelling, as real ones do. Everything
//! is generated from a seed: the same options give the same bytes on every machine, and there is no clock.
//!
//! People are generated one after the other and streamed to the files; only the population and the truth are kept in
//! memory. This module imports nothing of Clew: the generator shares no code, list or table with what is tested on it.
//!
//! Deliberately missing: trends, seasons and growth. With `--plant none` nothing changes over time, so that whatever a
//! detector then reports is a false alarm.

mod answers;
mod calendar;
mod dice;
mod files;
mod habits;
mod names;
mod parquet;
mod people;
mod plant;
pub mod project;
mod records;
mod service;
mod shares;
mod shopping;
mod staff;
mod systems;
mod text;
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Context;

pub use plant::Plant;

/// Name of the invented company.
pub const COMPANY: &str = "Larkmoor Home";

/// The smallest and largest company that can be made.
const PEOPLE: std::ops::RangeInclusive<u32> = 10..=2_000_000;
/// The shortest and longest period.
const DAYS: std::ops::RangeInclusive<u32> = 60..=1_460;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Same seed, same bytes.
    pub seed: u64,
    /// Customers.
    pub people: u32,
    /// Days of history.
    pub days: u32,
    /// What to plant.
    pub plant: Plant,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 7, people: 20_000, days: 365, plant: Plant::all() }
    }
}

/// What was written.
#[derive(Debug)]
pub struct Summary {
    /// Rows of each raw source, in the order of generation.
    pub rows: Vec<(&'static str, u64)>,
    /// Answers with a score in the order survey and in the contact survey.
    pub answers: (usize, usize),
    /// Share of the score's variance that the planted drivers explain, in the same order; `None` with too few answers.
    pub r_squared: (Option<f64>, Option<f64>),
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: u64 = self.rows.iter().map(|(_, rows)| rows).sum();
        writeln!(f, "{COMPANY}: {rows} rows in {} raw sources", self.rows.len())?;
        let surveys = [("order survey", self.answers.0, self.r_squared.0), ("contact survey", self.answers.1, self.r_squared.1)];
        for (survey, answers, explained) in surveys {
            write!(f, "{survey}: {answers} scores")?;
            match explained {
                Some(share) => writeln!(f, ", planted drivers explain {:.0} % of their variance", share * 100.0)?,
                None => writeln!(f, ", too few to say what drives them")?,
            }
        }
        Ok(())
    }
}

/// Writes the company's raw files to `dir/data`, its project to `dir`, and the truths to `dir/truth.json`.
pub fn generate(dir: &Path, options: &Options) -> anyhow::Result<Summary> {
    anyhow::ensure!(
        PEOPLE.contains(&options.people),
        "--people must be {} to {}, not {}",
        PEOPLE.start(),
        PEOPLE.end(),
        options.people
    );
    anyhow::ensure!(DAYS.contains(&options.days), "--days must be {} to {}, not {}", DAYS.start(), DAYS.end(), options.days);
    let data = dir.join("data");
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let population = people::populate(options);
    let mut world = world::World::new(options, &population, &data)?;
    let mut contacts = records::Contacts::default();
    for person in &population.people {
        contacts.add(&mut world, person);
        let habits = habits::follow(&mut world, person)?;
        let mut orders = shopping::shop(&mut world, person)?;
        for order in &mut orders {
            service::about_order(&mut world, person, order)?;
            answers::about_order(&mut world, person, order, &habits)?;
        }
        service::other_matters(&mut world, person)?;
        answers::about_us(&mut world, person, &orders)?;
    }
    contacts.write(&mut world)?;
    shopping::passers_by(&mut world)?;
    let mut rows = world.systems.rows();
    rows.extend(staff::write(&mut world, &data)?);
    truth::write(&dir.join("truth.json"), &world, &rows)?;
    project::write(dir)?;
    let explained = |design: &[world::Design]| shares::shares(design).map(|shares| shares.r_squared);
    let summary = Summary {
        rows,
        answers: (world.tally.order_design.len(), world.tally.contact_design.len()),
        r_squared: (explained(&world.tally.order_design), explained(&world.tally.contact_design)),
    };
    world.systems.finish(&data)?;
    Ok(summary)
}
