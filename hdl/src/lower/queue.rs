//! A residual sum's two streams: the earlier one waits in a queue until the later one has passed the layers between.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};

use crate::lower::memory::stored;
use crate::lower::pipe::{Gate, Link, beat_counter};

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
        let range = Range::new(0, self.depth as i64).word();
        let count = b.loop_reg(range, None, Some(0), "waiting");
        let full = b.eq_const(count, self.depth as i64, "queue_full");
        let free = b.not(full, "queue_free");
        let state = b.loop_reg(Range::BIT, None, Some(0), "waited_valid");
        let ready = b.and(&[y_ready, state], "x_ready");
        Gate { queue: Some(Queue { count, free }), ..Gate::new(ready, y_ready, state) }
    }

    /// Builds the unit behind `gate`. Both streams carry a pixel per beat; `early` moves when `moved` is 1.
    pub fn build(&self, b: &mut Builder, gate: Gate, x: &Link, early: &Link, moved: NodeId) -> Link {
        let Queue { count, .. } = gate.queue.expect("opened as a queue");
        let valid = b.and(&[x.valid, gate.state], "y_valid");
        let leaves = b.and(&[valid, gate.y_ready], "leaves");
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

        let mut address = |step: NodeId, name: &str| {
            beat_counter(b, self.depth, step, name).expect("room for several pixels").0
        };
        let (write, read) = (address(moved, "write_at"), address(fetch, "read_at"));
        let waited = stored(b, self.depth, (moved, write), (fetch, read), &early.data, "queue");
        let order = x.order.iter().copied().chain(early.order.iter().map(|c| c + self.channels as u32));
        let data = x.data.iter().copied().chain(waited);
        Link { valid, data: data.collect(), order: order.collect(), positions: x.positions }
    }
}

#[cfg(test)]
mod tests {
    use crate::lower::{build, plan, timing};
    use crate::{Error, Options};
    use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Range, Window};

    #[test]
    fn a_queue_has_the_room_it_needs_and_no_less_will_do() {
        let window = Window { input: [1, 6, 9], kernel: [3, 3], stride: [1, 1], padding: [1, 1] };
        let conv = Conv2d { window, outputs: 1, groups: 1, weights: vec![1; 9], bias: vec![] };
        let ops = [LayerOp::Conv2d(conv.clone()), LayerOp::Conv2d(conv), LayerOp::Add { from: 0 }];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input { shape: vec![1, 6, 9], range: Range::signed(4) };
        let network = Network { name: "residual".into(), input, layers };
        let options = Options::default();
        let mut plan = plan::plan(&network, &options).unwrap();
        plan.share(&options, &mut plan::Searched::default());
        let (design, _, queues) = build(&network, &options, &plan);
        let (timing, most) = timing::observe(&design, &queues).unwrap();
        // A row and a column of the image, padding included, before the first sum.
        assert!((10..24).contains(&most[0]), "{most:?}");
        plan.set_queues(most);
        let (design, _, queues) = build(&network, &options, &plan);
        assert_eq!(timing::observe(&design, &queues).unwrap().0, timing);
        plan.set_queues(vec![6]);
        let (design, _, queues) = build(&network, &options, &plan);
        assert!(matches!(timing::observe(&design, &queues), Err(Error::Deadlock { .. })));
    }
}
