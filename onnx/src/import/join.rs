//! Where branches meet: residual sums, and channels put behind each other.

use num_traits::{One, Zero};
use sterna_ir::LayerOp;

use crate::error::shown;
use crate::exact::{Ratio, as_integer, common_step, near};
use crate::model::Node;
use crate::signal::{Signal, narrow};
use crate::stairs::{Params, Step, of_part, zip};

use super::Importer;
use super::sparse::sparse;

impl Importer<'_> {
    /// The sum of two tensors.
    pub(super) fn add(&mut self, node: &Node, signals: Vec<Signal>) -> Result<Signal, String> {
        let Ok([a, b]) = <[_; 2]>::try_from(self.seated(signals)?) else {
            return Err("adds more than two tensors".into());
        };
        // The later one is that of the last layer, or nearer to it.
        let ((_, main), (from, other)) = if a.0 >= b.0 { (a, b) } else { (b, a) };
        if main.shape != other.shape || main.order != other.order {
            return Err(format!("adds tensors of shapes {:?} and {:?}", main.shape, other.shape));
        }
        self.bring(&main)?;
        let main = Signal { layer: self.last(), ..main };
        // Where steps are still to be chosen, those of the earlier tensor are.
        let main = match (&self.options.ternarise, other.one_scale()) {
            (Some(_), Ok((step, _))) if main.one_scale().map(|(s, _)| s) != Ok(step.clone()) => {
                self.coded_like(node, main, &step)?
            }
            _ => main,
        };
        let main = self.matched(node, main, &other)?;
        let (scale, offset) = main.scaled()?;
        let offset = zip(offset, other.scaled()?.1, |a, b| a + b).ok_or("offsets of other channels")?;
        let scale = scale.clone();
        let layer = self.push(node, LayerOp::Add { from });
        let y = Signal { layer: Some(layer), codes: None, ..main };
        Signal { steps: vec![Step::identity()], ..y }.affine(scale, offset)
    }

    /// `main` from integers as fine as those of `other`: multiplied by a whole number where they are coarser.
    fn matched(&mut self, node: &Node, main: Signal, other: &Signal) -> Result<Signal, String> {
        let (mine, theirs) = (main.scaled()?.0, other.scaled()?.0);
        // Steps of 0 are those of constants, and nothing is a multiple of them.
        let ratio = |a: &Ratio, b: &Ratio| match b.is_zero() {
            true if a.is_zero() => Ratio::one(),
            true => Ratio::zero(),
            false => a / b,
        };
        let ratios = zip(mine, theirs, ratio).ok_or("scales of other channels")?;
        if ratios.iter().all(Ratio::is_one) {
            return Ok(main);
        }
        let factor = as_integer(&ratios[0]).filter(|m| (2..=i64::from(i16::MAX)).contains(m));
        let factor = factor.filter(|_| ratios.iter().all(|r| *r == ratios[0]));
        let Some(factor) = factor else {
            let earlier = other.layer.map_or("the input".into(), |l| shown(&self.layers[l].name));
            return Err(format!(
                "adds values in steps of {:.6e} to those of {earlier} in steps of {:.6e}; quantise both with one scale \
                 (in Brevitas share the quantiser)",
                near(&mine[0]),
                near(&theirs[0])
            ));
        };
        let (offset, scale) = (main.scaled()?.1.clone(), theirs.clone());
        self.multiplied(node, &main, factor as i16, Vec::new())?.affine(scale, offset)
    }

    /// The channels of tensors behind each other. Each is put at its place among zeros, and then all are added; where the
    /// steps of all are multiples of one, that is the step of the outcome.
    pub(super) fn concat(&mut self, node: &Node, signals: Vec<Signal>) -> Result<Signal, String> {
        let axis = node.int("axis").ok_or("no axis")?;
        let sizes = |x: &Signal| x.shape.split_first().map(|(_, rest)| rest.to_vec());
        let rest = sizes(&signals[0]).ok_or("tensors without channels")?;
        if crate::shapes::axis(axis, rest.len() + 2)? != 1 || signals.iter().any(|x| x.order.is_some()) {
            return Err(format!("joined along axis {axis}; want channels, axis 1 of NCHW"));
        }
        if let Some(other) = signals.iter().find(|x| sizes(x).as_ref() != Some(&rest)) {
            return Err(format!("joins tensors of shapes {:?} and {:?}", signals[0].shape, other.shape));
        }
        let shape = [&[signals.iter().map(|x| x.shape[0]).sum()], rest.as_slice()].concat();
        let parts = self.seated(signals)?;
        // Channels of images are moved as a whole. Their elements lie one channel behind the other, flattened or not.
        let places = |layer: usize| match self.sizes_of(Some(layer)) {
            [_, height, width] => [*height, *width],
            _ => [1, 1],
        };
        let [height, width] = places(parts[0].0);
        let moved =
            if parts.iter().all(|(layer, _)| places(*layer) == [height, width]) { height * width } else { 1 };
        let (mut scales, mut offsets, mut firsts) = (Params::new(), Params::new(), Vec::new());
        for (_, x) in &parts {
            let ((scale, offset), count) = (x.scaled()?, x.len() / moved);
            if !count.is_multiple_of(x.parts()) {
                return Err(
                    "elements of an image with scales of their own; want them by channel at most".into()
                );
            }
            firsts.push(scales.len());
            scales.extend((0..count).map(|part| of_part(scale, part, count).clone()));
            offsets.extend((0..count).map(|part| of_part(offset, part, count).clone()));
        }
        let step = common_step(&scales, i16::MAX);
        let factor = |part: usize| -> i16 {
            let multiple = step.as_ref().and_then(|step| as_integer(&(&scales[part] / step)));
            multiple.map_or(1, |m| m.try_into().expect("at most so many steps"))
        };
        let is_plain = (0..scales.len()).all(|part| factor(part) == 1);
        let bounds = parts
            .iter()
            .map(|(_, x)| x.codes)
            .reduce(|a, b| a.zip(b).map(|((a, b), (c, d))| (a.min(c), b.max(d))));
        let codes = bounds.flatten().filter(|_| is_plain);

        let mut layers: Vec<usize> = parts.iter().map(|(layer, _)| *layer).collect();
        layers.sort_unstable();
        layers.dedup();
        let mut sum: Option<usize> = None;
        for layer in layers.into_iter().rev() {
            let of_layer = || parts.iter().zip(&firsts).filter(|((l, _), _)| *l == layer);
            let mut weights = Vec::new();
            for ((_, x), first) in of_layer() {
                weights.extend((0..x.len() / moved).map(|c| (first + c, c, factor(first + c))));
            }
            let (_, x) = of_layer().next().expect("made from them").0;
            self.bring(x)?;
            let sizes = self.sizes_of(Some(layer));
            let sizes = if moved > 1 { sizes.to_vec() } else { vec![x.len()] };
            self.spend(sizes[0] * scales.len())?;
            let op = sparse(&sizes, scales.len(), weights, Vec::new())?;
            let placed = self.push(node, op);
            sum = Some(match sum {
                None => placed,
                Some(from) => self.push(node, LayerOp::Add { from }),
            });
        }
        let scale = step.map_or(scales, |step| vec![step]);
        let y = Signal::new(sum, shape, codes);
        y.affine(narrow(scale), narrow(offsets))
    }
}
