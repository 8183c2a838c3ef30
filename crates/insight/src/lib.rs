//! From answers to what to do about them: metric definitions, what changed, what drives a score, the vital few.
//!
//! The crate computes over counts and columns that somebody else read; it knows neither tables nor SQL nor HTTP, has no
//! clock and draws random numbers only from a seed that it is given. The statistics themselves live in `clew-stats`; here is
//! what they mean for customer experience.
//!
//! | module | question |
//! |---|---|
//! | [`metric`] | what is measured, on which scale, and what did these answers give? |
//! | [`change`] | is it better than last time, or do we not know? |
//! | [`candidates`] | what had happened before each answer? |
//! | [`drivers`] | what moves the score, how sure is that, and how well do we do on it? |
//! | [`pareto`] | which few make up most of it? |

pub mod candidates;
pub mod change;
pub mod drivers;
pub mod metric;
pub mod pareto;
