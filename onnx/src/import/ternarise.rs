//! A model of floats on its way to integers: ternary weights, batch norm measured anew, codes behind activations. The layers
//! so far are evaluated on samples, so that every choice sees what those before it have cost. Nothing is trained.

use std::collections::HashMap;
use std::sync::Arc;

use sterna_ir::eval;

use crate::constant::{Constant, Quantised};
use crate::exact::{Ratio, Rounding, near, ratio, whole};
use crate::model::Node;
use crate::quantiser::Codes;
use crate::signal::{Signal, zero};
use crate::tensor::Data;

use super::Importer;

/// Widths of a step that are tried, as parts of what covers the largest value.
const TRIED: usize = 40;

/// How a model of floats becomes one of ternary weights and codes.
#[derive(Clone, Debug)]
pub struct Ternarise {
    /// Ternary weights of a layer, and the scale of all of them.
    pub weights: fn(&[f32]) -> (Vec<i8>, f32),
    /// Bits of the codes behind activations, 1 to 8.
    pub bits: u32,
    /// What a network of the model would be given, a vector for each sample.
    pub samples: Vec<Vec<i64>>,
}

impl<'a> Importer<'a> {
    /// The weights of a layer: as they are quantised, or made ternary.
    pub(super) fn weights(&mut self, w: &Constant) -> Result<Arc<Quantised>, String> {
        let (Some(ternarise), Constant::Plain(tensor)) = (&self.options.ternarise, w) else {
            return w.quantised();
        };
        let Data::Float(floats) = &tensor.data else { return w.quantised() };
        if let Some(bad) = floats.iter().find(|v| !v.is_finite()) {
            return Err(format!("a weight is {bad}; want finite ones"));
        }
        let (ints, scale) = (ternarise.weights)(floats);
        let scale = ratio(scale).filter(|s| *s > Ratio::default()).ok_or("weights that are all 0")?;
        let ints = ints.into_iter().map(i64::from).collect();
        Ok(Arc::new(Quantised { shape: tensor.shape.clone(), ints, axis: 0, scale: vec![scale] }))
    }

    /// `x` as codes where a layer is to add up or compare it and activations lie before it. The tensor `name` is those codes
    /// from here on.
    pub(super) fn coded(&mut self, node: &Node, name: &'a str, x: Signal) -> Result<Signal, String> {
        let Some(ternarise) = &self.options.ternarise else { return Ok(x) };
        if x.scaled().is_ok() {
            return Ok(x);
        }
        let bits = i64::from(ternarise.bits);
        let values: Vec<f64> = self.measured(&x)?.into_iter().flatten().collect();
        let codes = Codes::new(bits, values.iter().any(|v| *v < 0.0), false, Rounding::HalfEven)?;
        let step = ratio(best_step(&values, &codes)).ok_or("activations that are not finite")?;
        let (steps, stairs) = codes.stairs(&vec![step], &zero())?;
        let y = self.quantise(node, x, steps, stairs)?;
        self.values.insert(name, super::Value::Signal(y.clone()));
        Ok(y)
    }

    /// The values of `x` as codes of this step, so wide that they hold all of them.
    pub(super) fn coded_like(&mut self, node: &Node, x: Signal, step: &Ratio) -> Result<Signal, String> {
        let most = self.measured(&x)?.into_iter().flatten().fold(0f64, |m, v| m.max(v.abs()));
        let bits = ((most / near(step)).max(1.0).log2().ceil() as i64 + 1).clamp(2, 8);
        let (steps, stairs) =
            Codes::new(bits, true, false, Rounding::HalfEven)?.stairs(&vec![step.clone()], &zero())?;
        self.quantise(node, x, steps, stairs)
    }

    /// Mean and variance of each channel of `x`.
    pub(super) fn moments(&mut self, x: &Signal) -> Result<Vec<(f32, f32)>, String> {
        let (values, size) = (self.measured(x)?, x.len() / x.shape[0]);
        let channel = |channel: usize| {
            let all = || values.iter().flat_map(|v| &v[channel * size..(channel + 1) * size]);
            let count = (values.len() * size) as f64;
            let mean = all().sum::<f64>() / count;
            (mean as f32, (all().map(|v| (v - mean).powi(2)).sum::<f64>() / count) as f32)
        };
        Ok((0..x.shape[0]).map(channel).collect())
    }

    /// The values of `x` in all samples, in the order of its layer's vector.
    fn measured(&mut self, x: &Signal) -> Result<Vec<Vec<f64>>, String> {
        let Some(Ternarise { samples, .. }) = &self.options.ternarise else {
            return Err("no samples".into());
        };
        let (elements, range) = (self.model.input.shape.iter().product::<usize>(), self.range);
        let range = range.ok_or("reads an input of floats; say which integers stand for it (--input)")?;
        let fits = |s: &&Vec<i64>| s.len() == elements && s.iter().all(|v| range.contains(*v));
        if samples.is_empty() || !samples.iter().all(|s| fits(&s)) {
            return Err(format!(
                "samples that are not the model's; want {elements} integers of {range} each"
            ));
        }
        self.traces.resize(samples.len(), Vec::new());
        for (trace, sample) in self.traces.iter_mut().zip(samples) {
            for layer in &self.layers[trace.len()..] {
                let input = trace.last().unwrap_or(sample);
                trace.push(eval::apply(&layer.op, input, trace));
            }
        }
        let (steps, parts) = (&x.steps, x.parts());
        // Integers are few, and exact arithmetic is slow.
        let mut known: HashMap<(usize, i64), f64> = HashMap::new();
        let mut value = |part: usize, v: i64| {
            let exact = || near(&steps.iter().fold(whole(v), |v, step| step.apply(&v, part, parts)));
            *known.entry((part, v)).or_insert_with(exact)
        };
        let vectors =
            self.traces.iter().zip(samples).map(|(trace, sample)| x.layer.map_or(sample, |l| &trace[l]));
        let row = |v: &Vec<i64>| v.iter().enumerate().map(|(i, x)| value(i * parts / v.len(), *x)).collect();
        Ok(vectors.map(row).collect())
    }
}

/// The width of a step at which codes are nearest to the values, by the sum of squares.
fn best_step(values: &[f64], codes: &Codes) -> f32 {
    let most = values.iter().fold(0f64, |m, v| m.max(v.abs())).max(f64::from(f32::MIN_POSITIVE));
    let error = |step: f32| -> f64 {
        values.iter().map(|v| (v - f64::from(codes.apply((v / f64::from(step)) as f32) * step)).powi(2)).sum()
    };
    let tried = (1..=TRIED).map(|i| (most * i as f64 / TRIED as f64 / codes.largest()) as f32);
    let best = tried.map(|step| (error(step), step)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("one at least").1
}
