//! One line on standard error that says what is being done, for people at a terminal; nothing for pipes and logs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line.
#[derive(Debug)]
pub struct Line(ProgressBar);

impl Line {
    /// A line that is shown only where standard error is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("the template is constant"));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says what is being done now.
    pub fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Leaves a finished line above.
    pub fn note(&self, what: &str) {
        self.0.println(what);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}
