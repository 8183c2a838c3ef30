//! Estimators and tests over counts and slices: intervals, comparisons, associations, importance, bootstrap.
//!
//! The crate knows numbers only. It has never heard of persons, events, surveys, Arrow or files: whoever calls it
//! turns those into counts and `&[f64]`. Missing values are `NaN` in slices of `f64`.
//!
//! Three rules hold everywhere:
//!
//! * What cannot be computed is a `None` beside a [`Reason`], never a 0 and never `p = 1`.
//! * There is no randomness of its own: a seed comes in, and the same seed gives the same digits on every machine.
//! * Each estimator names its source and is held against values from R or SciPy in `tests/`.
//!
//! | module | question |
//! |---|---|
//! | [`estimate`] | what does a number look like that knows its n and its interval? |
//! | [`interval`] | how sure is a share, an NPS, a mean? |
//! | [`comparison`] | do two of them differ? |
//! | [`clustered`] | the same for shares whose trials come in clusters |
//! | [`rank`] | which of two samples tends to be larger, and where is the median? |
//! | [`markov`] | how likely is success, and how much is lost without a state? |
//! | [`multiple`] | which of many p-values survive? |
//! | [`quantile`] | the nine definitions of a sample quantile |
//! | [`association`] | does one column go with the outcome? |
//! | [`regression`] | the same with repeated answers of one unit (cluster-robust) |
//! | [`repeat_purchase`] | how often will somebody buy again, and for how much? |
//! | [`survival`] | how long until it happens, where for some it has not happened yet? |
//! | [`importance`] | how much of R² does each predictor carry? |
//! | [`bootstrap`] | how sure is that? |
//! | [`dice`] | which numbers look random and are the same on every run? |

pub mod association;
pub mod bootstrap;
pub mod clustered;
pub mod comparison;
mod design;
pub mod dice;
mod distribution;
pub mod estimate;
pub mod importance;
pub mod interval;
pub mod markov;
pub mod multiple;
pub mod quantile;
pub mod rank;
pub mod regression;
pub mod repeat_purchase;
pub mod survival;

pub use design::{Design, DesignError};
pub use estimate::{Estimate, Reason};
