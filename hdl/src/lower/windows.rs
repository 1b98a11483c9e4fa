//! A stream of pixels becomes a stream of windows: a delay line as long as the window is high, of which the window's places
//! are taps. Long pieces between taps are memories.
//!
//! Padding is zeros put into the line between pixels, `padding` columns behind every row and `padding` rows behind every
//! image: those behind one row or image are those before the next one, so that an image takes
//! `(height + padding) * (width + padding)` steps. After reset the zeros before the first image come first.

use std::collections::HashMap;

use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;
use sterna_ir::{Range, Window};

use crate::family::Family;
use crate::lower::memory::stored;
use crate::lower::pipe::{Gate, Link};
use crate::lower::position::{beat_counter, increment};

/// Shortest and smallest delay that is worth a memory, in steps and bits.
const SHORTEST: usize = 4;
const SMALLEST: u64 = 256;

/// Whether registers for so many bits, `wide` of them side by side, are dearer than the memory that holds them. Where look-up
/// tables can be memories that is always so; the blocks of iCE40 are 16 bits wide and few.
fn pays(bits: u64, wide: u64, family: Family) -> bool {
    family != Family::Ice40 || bits as f64 >= family.luts_of_a_block() * wide.div_ceil(16) as f64
}

/// What a window unit gives: of every window these elements. Element `c * taps + t` is place `t` of channel `c`.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Where windows lie.
    pub window: Window,
    /// Elements that leave.
    pub elements: Vec<u32>,
    /// Bits of the delay line when every channel waits for the whole window.
    pub line_bits: u64,
}

/// Figures of the windows of a layer.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct WindowInfo {
    /// Height and width of a window.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: [usize; 2],
    /// Rows and columns of zeros around the image.
    pub padding: [usize; 2],
    /// Windows of a sample; the matrix is used once for each.
    pub windows: usize,
    /// Bits of the delay line.
    pub line_bits: u64,
}

/// What the proof needs to know about a built unit.
#[derive(Clone, Debug)]
pub struct Built {
    /// Pixels.
    pub x: Link,
    /// Both sides of the handshakes.
    pub gate: Gate,
    /// Windows.
    pub y: Link,
}

/// The enable of a unit that puts padding between its beats, and the register that is 1 when the next step takes a beat.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    ce: NodeId,
    takes: NodeId,
}

/// Where a walk over image and padding along one axis stands.
struct Axis {
    count: NodeId,
    /// The last step.
    last: NodeId,
    /// The step completes a window.
    hit: NodeId,
}

impl Windows {
    fn height(&self) -> usize {
        self.window.input[1]
    }

    fn width(&self) -> usize {
        self.window.input[2]
    }

    /// Steps from one row to the next.
    fn pitch(&self) -> usize {
        self.width() + self.window.padding[1]
    }

    /// Rows of an image and of the padding behind it.
    fn rows(&self) -> usize {
        self.height() + self.window.padding[0]
    }

    /// Steps of an image, padding included.
    pub fn steps(&self) -> usize {
        self.rows() * self.pitch()
    }

    fn is_padded(&self) -> bool {
        self.window.padding != [0, 0]
    }

    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Windows whose `elements` are read, over pixels of `bits` bits.
    pub fn new(window: Window, elements: Vec<u32>, bits: u32) -> Self {
        let mut unit = Windows { window, elements, line_bits: 0 };
        let [rows, columns] = window.kernel;
        unit.line_bits = ((rows - 1) * unit.pitch() + columns) as u64 * u64::from(bits);
        unit
    }

    /// Figures for reports.
    pub fn info(&self) -> WindowInfo {
        let Window { kernel, stride, padding, .. } = self.window;
        WindowInfo { kernel, stride, padding, windows: self.window.positions(), line_bits: self.line_bits }
    }

    /// Opens the unit: as a pipe, but that it takes nothing while padding passes.
    pub fn open(&self, b: &mut Builder, y_ready: NodeId) -> Gate {
        let state = b.loop_reg(Range::BIT, None, Some(0), "y_valid");
        let empty = b.not(state, "y_empty");
        let ce = b.or(&[empty, y_ready], "ce");
        b.gate(state, ce);
        if !self.is_padded() {
            return Gate::new(ce, y_ready, state);
        }
        let takes = b.loop_reg(Range::BIT, None, Some(0), "takes");
        let ready = b.and(&[ce, takes], "x_ready");
        Gate { scan: Some(Scan { ce, takes }), ..Gate::new(ready, y_ready, state) }
    }

    /// Builds the unit behind `gate`. `x` carries a pixel per beat.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, family: Option<Family>) -> (Link, Built) {
        let ce = gate.scan.map_or(gate.ready, |scan| scan.ce);
        let have = match gate.scan {
            Some(scan) => {
                let pads = b.not(scan.takes, "pads");
                b.or(&[x.valid, pads], "have")
            }
            None => x.valid,
        };
        let step = b.and(&[have, ce], "step");
        let hit = self.walk(b, gate, step);
        let valid = b.and(&[have, hit], "window_next");
        b.drive(gate.state, valid);
        let pixels = match gate.scan {
            Some(scan) => {
                let zero = b.constant(0);
                let pad = |(lane, node): (usize, &NodeId)| b.mux(scan.takes, zero, *node, format!("p{lane}"));
                x.data.iter().enumerate().map(pad).collect()
            }
            None => x.data.clone(),
        };
        let data = self.line(b, step, pixels, &x.order, family);
        let y = Link {
            valid: gate.state,
            data,
            order: self.elements.clone(),
            positions: self.window.positions(),
        };
        (y.clone(), Built { x: x.clone(), gate, y })
    }

    /// Counts steps; the bit that is 1 when a step completes a window.
    fn walk(&self, b: &mut Builder, gate: Gate, step: NodeId) -> NodeId {
        let (height, width) = (self.height(), self.width());
        // The zeros before the first row of an image are those behind the last row of the one before.
        let start = match self.window.padding {
            [0, 0] => [0, 0],
            [_, 0] => [height, 0],
            _ => [height - 1, width],
        };
        let column = self.axis(b, 1, start[1], step, "column");
        let row_step = b.and(&[step, column.last], "row_step");
        let row = self.axis(b, 0, start[0], row_step, "row");
        let Some(scan) = gate.scan else { return b.and(&[row.hit, column.hit], "completes") };

        let low = b.ge_const(row.count, height as i64 - 1, "row_low");
        let high = b.not(low, "row_high");
        let row_next = b.or(&[high, row.last], "row_next_takes");
        let column_end = b.eq_const(column.count, width as i64 - 1, "column_end");
        let inside = b.not(column_end, "column_inside");
        let along = b.and(&[scan.takes, inside], "column_next_takes");
        let next = b.mux(column.last, along, row_next, "takes_next");
        b.gate(scan.takes, step);
        b.drive(scan.takes, next);

        // Before the first image there are no windows.
        let begun = b.loop_reg(Range::BIT, None, Some(0), "begun");
        let ends = b.and(&[row_step, row.last], "image_ends");
        let next = b.or(&[begun, ends], "begun_next");
        b.drive(begun, next);
        b.and(&[row.hit, column.hit, begun], "completes")
    }

    fn axis(&self, b: &mut Builder, axis: usize, start: usize, step: NodeId, name: &str) -> Axis {
        let size = [self.rows(), self.pitch()][axis];
        let (stride, outputs) = (self.window.stride[axis], self.window.output()[axis]);
        let first = self.window.kernel[axis] - 1 - self.window.padding[axis];
        let end = first + (outputs - 1) * stride;
        if size == 1 {
            let (count, one) = (b.constant(0), b.constant(1));
            return Axis { count, last: one, hit: one };
        }
        let counter = |b: &mut Builder, size: usize, start: usize, name: &str| {
            let count =
                b.loop_reg(Range::new(0, size as i64 - 1).word(), Some(step), Some(start as i64), name);
            let last = b.eq_const(count, size as i64 - 1, format!("{name}_last"));
            let next = increment(b, count, name);
            (count, last, next)
        };
        let (count, last, next) = counter(b, size, start, name);
        let zero = b.constant(0);
        let next = b.mux(last, next, zero, format!("{name}_next"));
        b.drive(count, next);
        let mut hits = Vec::new();
        // Steps between candidates; those before the first window and behind the last one are to be told apart.
        let apart = if outputs > 1 { stride } else { 1 };
        if first >= apart {
            hits.push(b.ge_const(count, first as i64, format!("{name}_deep")));
        }
        if end + apart < size {
            let past = b.ge_const(count, end as i64 + 1, format!("{name}_past"));
            hits.push(b.not(past, format!("{name}_within")));
        }
        if apart > 1 {
            // Steps since the last window, were there windows everywhere.
            let since = |at: usize| (at + stride * size - first) % stride;
            let phase_name = format!("{name}_phase");
            let (phase, turn, next) = counter(b, stride, since(start), &phase_name);
            let next = b.mux(turn, next, zero, format!("{phase_name}_next"));
            let anew = b.constant(since(0) as i64);
            let next = b.mux(last, next, anew, format!("{phase_name}_after"));
            b.drive(phase, next);
            hits.push(b.eq_const(phase, 0, format!("{phase_name}_due")));
        }
        let hit = if hits.is_empty() { b.constant(1) } else { b.and(&hits, format!("{name}_hit")) };
        Axis { count, last, hit }
    }

    /// The delay line; the elements, as registers of it.
    fn line(
        &self,
        b: &mut Builder,
        step: NodeId,
        pixels: Vec<NodeId>,
        order: &[u32],
        family: Option<Family>,
    ) -> Vec<NodeId> {
        let [rows, columns] = self.window.kernel;
        let (pitch, taps) = (self.pitch(), self.taps());
        // How many steps before the newest pixel an element came.
        let delay = |element: u32| {
            let tap = element as usize % taps;
            (rows - 1 - tap / columns) * pitch + columns - 1 - tap % columns
        };
        let lane_of: HashMap<u32, usize> = order.iter().enumerate().map(|(lane, c)| (*c, lane)).collect();
        let lane = |element: u32| lane_of[&(element / taps as u32)];
        let mut deepest = vec![None; pixels.len()];
        for &element in &self.elements {
            let deepest = &mut deepest[lane(element)];
            *deepest = (*deepest).max(Some(delay(element)));
        }
        let bits: u64 = pixels.iter().map(|p| u64::from(b.range(*p).width())).sum();
        let between = pitch.saturating_sub(columns);
        let memory = between >= SHORTEST
            && between as u64 * bits * (rows as u64 - 1) >= SMALLEST
            && family.is_none_or(|family| pays(between as u64 * bits, bits, family));
        let mut address = None;
        let mut line: Vec<Vec<Option<NodeId>>> = vec![Vec::new(); pixels.len()];
        for (lane, pixel) in pixels.iter().enumerate().filter(|(lane, _)| deepest[*lane].is_some()) {
            line[lane].push(Some(b.reg(*pixel, Some(step), format!("p{lane}_d0"))));
        }
        for row in 0..rows {
            for (lane, line) in line.iter_mut().enumerate() {
                let Some(deepest) = deepest[lane] else { continue };
                // Registers in a row before the pixels leave for a memory.
                let run = if memory { row * pitch + columns } else { usize::MAX };
                while line.len() < run.min(deepest + 1) {
                    let before = line.last().copied().flatten().expect("a register stands before");
                    line.push(Some(b.reg(before, Some(step), format!("p{lane}_d{}", line.len()))));
                }
            }
            let start = (row + 1) * pitch;
            let on: Vec<usize> = (0..pixels.len()).filter(|lane| deepest[*lane] >= Some(start)).collect();
            if !memory || on.is_empty() {
                continue;
            }
            let address = *address.get_or_insert_with(|| {
                beat_counter(b, between, step, "line_at").expect("a delay of several steps").0
            });
            let last = |lane: &usize| line[*lane].last().copied().flatten().expect("a register");
            let leaving: Vec<NodeId> = on.iter().map(last).collect();
            // An address that goes round in `between` steps delays by one more.
            let port = (step, address);
            let back = stored(b, between, port, port, &leaving, &format!("line{row}"));
            for (lane, node) in on.into_iter().zip(back) {
                line[lane].resize(start, None);
                b.rename(node, format!("p{lane}_d{start}"));
                line[lane].push(Some(node));
            }
        }
        let at = |e: &u32| line[lane(*e)][delay(*e)].expect("taps are registers");
        self.elements.iter().map(at).collect()
    }
}
