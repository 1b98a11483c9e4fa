//! Convolutions and pools: the windows, and what becomes of them.

use sterna_ir::{Layer, LayerOp, Range, Threshold, Window};

use super::{Planner, Unit, clean};
use crate::lower::maps::regroup;
use crate::lower::maxima::Maxima;
use crate::lower::queue::Buffer;
use crate::lower::rows::{Levels, Row};
use crate::lower::windows::Windows;
use crate::{Error, Result};

impl Planner<'_> {
    /// Pixels to windows, of which `elements` leave.
    fn windows(&mut self, window: &Window, elements: Vec<u32>) {
        self.gather();
        // A pixel waits in memories, which hold whole words, and zeros go between pixels.
        self.flow.range = self.flow.range.union(Range::point(0)).word();
        let text = |[rows, columns]: [usize; 2]| format!("{rows}x{columns}");
        let bits = self.flow.range.width() * self.flow.order.len() as u32;
        let unit = Windows::new(*window, elements, bits);
        let [channels, height, width] = window.input;
        self.about.push(format!(
            "Windows of {}, stride {}, padding {} over {channels} x {height} x {width}; a delay line of {} bits.",
            text(window.kernel),
            text(window.stride),
            text(window.padding),
            unit.line_bits
        ));
        self.flow.order = unit.elements.clone();
        self.flow.lanes = unit.elements.len();
        self.flow.positions = window.positions();
        self.units.push(Unit::Windows(unit));
    }

    /// The windows that `rows` read; by element of a window what its node can hold or more, and what it holds.
    ///
    /// A convolution that is `slow` holds up what comes before it while the windows of a row last, unless that is the source
    /// of the samples, which can wait: pixels may then wait in front of it.
    pub fn conv_windows(
        &mut self,
        index: usize,
        window: &Window,
        rows: &[Row],
        slow: bool,
    ) -> (Vec<Range>, Vec<Range>) {
        let taps = window.kernel[0] * window.kernel[1];
        let mut elements: Vec<u32> = rows.iter().flat_map(|r| &r.terms).map(|(e, _)| *e).collect();
        elements.sort_unstable();
        elements.dedup();
        if elements.is_empty() {
            elements.push(self.small.before(index)[0] * taps as u32);
        }
        let nodes = under(window, &self.of_nodes(index, window.padding != [0, 0]));
        let nodes = nodes.into_iter().map(in_memory).collect();
        let exact = under(window, &self.exact(index));
        let is_windowed =
            |l: &Layer| matches!(l.op, LayerOp::Conv2d(_) | LayerOp::MaxPool(_) | LayerOp::SumPool(_));
        if slow && self.network.layers[..index].iter().any(is_windowed) {
            self.gather();
            // What memories hold are whole words.
            self.flow.range = self.flow.range.word();
            let [_, height, width] = window.input;
            self.units.push(Unit::Buffer(Buffer { image: [width, height], depth: 0 }));
        }
        self.windows(window, elements);
        (nodes, exact)
    }

    /// Largest elements: along the rows first, so that only one value a window waits for the rows below.
    pub fn max_pool(&mut self, window: &Window) {
        for window in along_axes(window) {
            self.pool_windows(&window);
            let taps = window.kernel[0] * window.kernel[1];
            let unit = Maxima { taps };
            self.flow.order = channels_of(&self.flow.order, taps);
            self.flow.lanes = self.flow.order.len();
            self.units.push(Unit::Maxima(unit));
        }
    }

    /// Sums, along the rows first.
    pub fn sum_pool(&mut self, index: usize, window: &Window, threshold: Option<&Threshold>) -> Result<()> {
        let axes = along_axes(window);
        let regrouped = threshold.map(|t| regroup(t, self.small.positions[index + 1]));
        let threshold = regrouped.as_deref();
        let mut ranges = by_channel(window, &self.of_nodes(index, false));
        for (step, axis) in axes.iter().enumerate() {
            let taps = axis.kernel[0] * axis.kernel[1];
            self.pool_windows(axis);
            let last = step + 1 == axes.len();
            let row = |c: u32| Row {
                element: c,
                terms: (0..taps as u32).map(|t| (c * taps as u32 + t, 1)).collect(),
                bias: 0,
                levels: threshold.filter(|_| last).map(|t| Levels::of(t, c as usize, 0)),
            };
            let rows: Vec<Row> = channels_of(&self.flow.order, taps).into_iter().map(row).collect();
            let too_wide = || Error::TooWide { layer: index, name: clean(&self.network.layers[index].name) };
            self.flow.range = self.bound(&rows).ok_or_else(too_wide)?;
            let x = ranges.iter().flat_map(|r| std::iter::repeat_n(in_memory(*r), taps)).collect();
            self.unrolled(rows, threshold.filter(|_| last), x);
            let sum = |r: &Range| r.checked_scale(taps as i64).map(|r| r.union(Range::new(-1, 1)));
            ranges = ranges.iter().map(sum).collect::<Option<_>>().ok_or_else(too_wide)?;
        }
        Ok(())
    }

    fn pool_windows(&mut self, window: &Window) {
        let taps = (window.kernel[0] * window.kernel[1]) as u32;
        let mut channels = self.flow.order.clone();
        channels.sort_unstable();
        self.windows(window, channels.iter().flat_map(|c| c * taps..(c + 1) * taps).collect());
    }
}

/// A pool as one along the rows and one along the columns, those that do nothing left out.
fn along_axes(window: &Window) -> Vec<Window> {
    let [rows, columns] = window.kernel;
    let across = Window { kernel: [1, columns], stride: [1, window.stride[1]], ..*window };
    let between = [window.input[0], window.input[1], across.output()[1]];
    let down = Window { input: between, kernel: [rows, 1], stride: [window.stride[0], 1], ..*window };
    let does = |w: &Window| w.kernel != [1, 1] || w.stride != [1, 1];
    let axes: Vec<Window> = [across, down].into_iter().filter(does).collect();
    if axes.is_empty() { vec![*window] } else { axes }
}

fn channels_of(elements: &[u32], taps: usize) -> Vec<u32> {
    let mut channels: Vec<u32> = elements.iter().map(|e| e / taps as u32).collect();
    channels.dedup();
    channels
}

/// One range for each channel, from those of all elements.
fn by_channel(window: &Window, x: &[Range]) -> Vec<Range> {
    let image = |x: &[Range]| x.iter().copied().reduce(Range::union).expect("an image has pixels");
    x.chunks_exact(window.input[1] * window.input[2]).map(image).collect()
}

/// What comes out of a memory: whole words. A constant is no bit, even if it is as wide as one.
pub fn in_memory(range: Range) -> Range {
    if range.lo == range.hi { range } else { range.word() }
}

/// One range for each element of a window, from those of the image; padding is 0.
fn under(window: &Window, x: &[Range]) -> Vec<Range> {
    let taps = window.kernel[0] * window.kernel[1];
    let padded = |r: Range| if window.padding == [0, 0] { r } else { r.union(Range::point(0)) };
    by_channel(window, x).into_iter().flat_map(|r| std::iter::repeat_n(padded(r), taps)).collect()
}
