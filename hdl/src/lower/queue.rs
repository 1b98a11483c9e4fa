//! Pixels that wait: the earlier stream of a residual sum, until the later one has passed the layers between, and the stream
//! in front of a slow convolution, so that those before it can go on while the windows of a row last.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};

use crate::lower::memory::stored;
use crate::lower::pipe::{Gate, Link};
use crate::lower::position::beat_counter;

/// Joins the pixels of two streams: elements `channels ..` are those of the earlier one.
#[derive(Clone, Debug)]
pub struct Join {
    /// Layer whose output waits.
    pub from: usize,
    /// Channels of either stream.
    pub channels: usize,
    /// Pixels that can wait.
    pub depth: usize,
}

/// A stream that waits.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Pixels of a row, and rows of an image.
    pub image: [usize; 2],
    /// Pixels that can wait: none, or at least two.
    pub depth: usize,
}

/// Registers of a queue that exist before its data.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// Pixels in the memory.
    pub count: NodeId,
    /// There is room for one more.
    pub free: NodeId,
}

impl Join {
    /// Opens the unit: it takes a beat when one has waited for it and both can leave.
    pub fn open(&self, b: &mut Builder, y_ready: NodeId) -> Gate {
        let gate = open(b, self.depth, y_ready);
        let ready = b.and(&[y_ready, gate.state], "x_ready");
        Gate { ready, ..gate }
    }

    /// Builds the unit behind `gate`. Both streams carry a pixel per beat; `early` moves when `moved` is 1.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, early: &Link, moved: NodeId) -> Link {
        let valid = b.and(&[x.valid, gate.state], "y_valid");
        let leaves = b.and(&[valid, gate.y_ready], "leaves");
        let waited = pass(b, gate, self.depth, (moved, leaves), &early.data);
        let order = x.order.iter().copied().chain(early.order.iter().map(|c| c + self.channels as u32));
        let data = x.data.iter().copied().chain(waited);
        Link { valid, data: data.collect(), order: order.collect(), positions: x.positions }
    }
}

impl Buffer {
    /// Opens the unit: it takes a beat whenever there is room.
    pub fn open(&self, b: &mut Builder, y_ready: NodeId) -> Gate {
        match self.depth {
            0 => Gate::new(y_ready, y_ready, y_ready),
            depth => open(b, depth, y_ready),
        }
    }

    /// Builds the unit behind `gate`. The stream carries a pixel per beat.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link) -> Link {
        if self.depth == 0 {
            return x.clone();
        }
        let moved = b.and(&[x.valid, gate.ready], "queue_moved");
        let leaves = b.and(&[gate.state, gate.y_ready], "leaves");
        let data = pass(b, gate, self.depth, (moved, leaves), &x.data);
        Link { valid: gate.state, data, ..x.clone() }
    }
}

/// A queue that takes a beat when it has room; `state` is 1 when one can leave.
fn open(b: &mut Builder, depth: usize, y_ready: NodeId) -> Gate {
    let range = Range::new(0, depth as i64).word();
    let count = b.loop_reg(range, None, Some(0), "waiting");
    let full = b.eq_const(count, depth as i64, "queue_full");
    let free = b.not(full, "queue_free");
    let state = b.loop_reg(Range::BIT, None, Some(0), "waited_valid");
    Gate { queue: Some(Queue { count, free }), ..Gate::new(free, y_ready, state) }
}

/// What waited: `data` enters when `moved` is 1, and what is shown goes when `leaves` is 1.
fn pass(
    b: &mut Builder,
    gate: Gate,
    depth: usize,
    (moved, leaves): (NodeId, NodeId),
    data: &[NodeId],
) -> Vec<NodeId> {
    let Queue { count, .. } = gate.queue.expect("opened as a queue");
    let stays = b.not(leaves, "stays");
    let waits = b.and(&[gate.state, stays], "waits_on");
    let none = b.eq_const(count, 0, "queue_empty");
    let some = b.not(none, "queue_some");
    let next = b.not(waits, "takes_next");
    let fetch = b.and(&[some, next], "fetch");
    let shown = b.or(&[fetch, waits], "waited_next");
    b.drive(gate.state, shown);
    let sum = b.sum(&[Term::plus(count), Term::plus(moved), Term::minus(fetch)], "waiting_sum");
    let range = b.range(count);
    let sum = b.wrap(sum, range, "waiting_next");
    b.drive(count, sum);

    let mut address =
        |step: NodeId, name: &str| beat_counter(b, depth, step, name).expect("room for several pixels").0;
    let (write, read) = (address(moved, "queue_write_at"), address(fetch, "queue_read_at"));
    stored(b, depth, (moved, write), (fetch, read), data, "queue")
}

#[cfg(test)]
mod tests {
    use crate::lower::{self, build, lower, plan, timing};
    use crate::{Error, Folding, Options, Style};
    use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Range, Window};

    #[test]
    fn a_queue_has_the_room_it_needs_and_no_less_will_do() {
        let window = Window { input: [1, 6, 9], kernel: [3, 3], stride: [1, 1], padding: [1, 1] };
        let conv = Conv2d { window, outputs: 1, groups: 1, weights: vec![1; 9], bias: vec![] };
        let ops = [LayerOp::Conv2d(conv.clone()), LayerOp::Conv2d(conv), LayerOp::Add { from: 0 }];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(vec![1, 6, 9], Range::signed(4));
        let network = Network { name: "residual".into(), input, layers };
        let options = Options::default();
        let mut plan = plan::plan(&network, &options).unwrap();
        plan.share(&options, &mut plan::Searched::default());
        let (design, _, queues) = build(&network, &options, &plan);
        let (timing, most) = timing::observe(&design, &queues.joins).unwrap();
        // A row and a column of the image, padding included, before the first sum.
        assert!((10..24).contains(&most[0]), "{most:?}");
        plan.set_queues(most);
        let (design, _, queues) = build(&network, &options, &plan);
        assert_eq!(timing::observe(&design, &queues.joins).unwrap().0, timing);
        plan.set_queues(vec![6]);
        let (design, _, queues) = build(&network, &options, &plan);
        assert!(matches!(timing::observe(&design, &queues.joins), Err(Error::Deadlock { .. })));
    }

    #[test]
    fn a_slow_convolution_does_not_hold_up_the_one_before_it() {
        let conv = |input: [usize; 3], outputs: usize| {
            let window = Window { input, kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
            let weights = (0..9 * input[0] * outputs).map(|i| [1, -1][i % 2]).collect();
            LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] })
        };
        let pool = Window { input: [6, 12, 12], kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
        let ops = [conv([1, 14, 14], 6), LayerOp::MaxPool(pool), conv([6, 6, 6], 8)];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(vec![1, 14, 14], Range::signed(4));
        let network = Network { name: "rows".into(), input, layers };
        let folding = Folding::PerLayer(vec![Style::Folded { pes: 1 }; 2]);
        let options = Options { folding, ..Options::default() };
        let design = lower(&network, &options).unwrap();
        let slowest = lower::layers(&network, &options).unwrap().iter().map(|l| l.least_cycles).max();
        assert_eq!(Some(design.timing.interval), slowest);
        let interval = |rows: usize| {
            let mut plan = plan::plan(&network, &options).unwrap();
            plan.set_rows(rows);
            let (design, ..) = build(&network, &options, &plan);
            timing::measure(&design).unwrap().interval
        };
        assert!(interval(0) > design.timing.interval && interval(6) == design.timing.interval);
        let deepest =
            design.netlist.memories.iter().filter(|m| m.name.starts_with("queue")).map(|m| m.depth).max();
        assert!(deepest.is_some_and(|depth| depth < 36), "less than an image: {deepest:?}");
    }
}
