//! What all generators of one run share: calendar, story dates, open files, running numbers, and what goes into the truth.

use std::collections::BTreeMap;
use std::path::Path;

use super::Options;
use super::calendar::{Calendar, DAY, Moment};
use super::dice::{Dice, hex, scattered};
use super::people::{Person, Population};
use super::plant::{self, Truth};
use super::systems::Systems;

/// The dates on which something changes at the company.
pub struct Story {
    /// The western region changes its carrier.
    pub carrier_change: Moment,
    /// A storm in the southern region.
    pub storm: (Moment, Moment),
    /// App releases, oldest first.
    pub releases: Vec<(&'static str, Moment)>,
    /// Web release and campaign on one day: the decoy of the broken step.
    pub campaign: (Moment, Moment),
    /// The theme surges from here.
    pub surge: Moment,
    /// The theme that spikes.
    pub spike: (Moment, Moment),
    /// The plan that works starts.
    pub good_plan: Moment,
    /// The plan without effect starts; a bad month ends there.
    pub flat_plan: Moment,
    /// Both experiments.
    pub experiments: (Moment, Moment),
}

impl Story {
    fn new(calendar: &Calendar) -> Self {
        let at = |share| calendar.share(share);
        let flat_plan = at(0.66);
        Self {
            carrier_change: at(0.60),
            storm: (at(0.33), at(0.33) + 9 * DAY),
            releases: vec![
                ("4.0.0", at(0.0) - 60 * DAY),
                ("4.1.0", at(0.15)),
                ("4.2.0", at(0.38)),
                ("4.3.0", at(0.62)),
                ("4.4.0", at(0.85)),
            ],
            campaign: (at(0.72), at(0.72) + 14 * DAY),
            surge: at(0.75),
            spike: (at(0.45), at(0.45) + 7 * DAY),
            good_plan: at(0.55),
            flat_plan,
            experiments: (at(0.30), at(0.30) + 42 * DAY),
        }
    }
}

/// One answer's design row: what drove the latent score, as known when it was given.
pub struct Design {
    /// Values of the planted drivers, in their order.
    pub drivers: [f64; 4],
    /// What goes with the score without moving it: store visits, newsletters opened; and age, which is behind both.
    pub asides: [f64; 3],
    /// The score as written.
    pub score: f64,
}

/// Sum and count.
#[derive(Default, Clone, Copy)]
pub struct Mean {
    /// Sum.
    pub sum: f64,
    /// Count.
    pub n: u64,
}

impl Mean {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.n += 1;
    }

    /// The mean; `None` where nothing was added.
    pub fn value(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// A comment's truth.
pub struct Comment {
    /// The response it stands in.
    pub response: String,
    /// What it speaks of.
    pub themes: Vec<&'static str>,
    /// -1, 0 or 1.
    pub sentiment: i8,
    /// ISO 639-1.
    pub language: &'static str,
    /// When it was written.
    pub at: Moment,
}

/// A dirty value with its clean form.
pub struct Dirt {
    /// Record in the customer file.
    pub record: String,
    /// Column of that file.
    pub column: &'static str,
    /// Kind of dirt.
    pub kind: &'static str,
    /// As written.
    pub raw: String,
    /// As it should be; empty where nothing true is left.
    pub clean: String,
}

/// Two records of one person.
pub struct Duplicate {
    /// The person.
    pub person: u32,
    /// What they share: `email`, `mobile`, `mobile_but_two_logins`, or `nothing`.
    pub shares: &'static str,
    /// Their numbers in the customer file.
    pub records: (String, String),
}

/// What the run has made so far, for the truth.
#[derive(Default)]
pub struct Tally {
    /// Order survey.
    pub order_design: Vec<Design>,
    /// Contact survey.
    pub contact_design: Vec<Design>,
    /// True contact score of each team, before begging, by team and month.
    pub team_months: BTreeMap<(&'static str, String), Mean>,
    /// Comments.
    pub comments: Vec<Comment>,
    /// Dirty values.
    pub dirt: Vec<Dirt>,
    /// Duplicates.
    pub duplicates: Vec<Duplicate>,
    /// Customer records of each person.
    pub records: BTreeMap<u32, Vec<String>>,
    /// Named counts.
    pub counts: BTreeMap<&'static str, u64>,
    /// Named rates: hits and trials.
    pub rates: BTreeMap<&'static str, Mean>,
    /// Broken, foreign and filtered rows by source.
    pub flaws: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// Notes whether a thing with a rate happened.
    pub fn rate(&mut self, name: &'static str, hit: bool) {
        self.rates.entry(name).or_default().add(f64::from(u8::from(hit)));
    }

    /// Notes a row that does not become a fact.
    pub fn flaw(&mut self, source: &'static str, kind: &'static str) {
        *self.flaws.entry((source, kind)).or_default() += 1;
    }
}

/// Everything of one run.
pub struct World<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// The period.
    pub calendar: Calendar,
    /// Dates of change.
    pub story: Story,
    /// Who there is.
    pub population: &'a Population,
    /// Open files.
    pub systems: Systems,
    /// For the truth.
    pub tally: Tally,
    numbers: BTreeMap<&'static str, u64>,
}

impl<'a> World<'a> {
    /// Opens the files below `data`.
    pub fn new(options: &'a Options, population: &'a Population, data: &Path) -> anyhow::Result<Self> {
        let calendar = Calendar::new(options.days);
        let systems = Systems::create(data, &calendar)?;
        let story = Story::new(&calendar);
        Ok(Self { options, calendar, story, population, systems, tally: Tally::default(), numbers: BTreeMap::new() })
    }

    /// Whether `truth` is planted.
    pub fn has(&self, truth: Truth) -> bool {
        self.options.plant.has(truth)
    }

    /// Dice for `stage` and `number`.
    pub fn dice(&self, stage: &str, number: u64) -> Dice {
        Dice::new(self.options.seed, stage, number)
    }

    /// The next id of a kind: its prefix and seven digits that do not betray the order of generation.
    pub fn id(&mut self, prefix: &'static str) -> String {
        let next = self.numbers.entry(prefix).or_default();
        *next += 1;
        let salt = prefix.bytes().fold(self.options.seed % 9_973, |sum, byte| sum * 131 + u64::from(byte));
        format!("{prefix}{:07}", scattered(*next, salt % 9_999_991))
    }

    /// The app version that this person has at `at`: releases spread over about two weeks.
    pub fn app_version(&self, person: &Person, at: Moment) -> &'static str {
        let mut version = self.story.releases[0].0;
        for (index, (name, released)) in self.story.releases.iter().enumerate().skip(1) {
            let lag = self.dice("update", u64::from(person.number) * 16 + index as u64).exponential(9.0);
            if at >= released + (lag * DAY as f64) as Moment {
                version = name;
            }
        }
        version
    }

    /// Whether `version` has the broken checkout.
    pub fn is_broken(&self, version: &str) -> bool {
        self.has(Truth::BrokenStep) && version >= plant::BROKEN_VERSION
    }

    /// Share of deliveries that are late, for an order of this region placed at `at`.
    pub fn late_share(&self, region: &str, at: Moment) -> f64 {
        if !self.has(Truth::LateRegion) {
            return plant::LATE.0;
        }
        if region == plant::LATE_REGION && at >= self.story.carrier_change {
            return plant::LATE.1;
        }
        let (from, to) = self.story.storm;
        if region == plant::STORM_REGION && (from..to).contains(&at) { plant::STORM_LATE } else { plant::LATE.0 }
    }

    /// Whether the second carrier delivers this order.
    pub fn is_nordway(&self, region: &str, at: Moment, dice: &mut Dice) -> bool {
        let other = dice.chance(0.3);
        match region {
            "Germany" | "Spain" => true,
            plant::LATE_REGION => at >= self.story.carrier_change && self.has(Truth::LateRegion),
            "East" => other,
            _ => false,
        }
    }

    /// A short hexadecimal id of a file's own kind.
    pub fn hex(&mut self, kind: &'static str, length: usize) -> String {
        let next = self.numbers.entry(kind).or_default();
        *next += 1;
        hex(self.options.seed, kind, *next, length)
    }
}
