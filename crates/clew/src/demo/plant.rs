//! What can be planted, and the strength of each planted truth.
//!
//! Every truth is one word for `--plant`. All figures that set how strong an effect is stand in this file, so that the
//! promise "moderate, detectable with power about .9 at 20,000 people" can be judged in one place.

use std::collections::BTreeSet;
use std::str::FromStr;

/// A planted truth, with its decoy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Truth {
    /// Records of one person, with and without a shared identifier; decoy: namesakes.
    Duplicates,
    /// People who live together; decoy: apartment houses.
    Households,
    /// People who buy for a firm; decoy: firms named like strangers.
    Businesses,
    /// Same family name, birth date and address; decoy: strangers with one birth date and family name.
    Twins,
    /// Tablets used by a household; decoy: the kiosk in the store.
    SharedDevices,
    /// What moves the scores; decoys: store visits and the newsletter, which go with age.
    Drivers,
    /// Checkout fails from one app version on; decoy: a web release on the day of a campaign with cold traffic.
    BrokenStep,
    /// A carrier change makes one region late; decoy: a storm in another region.
    LateRegion,
    /// A team that begs for tens; decoy: a team that is good.
    BeggingTeam,
    /// A theme that surges for good; decoy: a theme that spikes for a week.
    SurgingTheme,
    /// A plan that worked; decoy: a plan that started after a bad month and did nothing.
    Plans,
    /// An A/B test with effect; decoy: one without.
    Experiments,
    /// Managers who rate themselves too high; decoy: a manager with a high rating who is right.
    ManagerGap,
    /// Calls sent to the wrong team; decoy: a hand-over that belongs there.
    Misrouting,
}

impl Truth {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Duplicates,
        Self::Households,
        Self::Businesses,
        Self::Twins,
        Self::SharedDevices,
        Self::Drivers,
        Self::BrokenStep,
        Self::LateRegion,
        Self::BeggingTeam,
        Self::SurgingTheme,
        Self::Plans,
        Self::Experiments,
        Self::ManagerGap,
        Self::Misrouting,
    ];

    /// The word for `--plant` and `truth.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicates => "duplicates",
            Self::Households => "households",
            Self::Businesses => "businesses",
            Self::Twins => "twins",
            Self::SharedDevices => "shared_devices",
            Self::Drivers => "drivers",
            Self::BrokenStep => "broken_step",
            Self::LateRegion => "late_region",
            Self::BeggingTeam => "begging_team",
            Self::SurgingTheme => "surging_theme",
            Self::Plans => "plans",
            Self::Experiments => "experiments",
            Self::ManagerGap => "manager_gap",
            Self::Misrouting => "misrouting",
        }
    }
}

/// The set of planted truths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plant(BTreeSet<Truth>);

impl Plant {
    /// Everything.
    pub fn all() -> Self {
        Self(Truth::ALL.into_iter().collect())
    }

    /// Nothing.
    pub fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether `truth` is planted.
    pub fn has(&self, truth: Truth) -> bool {
        self.0.contains(&truth)
    }

    /// The names of the planted truths, in the order of [`Truth::ALL`].
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|truth| truth.name()).collect()
    }
}

impl FromStr for Plant {
    type Err = anyhow::Error;

    /// `all`, `none`, or names separated by commas.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.trim() {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let mut set = BTreeSet::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let Some(truth) = Truth::ALL.into_iter().find(|truth| truth.name() == word) else {
                let known: Vec<&str> = Truth::ALL.iter().map(|truth| truth.name()).collect();
                anyhow::bail!("nothing called {word:?} can be planted: write all, none, or some of {}", known.join(", "));
            };
            set.insert(truth);
        }
        anyhow::ensure!(!set.is_empty(), "--plant needs all, none, or a list of names");
        Ok(Self(set))
    }
}

/// A planted driver: one more unit of the fact moves the latent score by `effect` points.
pub struct Driver {
    /// Name in `truth.json`.
    pub name: &'static str,
    /// The event or property that shows it in the lake: one matter, however it is read.
    pub family: &'static str,
    /// Where the lake shows it.
    pub fact: &'static str,
    /// Unit of the fact.
    pub unit: &'static str,
    /// Change of the latent score per unit.
    pub effect: f64,
}

/// Drivers of the order survey's NPS (0–10), strongest first.
pub const ORDER_DRIVERS: [Driver; 4] = [
    Driver {
        name: "delivery_promise_missed",
        family: "delivery_promise_missed",
        fact: "event delivery_promise_missed on the order",
        unit: "event",
        effect: -2.45,
    },
    Driver {
        name: "delivery_damaged",
        family: "delivery_damaged",
        fact: "event delivery_damaged on the order",
        unit: "event",
        effect: -2.8,
    },
    Driver {
        name: "case_reopened",
        family: "case_reopened",
        fact: "event case_reopened on the order",
        unit: "event",
        effect: -2.1,
    },
    Driver {
        name: "checkout_failed",
        family: "checkout_failed",
        fact: "event checkout_failed on the order",
        unit: "event",
        effect: -1.4,
    },
];

/// Drivers of the contact survey's CSAT (1–5), strongest first.
pub const CONTACT_DRIVERS: [Driver; 4] = [
    Driver {
        name: "unresolved",
        family: "contact_ended",
        fact: "outcome unresolved of the call or chat of the case",
        unit: "contact",
        effect: -0.86,
    },
    Driver {
        name: "wait",
        family: "wait_ms",
        fact: "property wait_ms of the call or chat of the case",
        unit: "minute",
        effect: -0.083,
    },
    Driver {
        name: "contact_transferred",
        family: "contact_transferred",
        fact: "event contact_transferred of the case",
        unit: "event",
        effect: -0.39,
    },
    Driver { name: "bot_dead_end", family: "bot_dead_end", fact: "event bot_dead_end of the case", unit: "event", effect: -0.34 },
];

/// Points of the order score per standard unit of age: the confounder of the decoys.
pub const AGE_EFFECT: f64 = 0.24;

/// Share of app checkouts that fail: before and from the broken version on.
pub const CHECKOUT_FAILS: (f64, f64) = (0.07, 0.15);
/// The app version from which checkouts fail.
pub const BROKEN_VERSION: &str = "4.3.0";

/// Share of late deliveries: everywhere, and in the region with the new carrier.
pub const LATE: (f64, f64) = (0.21, 0.36);
/// The region that changes carrier.
pub const LATE_REGION: &str = "West";
/// The region with the storm, and the share of late deliveries in it.
pub const STORM_REGION: &str = "South";
/// Share of late deliveries during the storm.
pub const STORM_LATE: f64 = 0.55;

/// The team that begs, and the share of its answers that become the best score.
pub const BEGGING_TEAM: (&str, f64) = ("contracts_desk", 0.45);
/// The decoy: a team that is good, and by how many points.
pub const GOOD_TEAM: (&str, f64) = ("orders_desk", 0.30);

/// The theme that surges: its share of comments before and after.
pub const SURGE: (&str, f64, f64) = ("packaging_waste", 0.03, 0.09);
/// The theme that spikes for a week.
pub const SPIKE: (&str, f64) = ("voucher_code", 0.12);

/// The plan that works: team and factor on its waits.
pub const GOOD_PLAN: (&str, f64) = ("delivery_desk", 0.55);
/// The plan that does nothing: team, and factor on its waits in the bad month before.
pub const FLAT_PLAN: (&str, f64) = ("billing_desk", 1.6);

/// Chance of an order within ten days of the exposure: control and treatment of the test with effect.
pub const EXPERIMENT: (f64, f64) = (0.12, 0.15);

/// Managers who rate themselves too high, by how many points of 5.
pub const OVERRATED: ([&str; 2], f64) = (["returns_desk", "billing_desk"], 0.9);

/// The matter that is sent to the wrong team, that team, and its share of such calls.
pub const MISROUTED: (&str, &str, f64) = ("warranty", "billing_desk", 0.40);
/// Share of calls sent to a wrong team elsewhere.
pub const MISROUTED_BASE: f64 = 0.13;
