//! `clew journey discover`: a model of what happens, to be edited into what is allowed.

use clew_journey::discovery::{dependencies, discover};
use clew_journey::process_tree::AllowedPath;
use clew_journey::{ConformanceQuestion, conformance};
use serde::Serialize;

use super::table::LogTable;

/// `clew journey discover`.
#[derive(Clone, Debug, Serialize)]
pub struct DiscoveryReport {
    /// The model as a process tree, in PM4Py's notation.
    pub model: String,
    /// The same as an allowed path.
    pub path: AllowedPath,
    /// Cases.
    pub cases: u64,
    /// Cases that fit the model without deviation.
    pub fitting: u64,
    /// Fitness of the log by alignments.
    pub fitness: Option<f64>,
    /// How much one activity leads to another (heuristics miner), by names.
    pub dependencies: Vec<DependencyRow>,
}

/// A dependency.
#[derive(Clone, Debug, Serialize)]
pub struct DependencyRow {
    /// The earlier activity.
    pub from: String,
    /// The later one.
    pub to: String,
    /// How often.
    pub n: u64,
    /// Near 1 where the one leads to the other, near 0 where they follow each other both ways.
    pub dependency: f64,
}

impl LogTable {
    /// Finds a model.
    pub fn discover(&self, noise: f64, most_states: usize) -> DiscoveryReport {
        let name = |code: u32| self.activity.texts[code as usize].clone();
        let model = discover(&self.traces(), noise);
        let found = conformance(&self.traces(), &model, &ConformanceQuestion { most_states, variants: 0 });
        let row = |edge: &clew_journey::discovery::Dependency| DependencyRow {
            from: name(edge.from),
            to: name(edge.to),
            n: edge.n,
            dependency: edge.dependency,
        };
        DiscoveryReport {
            model: model.to_text(&name),
            path: AllowedPath::of(&model, &name),
            cases: found.cases,
            fitting: found.fitting,
            fitness: found.fitness,
            dependencies: dependencies(&self.traces()).iter().map(row).collect(),
        }
    }
}
