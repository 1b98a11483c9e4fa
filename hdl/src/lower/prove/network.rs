//! The rows that the stages claim to compute, compared with the layers of the original network: simplification and planning
//! may leave out only inputs with one possible value, and must account for that value.

use sterna_ir::{Conv2d, Dense, LayerOp, Network, Range, Threshold, Window};

use super::Difference;
use crate::lower::folded::Word;
use crate::lower::maps::{positions, regroup};
use crate::lower::plan::{Plan, Stage, Unit};
use crate::lower::rows::{Levels, Row};
use crate::lower::table::Table;
use crate::lower::windows::Windows;

/// Compares every row of the plan with the network.
pub fn prove(network: &Network, plan: &Plan) -> Result<(), Difference> {
    let whole = |e: String| ("the network".to_string(), e);
    let ranges = network.ranges().map_err(|e| whole(e.to_string()))?;
    let positions = positions(network).map_err(|e| whole(e.to_string()))?;
    let start = network.input.of_elements();
    for stage in &plan.stages {
        let x = stage.first.checked_sub(1).map_or(&start, |before| &ranges[before]);
        let threshold = match &network.layers[stage.layer].op {
            LayerOp::Threshold(t) => Some(regroup(t, positions[stage.layer])),
            _ => None,
        };
        let threshold = threshold.as_deref();
        let in_stage = |what: &str| (stage.name.clone(), what.to_string());
        let op = &network.layers[stage.first].op;
        let matrix = match op {
            LayerOp::Dense(d) => Some(Matrix::dense(d, x)),
            LayerOp::Conv2d(c) => {
                let slides = |unit: &Unit| matches!(unit, Unit::Windows(w) if w.window == c.window);
                if stage.units.iter().filter(|u| slides(u)).count() != 1 {
                    return Err(in_stage("the window is not the network's"));
                }
                Some(Matrix::conv(c, x))
            }
            LayerOp::MaxPool(w) | LayerOp::SumPool(w) => {
                pool(stage, w, matches!(op, LayerOp::MaxPool(_))).map_err(in_stage)?;
                None
            }
            _ => None,
        };
        let mut done: &[Row] = &[];
        let mut lifted = false;
        let mut taps = 1;
        for (at, unit) in stage.units.iter().enumerate() {
            let rows = match unit {
                Unit::Unrolled(unit) => &unit.rows[..],
                Unit::Serial(unit) => {
                    let holds = |(e, _): &(u32, i64)| {
                        let known = matrix.as_ref().and_then(|m| m.x.get(*e as usize));
                        known.is_some_and(|range| unit.x[*e as usize].covers(*range))
                    };
                    if !unit.rows.iter().flat_map(|row| &row.terms).all(holds) {
                        return Err(in_stage("an element can be more than its digits are made for"));
                    }
                    &unit.rows[..]
                }
                Unit::Folded(unit) => {
                    lifted = matches!(unit.schedule.word, Word::Signs(_));
                    let is_sum = |row: &Row| row.levels.is_none() && row.bias == lift(row, lifted);
                    let table = matches!(stage.units.get(at + 1), Some(Unit::Table(_)));
                    if !table && !unit.rows.iter().all(is_sum) {
                        return Err(in_stage("the table behind the elements is missing"));
                    }
                    &unit.rows[..]
                }
                Unit::Windows(unit) => {
                    taps = unit.window.kernel[0] * unit.window.kernel[1];
                    continue;
                }
                Unit::Table(table) => {
                    let original = threshold.filter(|_| matrix.is_none());
                    table_follows(table, (done, lifted), original)
                        .map_err(|what| (stage.name.clone(), what))?;
                    continue;
                }
                _ => continue,
            };
            done = rows;
            let is_last = !stage.units[at + 1..].iter().any(|u| matches!(u, Unit::Unrolled(_)));
            for row in rows {
                let result = match (&matrix, op, threshold) {
                    (Some(matrix), ..) => matrix.check(threshold, row),
                    (None, LayerOp::SumPool(_), _) => {
                        let elements = (0..taps as u32).map(|t| (row.element * taps as u32 + t, 1));
                        sum_row(elements, threshold.filter(|_| is_last), row)
                    }
                    (None, LayerOp::Add { from }, _) if from + 1 == stage.first => {
                        sum_row([(row.element, 2)], threshold, row)
                    }
                    (None, LayerOp::Add { from }, _) => {
                        let channels = (x.len() / positions[stage.first]) as u32;
                        let joins = |u: &Unit| matches!(u, Unit::Join(j) if (j.from, j.channels as u32) == (*from, channels));
                        if !stage.units.iter().any(joins) {
                            return Err(in_stage("the stream that is added is not the network's"));
                        }
                        sum_row([(row.element, 1), (row.element + channels, 1)], threshold, row)
                    }
                    (None, _, Some(t)) => encoder_row(t, row),
                    (None, _, None) => Err("rows without weights or thresholds"),
                };
                let place = || format!("{}, neuron {}", stage.name, row.element);
                result.map_err(|what| (place(), what.to_string()))?;
            }
        }
    }
    Ok(())
}

/// The weights of a layer as a matrix over the elements of its input or of a window.
struct Matrix {
    rows: Vec<Vec<i16>>,
    bias: Vec<i64>,
    /// By column, what the element can be.
    x: Vec<Range>,
}

impl Matrix {
    fn dense(d: &Dense, x: &[Range]) -> Self {
        let rows = (0..d.outputs).map(|o| d.row(o).to_vec()).collect();
        Matrix { rows, bias: (0..d.outputs).map(|o| d.bias(o)).collect(), x: x.to_vec() }
    }

    fn conv(c: &Conv2d, x: &[Range]) -> Self {
        let taps = c.window.kernel[0] * c.window.kernel[1];
        let padding = (c.window.padding != [0, 0]).then_some(Range::point(0));
        let channel = |x: &[Range]| x.iter().copied().chain(padding).reduce(Range::union);
        let channels = x.chunks_exact(c.window.input[1] * c.window.input[2]);
        let x = channels.flat_map(|x| vec![channel(x).expect("a channel has pixels"); taps]).collect();
        let row = |o: usize| {
            let first = o / (c.outputs / c.groups) * c.fan_in();
            let mut row = vec![0; c.window.input[0] * taps];
            row[first..first + c.fan_in()].copy_from_slice(c.row(o));
            row
        };
        let bias = (0..c.outputs).map(|o| c.bias(o)).collect();
        Matrix { rows: (0..c.outputs).map(row).collect(), bias, x }
    }

    fn check(&self, t: Option<&Threshold>, row: &Row) -> Result<(), &'static str> {
        let o = row.element as usize;
        let weights = self.rows.get(o).ok_or("no such channel in the network")?;
        linear_row((weights, self.bias[o]), t, row, &self.x)
    }
}

/// The units of a pool: windows without padding, along each axis once as the network says, each followed by what joins them.
fn pool(stage: &Stage, window: &Window, max: bool) -> Result<(), &'static str> {
    let [channels, mut height, mut width] = window.input;
    let (mut kernel, mut stride) = ([1, 1], [1, 1]);
    let mut units = stage.units.iter().filter(|u| !matches!(u, Unit::Gather)).peekable();
    while let Some(Unit::Windows(Windows { window: w, .. })) = units.peek() {
        units.next();
        for axis in 0..2 {
            if (w.kernel[axis], w.stride[axis]) != (1, 1) {
                if (kernel[axis], stride[axis]) != (1, 1) {
                    return Err("pools twice along an axis");
                }
                (kernel[axis], stride[axis]) = (w.kernel[axis], w.stride[axis]);
            }
        }
        if w.padding != [0, 0] || w.input != [channels, height, width] {
            return Err("windows over another image than the network's");
        }
        [height, width] = w.output();
        let taps = w.kernel[0] * w.kernel[1];
        match units.next() {
            Some(Unit::Maxima(unit)) if max && unit.taps == taps => {}
            Some(Unit::Unrolled(_)) if !max => {}
            _ => return Err("windows are not joined as the network says"),
        }
    }
    match units.next().is_none() && (kernel, stride) == (window.kernel, window.stride) {
        true => Ok(()),
        false => Err("the window is not the network's"),
    }
}

/// A sum of these elements and weights.
fn sum_row(
    terms: impl IntoIterator<Item = (u32, i64)>,
    t: Option<&Threshold>,
    row: &Row,
) -> Result<(), &'static str> {
    if !row.terms.iter().copied().eq(terms) || row.bias != 0 {
        return Err("a summand is not the network's");
    }
    match row.levels == t.map(|t| Levels::of(t, row.element as usize, 0)) {
        true => Ok(()),
        false => Err("a threshold is not the network's"),
    }
}

fn linear_row(
    (weights, bias): (&[i16], i64),
    t: Option<&Threshold>,
    row: &Row,
    x: &[Range],
) -> Result<(), &'static str> {
    let o = row.element as usize;
    let turned = match (t, &row.levels) {
        (Some(t), Some(levels)) => t.is_falling(o) && !levels.falling,
        _ => false,
    };
    let sign = if turned { -1 } else { 1 };
    let mut left_out = bias;
    let mut terms = row.terms.iter().peekable();
    for (i, (&weight, range)) in weights.iter().zip(x).enumerate() {
        let weight = i64::from(weight);
        let used = terms.next_if(|(element, _)| *element as usize == i).map_or(0, |(_, w)| sign * w);
        if used != weight {
            if used != 0 || range.lo != range.hi {
                return Err("a weight is not the network's");
            }
            left_out += weight * range.lo;
        }
    }
    if terms.next().is_some() {
        return Err("an input twice, or one that does not exist");
    }
    match (t, &row.levels) {
        (None, None) if row.bias == left_out => Ok(()),
        (Some(t), Some(levels)) if row.bias == 0 => {
            let same = levels.falling == (t.is_falling(o) && !turned)
                && levels.thresholds.iter().map(|v| sign * v).eq(t.of(o).iter().map(|v| v - left_out));
            if same { Ok(()) } else { Err("a threshold is not the network's") }
        }
        _ => Err("the bias is not the network's"),
    }
}

fn encoder_row(t: &Threshold, row: &Row) -> Result<(), &'static str> {
    let plain = row.terms == [(row.element, 1)] && row.bias == 0;
    match row.levels == Some(Levels::of(t, row.element as usize, 0)) && plain {
        true => Ok(()),
        false => Err("a threshold is not the network's"),
    }
}

/// By how much the elements' sum of `row` is larger than it should be: an XNOR array adds 1 - x where the weight is -1.
fn lift(row: &Row, lifted: bool) -> i64 {
    if lifted { row.terms.iter().filter(|(_, weight)| *weight == -1).count() as i64 } else { 0 }
}

/// A table holds what the rows before it, with sums that are lifted or not, left to it, or a threshold layer as it is.
fn table_follows(
    table: &Table,
    (rows, lifted): (&[Row], bool),
    original: Option<&Threshold>,
) -> Result<(), String> {
    let wrong = |element: u32| Err(format!("neuron {element}: the table is not the network's"));
    match (table, original) {
        (Table::Threshold { levels, .. }, Some(t)) => {
            match (0..t.channels).find(|c| levels.get(*c) != Some(&Levels::of(t, *c, 0))) {
                Some(c) => wrong(c as u32),
                None => Ok(()),
            }
        }
        (Table::Threshold { levels, .. }, None) => {
            let own = |row: &Row| row.levels.clone().map(|levels| levels.raised(lift(row, lifted)));
            match rows.iter().find(|r| levels.get(r.element as usize) != own(r).as_ref()) {
                Some(row) => wrong(row.element),
                None => Ok(()),
            }
        }
        (Table::Bias { bias, .. }, _) => {
            match rows.iter().find(|r| bias.get(r.element as usize) != Some(&(r.bias - lift(r, lifted)))) {
                Some(row) => wrong(row.element),
                None => Ok(()),
            }
        }
    }
}
