//! The few distribution functions that the crate needs, on top of `statrs`.
//!
//! `statrs` computes the regularised incomplete beta function to full precision, but inverts it only to about 1e-8; so
//! quantiles here start from its answer and take Newton steps on the exact distribution function.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::{beta_reg, inv_beta_reg, ln_beta};
use statrs::function::gamma::gamma_ur;

const NEWTON_STEPS: usize = 4;

/// `P(|Z| > |z|)` of the standard normal distribution.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    // Z² / 2 is Gamma(1/2); statrs's erfc is good to 1e-11 only.
    if z == 0.0 { 1.0 } else { gamma_ur(0.5, z * z / 2.0) }
}

/// The z with `P(|Z| <= z) = level`. `level` must be in (0, 1).
pub(crate) fn normal_critical(level: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + level / 2.0)
}

/// `P(|T| > |t|)` of Student's t with `df` degrees of freedom (not necessarily whole).
pub(crate) fn t_two_sided(t: f64, df: f64) -> f64 {
    beta_reg(df / 2.0, 0.5, df / (df + t * t))
}

/// The t with `P(|T| <= t) = level`; `None` if `df` is not positive.
pub(crate) fn t_critical(level: f64, df: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df).ok()?;
    let mut t = distribution.inverse_cdf(0.5 + level / 2.0);
    for _ in 0..NEWTON_STEPS {
        let step = (t_two_sided(t, df) - (1.0 - level)) / (2.0 * distribution.pdf(t));
        if !step.is_finite() {
            break;
        }
        t += step;
    }
    t.is_finite().then_some(t)
}

/// `P(F > f)` with `df1` and `df2` degrees of freedom.
pub(crate) fn f_upper(f: f64, df1: f64, df2: f64) -> f64 {
    if f <= 0.0 { 1.0 } else { beta_reg(df2 / 2.0, df1 / 2.0, df2 / (df2 + df1 * f)) }
}

/// The x with `P(Beta(a, b) <= x) = p`. `a` and `b` must be positive and `p` in (0, 1).
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let log_norm = ln_beta(a, b);
    let mut x = inv_beta_reg(a, b, p);
    for _ in 0..NEWTON_STEPS {
        let density = ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - log_norm).exp();
        let next = x - (beta_reg(a, b, x) - p) / density;
        if !(next.is_finite() && next > 0.0 && next < 1.0) {
            break;
        }
        x = next;
    }
    x
}

/// Whether `level` can be a confidence level.
pub(crate) fn is_level(level: f64) -> bool {
    level > 0.0 && level < 1.0
}
