//! Where branches meet: residual sums, and channels put behind each other.

use std::cmp::Reverse;

use num_traits::{One, Signed, Zero};
use sterna_ir::LayerOp;

use crate::error::shown;
use crate::exact::{Ratio, about, as_integer, common_step};
use crate::model::Node;
use crate::signal::{Signal, narrow};
use crate::stairs::{Params, Step, of_part, zip};

use super::Importer;
use super::sparse::{Weight, sparse};

/// Most channels, or elements of vectors, that are joined: each has a scale of its own in memory.
const MOST_JOINED: usize = 1 << 16;

impl Importer<'_> {
    /// The sum of two tensors.
    pub(super) fn add(&mut self, node: &Node, signals: Vec<Signal>) -> Result<Signal, String> {
        let Ok([a, b]) = <[_; 2]>::try_from(self.seated(signals)?) else {
            return Err("adds more than two tensors".into());
        };
        // The later one is that of the last layer, or nearer to it.
        let (later, earlier) = if a.0 >= b.0 { (a, b) } else { (b, a) };
        // Only what the last layer gives can be multiplied to be as fine as the other.
        let step = |(_, x): &(usize, Signal)| x.scaled().map(|(scale, _)| scale[0].abs());
        let is_coarser = self.options.ternarise.is_none() && step(&earlier)? > step(&later)?;
        let ((_, main), (from, other)) = if is_coarser { (earlier, later) } else { (later, earlier) };
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
                "adds values in steps of {} to those of {earlier} in steps of {}; quantise both with one scale \
                 (in Brevitas share the quantiser)",
                about(&mine[0]),
                about(&theirs[0])
            ));
        };
        let (offset, scale) = (main.scaled()?.1.clone(), theirs.clone());
        self.multiplied(node, &main, factor as i16, Vec::new())?.affine(scale, offset)
    }

    /// The channels of tensors behind each other; where the steps of all are multiples of one, that is the step of the
    /// outcome.
    pub(super) fn concat(&mut self, node: &Node, signals: Vec<Signal>) -> Result<Signal, String> {
        let shape = joined_shape(node, &signals)?;
        let signals = self.seated(signals)?;
        // Channels of images are moved as a whole. Their elements lie one channel behind the other, flattened or not.
        let places = |layer: usize| match self.sizes_of(Some(layer)) {
            [_, height, width] => [*height, *width],
            _ => [1, 1],
        };
        let [height, width] = places(signals[0].0);
        let is_image =
            height * width > 1 && signals.iter().all(|(layer, _)| places(*layer) == [height, width]);
        let (mut pieces, mut scales, mut offsets) = (Vec::new(), Params::new(), Params::new());
        for (layer, x) in signals {
            let count = if is_image { x.len() / (height * width) } else { x.len() };
            x.within_channels(count)?;
            let (scale, offset) = x.scaled()?;
            let first = scales.len();
            if first + count > MOST_JOINED {
                return Err(format!("joins more than {MOST_JOINED} channels or elements of vectors"));
            }
            scales.extend((0..count).map(|part| of_part(scale, part, count).clone()));
            offsets.extend((0..count).map(|part| of_part(offset, part, count).clone()));
            pieces.push(Piece { layer, to: first..scales.len(), x });
        }
        let step = common_step(&scales, i16::MAX);
        let multiple =
            |scale: &Ratio| step.as_ref().and_then(|step| as_integer(&(scale / step))).unwrap_or(1);
        let factors: Vec<i64> = scales.iter().map(multiple).collect();
        let both = |(a, b): (i64, i64), (c, d): (i64, i64)| (a.min(c), b.max(d));
        let codes = pieces.iter().map(|piece| piece.x.codes).reduce(|a, b| a.zip(b).map(|(a, b)| both(a, b)));
        let codes = codes.flatten().filter(|_| factors.iter().all(|f| *f == 1));
        let layer = self.placed(node, pieces, &factors, is_image)?;
        let scale = step.map_or(scales, |step| vec![step]);
        Signal::new(Some(layer), shape, codes).affine(narrow(scale), narrow(offsets))
    }

    /// Each piece at its place among zeros, and then all added.
    fn placed(
        &mut self,
        node: &Node,
        mut pieces: Vec<Piece>,
        factors: &[i64],
        is_image: bool,
    ) -> Result<usize, String> {
        // What the last layers give need not wait for what others gave.
        pieces.sort_by_key(|piece| Reverse(piece.layer));
        let mut sum: Option<usize> = None;
        for of_layer in pieces.chunk_by(|a, b| a.layer == b.layer) {
            let Piece { layer, to, x } = &of_layer[0];
            let weight = |(from, to): (usize, usize)| (to, from, factors[to] as i16);
            let weights: Vec<Weight> =
                of_layer.iter().flat_map(|piece| piece.to.clone().enumerate().map(weight)).collect();
            let sizes = if is_image { self.sizes_of(Some(*layer)).to_vec() } else { vec![to.len()] };
            self.spend(sizes[0] * factors.len())?;
            self.bring(x)?;
            let alone = self.push(node, sparse(&sizes, factors.len(), weights, Vec::new())?);
            sum = Some(sum.map_or(alone, |from| self.push(node, LayerOp::Add { from })));
        }
        sum.ok_or_else(|| "joins nothing".into())
    }
}

/// A tensor among those that are joined.
struct Piece {
    /// Layer that it is made of.
    layer: usize,
    /// Its channels in the outcome, or its elements where that is no image.
    to: std::ops::Range<usize>,
    x: Signal,
}

/// The shape of tensors whose channels are put behind each other.
fn joined_shape(node: &Node, signals: &[Signal]) -> Result<Vec<usize>, String> {
    let axis = node.int("axis").ok_or("no axis")?;
    let rest = |x: &Signal| x.shape[1..].to_vec();
    let first = &signals[0];
    if crate::shapes::axis(axis, first.shape.len() + 1)? != 1 || signals.iter().any(|x| x.order.is_some()) {
        return Err(format!("joined along axis {axis}; want channels, axis 1 of NCHW"));
    }
    match signals.iter().find(|x| rest(x) != rest(first)) {
        Some(other) => Err(format!("joins tensors of shapes {:?} and {:?}", first.shape, other.shape)),
        None => Ok([vec![signals.iter().map(|x| x.shape[0]).sum()], rest(first)].concat()),
    }
}
