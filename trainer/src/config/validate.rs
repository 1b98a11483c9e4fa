//! Refusing settings that make no sense, before anything is allocated for them.

use super::{Activation, Block, Config, Input, Optimiser, Schedule, TeacherSource, Weights};
use crate::{Error, Result};

impl Config {
    /// Refuses settings out of range; the message names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.validate_blocks()?;
        self.weights.validate(self.trained_layers())?;
        if self.votes {
            self.validate_votes()?;
        }
        self.validate_convolutions()?;
        match self.activation {
            Activation::Sign { width } => within("activation.width", width, 1e-3, 1e3)?,
            Activation::Codes { bits, step, margin } => {
                within("activation.bits", bits.into(), 2.0, 8.0)?;
                within("activation.step", step, 1e-6, 1e6)?;
                within("activation.margin", margin, 0.0, 1e6)?;
            }
            Activation::Relu { bits } => within("activation.bits", bits.into(), 1.0, 8.0)?,
        }
        match self.input {
            Input::Raw => {}
            Input::Bits { bits } => within("input.bits", bits.into(), 1.0, 8.0)?,
            Input::Thermometer { levels } => within("input.levels", levels.into(), 1.0, 255.0)?,
        }
        within("epochs", self.epochs as f64, 1.0, 1e6)?;
        within("batch", self.batch as f64, 2.0, 65_536.0)?;
        match self.optimiser {
            Optimiser::Sgd { momentum } => within("optimiser.momentum", momentum, 0.0, 0.9999)?,
            Optimiser::Adam { beta1, beta2, epsilon } => {
                within("optimiser.beta1", beta1, 0.0, 0.9999)?;
                within("optimiser.beta2", beta2, 0.0, 0.999_999)?;
                within("optimiser.epsilon", epsilon, 1e-30, 1.0)?;
            }
        }
        within("rate", self.rate, 1e-9, 1e3)?;
        if let Schedule::Step { at, factor } = &self.schedule {
            within("schedule.factor", *factor, 1e-6, 1.0)?;
            for (i, &part) in at.iter().enumerate() {
                within(&format!("schedule.at[{i}]"), part, if i > 0 { at[i - 1] } else { 0.0 }, 1.0)?;
            }
        }
        within("warmup", self.warmup, 0.0, self.epochs as f64)?;
        within("weight_decay", self.weight_decay, 0.0, 10.0)?;
        within("label_smoothing", self.label_smoothing, 0.0, 0.9)?;
        if let Some(part) = self.freeze {
            // Only a frozen choice is sure to keep a budget.
            let most = if matches!(self.weights, Weights::Cost { .. }) { 0.999 } else { 1.0 };
            within("freeze", part, self.weights.anneal(), most)?;
        }
        if let Some(teacher) = &self.teacher {
            within("teacher.share", teacher.share, 0.0, 1.0)?;
            within("teacher.temperature", teacher.temperature, 0.1, 100.0)?;
            if let TeacherSource::Train { hidden, epochs } = &teacher.source {
                for (i, &n) in hidden.iter().enumerate() {
                    within(&format!("teacher.hidden[{i}]"), n as f64, 1.0, sterna_ir::MAX_ELEMENTS as f64)?;
                }
                within("teacher.epochs", *epochs as f64, 1.0, 1e6)?;
            }
        }
        within("augment.shift", self.augment.shift as f64, 0.0, 64.0)?;
        within("augment.rotate", self.augment.rotate, 0.0, 180.0)?;
        within("average", self.average, 0.0, 0.99999)?;
        within("validation", self.validation, 0.0, 0.9)?;
        within("norm_momentum", self.norm_momentum, 0.0, 0.9999)?;
        within("norm_epsilon", self.norm_epsilon, 1e-9, 1e6)
    }

    /// What the weight method and the activation ask of convolutions.
    fn validate_convolutions(&self) -> Result<()> {
        for (i, block) in self.blocks().iter().enumerate() {
            let Block::Conv(conv) = block else { continue };
            if conv.depthwise && matches!(self.weights, Weights::Cost { .. }) {
                let what = "no costs are known for depthwise convolutions; use another method";
                return Err(Error::config("weights", what));
            }
            if conv.skip > 0 && matches!(self.activation, Activation::Relu { .. }) {
                let what =
                    "a sum of ReLU codes, whose steps differ by layer; use an activation of 1 to 8 bits";
                return Err(Error::config(format!("model.layers[{i}].skip"), what));
            }
        }
        Ok(())
    }

    fn validate_votes(&self) -> Result<()> {
        let refused = |what: &str| Err(Error::config("votes", what));
        match self.weights {
            Weights::Cost { .. } => {
                refused("no budget is known for a layer that counts votes; leave out one of them")
            }
            Weights::Float { .. } | Weights::Sca { .. } | Weights::Tga { .. } => {
                refused("for the methods with signs and zeros throughout the training; choose another one")
            }
            _ if self.weight_layers() == 1 => refused("wants a hidden layer whose neurons vote"),
            _ => Ok(()),
        }
    }
}

pub(crate) fn within(field: &str, value: f64, lo: f64, hi: f64) -> Result<()> {
    // A NaN lies in no interval, so it is refused too.
    if (lo..=hi).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, format!("{value}; want {lo} to {hi}")))
}
