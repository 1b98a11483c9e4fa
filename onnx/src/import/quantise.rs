//! Quantisers: each becomes a threshold layer, the range of the input, or nothing where the integers are its codes already.

use sterna_ir::{Input, LayerOp, Network, Range};

use crate::constant::Constant;
use crate::exact::{Ratio, Rounding, as_integer, whole};
use crate::fold::along_axis;
use crate::model::Node;
use crate::quantiser::{self, Codes};
use crate::signal::{Signal, zero};
use crate::stairs::{Found, Params, Stairs, Step, zip};

use super::Importer;

impl Importer<'_> {
    pub(super) fn zero_point(
        &self,
        node: &Node,
        x: &Signal,
        constant: Option<&Constant>,
    ) -> Result<Params, String> {
        constant.map_or_else(|| Ok(zero()), |c| x.params(&along_axis(node, c, x.shape.len() + 1)?))
    }

    /// The codes of `stairs` behind `steps`: as a threshold layer, or as they are where the integers are those codes.
    pub(super) fn quantise(
        &mut self,
        node: &Node,
        x: Signal,
        steps: Vec<Step>,
        stairs: Stairs,
    ) -> Result<Signal, String> {
        let x = steps.into_iter().try_fold(x, Signal::then)?;
        if x.layer.is_none() && x.codes.is_none() {
            return self.open_input(x, stairs);
        }
        let parts = match self.sizes_of(x.layer) {
            [channels, _, _] => *channels,
            _ => 1,
        };
        let found = stairs.thresholds(&x.steps, x.len(), parts);
        let Found { layer: t, edges, first } =
            found.ok_or("channels that differ from those of the scale, or more than 2^20 thresholds")?;
        // What a code of 0 stands for, if `codes` are those of `stairs` less `shift`.
        let offset = |shift: i64| {
            let base = zip(&stairs.base, &stairs.unit, |b, u| b + u * whole(shift));
            base.ok_or_else(|| "scales and zero points of other channels".to_string())
        };
        let few = |(lo, hi): &(i64, i64)| hi - lo <= sterna_ir::MAX_LEVELS as i64;
        if let Some((lo, hi)) = x.codes.filter(few).filter(|_| t.falling.is_empty()) {
            let code = |part: usize, k: i64| first as i64 + t.of(part).partition_point(|t| *t <= k) as i64;
            let shift = code(0, lo) - lo;
            if (0..t.channels).all(|part| (lo..=hi).all(|k| code(part, k) - k == shift)) {
                let step = Step::Affine { offset: offset(shift)?, scale: stairs.unit };
                return Ok(Signal { steps: vec![step], ..x });
            }
        }
        self.bring(&x)?;
        let codes = Some((0, t.levels as i64));
        let offset = offset(first as i64)?;
        let layer = self.push(node, LayerOp::Threshold(t));
        self.edges.insert(layer, edges);
        let y = Signal { layer: Some(layer), steps: vec![Step::identity()], codes, ..x };
        y.affine(stairs.unit, offset)
    }

    /// `Trunc` of QONNX: drops low bits.
    pub(super) fn trunc(
        &mut self,
        node: &Node,
        x: Signal,
        constants: &[Option<Constant>],
    ) -> Result<Signal, String> {
        let need =
            |i: usize| constants.get(i).and_then(Option::as_ref).ok_or(format!("input {i} is no constant"));
        let (scale, zero_point) = (need(1)?.scalar()?, need(2)?.scalar()?);
        quantiser::positive(std::slice::from_ref(&scale))?;
        let mode = quantiser::rounding(node, "FLOOR")?;
        let (dropped, range, out) = if node.version >= 2 {
            let out = need(4)?.scalar()?;
            quantiser::positive(std::slice::from_ref(&out))?;
            let signed = node.int("signed").unwrap_or(1) != 0;
            let narrow = node.int("narrow").unwrap_or(0) != 0;
            let codes = Codes::new(quantiser::width(need(5)?)?, signed, narrow, mode)?;
            (crate::exact::log2(&(&out / &scale))?, Some((codes.lo, codes.hi)), out)
        } else {
            (quantiser::width(need(3)?)? - quantiser::width(need(4)?)?, None, scale.clone())
        };
        if !(0..=32).contains(&dropped) {
            return Err(format!("drops {dropped} bits; want 0 to 32"));
        }
        let factor = Ratio::from_integer((1i64 << dropped).into());
        let moved = x.affine(vec![scale.recip()], vec![zero_point.clone()])?.round(Rounding::HalfEven)?;
        let y = moved.affine(vec![factor.recip()], zero())?;
        let (lo, hi) = match range {
            Some(range) => range,
            // Nothing saturates: as many codes as the integers can reach.
            None => self.bounds(&y)?,
        };
        quantiser::few(lo, hi)?;
        let base = if node.version >= 2 { &zero_point / &factor } else { zero_point };
        let base = vec![(whole(lo) - base) * &out];
        let stairs = Stairs { unit: vec![out], base, ..Stairs::integers(lo, hi.max(lo + 1)) };
        self.quantise(node, y, vec![Step::Round(mode)], stairs)
    }

    /// Ranges of the integers of the last layer, or of the input.
    pub(super) fn ranges(&mut self) -> Result<Vec<Range>, String> {
        let range = self.range.ok_or("reads an input of floats; quantise it first")?;
        let input = Input::new(vec![self.model.input.shape.iter().product()], range);
        if self.layers.is_empty() {
            return Ok(vec![range; input.elements()]);
        }
        let layers = std::mem::take(&mut self.layers);
        let network = Network { name: String::new(), input, layers };
        let ranges = network.ranges();
        self.layers = network.layers;
        Ok(ranges.map_err(|e| e.to_string())?.pop().expect("one for each layer"))
    }

    /// The integers around all values of `x`.
    fn bounds(&mut self, x: &Signal) -> Result<(i64, i64), String> {
        self.bring(x)?;
        let ranges = self.ranges()?;
        let all = ranges.into_iter().reduce(Range::union).ok_or("no values")?;
        let ends = [all.lo, all.hi].map(whole);
        let parts = x.parts();
        let mut values: Vec<Ratio> = Vec::new();
        for part in 0..parts {
            for end in &ends {
                values.push(x.steps.iter().fold(end.clone(), |v, s| s.apply(&v, part, parts)));
            }
        }
        let lo = values.iter().min().map(Ratio::floor).and_then(|v| as_integer(&v));
        let hi = values.iter().max().map(Ratio::ceil).and_then(|v| as_integer(&v));
        lo.zip(hi).ok_or_else(|| "values past 60 bits".into())
    }
}
