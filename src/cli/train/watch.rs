//! The progress of a training, drawn or said, and the price of its circuit.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use sterna_ir::Network;
use sterna_trainer::train::EpochRecord;
use sterna_trainer::{Control, Observer, Progress};

use crate::cost::{Goal, price};
use crate::ui::{Ui, percent};

/// Longest silence while nobody watches a bar.
const QUIET: Duration = Duration::from_secs(20);

/// Draws the progress of a training and compiles what has a budget to keep.
pub(super) struct Watch<'a> {
    bar: ProgressBar,
    ui: &'a Ui,
    /// When the last line was written, where there is no terminal to draw on.
    said: Instant,
    /// Steps taken in this run.
    steps: usize,
    /// What the budget counts in the circuit.
    goal: Option<Goal>,
}

impl<'a> Watch<'a> {
    /// A bar for the training of `what`, whose budget counts `goal`.
    pub(super) fn new(what: &str, goal: Option<Goal>, ui: &'a Ui) -> Self {
        Watch { bar: ui.bar(what, 0, "steps"), ui, said: Instant::now(), steps: 0, goal }
    }

    /// Takes the bar away; gives the steps taken in this run.
    pub(super) fn finish(self) -> usize {
        self.bar.finish_and_clear();
        self.steps
    }
}

impl Observer for Watch<'_> {
    fn step(&mut self, p: &Progress<'_>) -> Control {
        if self.steps == 0 {
            // Steps of an earlier run do not count for the rate.
            self.bar.set_length(p.total_steps as u64);
            self.bar.set_position(p.step as u64);
            self.bar.reset_eta();
        }
        self.steps += 1;
        self.bar.set_position(p.step as u64);
        if p.step.is_multiple_of(16) {
            let validation = p.history.last().and_then(|r| r.validation_accuracy);
            let validation = validation.map_or(String::new(), |v| format!(" val {}", percent(v)));
            self.bar.set_message(format!(
                "epoch {}/{} loss {:.4} acc {}{validation} zeros {}",
                p.epoch,
                p.epochs,
                p.loss,
                percent(p.accuracy),
                percent(p.zeros)
            ));
        }
        Control::Continue
    }

    fn epoch(&mut self, record: &EpochRecord, _: Duration) -> Control {
        if self.bar.is_hidden() && self.said.elapsed() > QUIET {
            self.said = Instant::now();
            self.ui.note(format!("epoch {}: loss {:.4}", record.epoch, record.loss));
        }
        Control::Continue
    }

    fn price(&mut self, network: &Network) -> Option<f64> {
        let goal = self.goal?;
        self.bar.set_message("compiling, for the budget");
        price(network, goal)
    }
}
