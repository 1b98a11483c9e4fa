//! The index of the largest element, the lowest index on a tie.

use sterna_ir::Range;
use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

use crate::lower::pipe::{Gate, Link, Pipe, Timed};
use crate::lower::position::{beat_counter, table};

/// Over a whole vector: a tree of comparisons in the order of the elements, where the left one wins a tie.
pub fn vector(b: &mut Builder, gate: Gate, x: &Link, levels_per_stage: u32) -> Link {
    let mut pipe = Pipe::new(gate.ready, levels_per_stage);
    let mut row: Vec<(u32, NodeId)> = x.order.iter().copied().zip(x.data.iter().copied()).collect();
    row.sort_by_key(|(element, _)| *element);
    let mut row: Vec<(Timed, Timed)> = row
        .into_iter()
        .map(|(element, node)| (Pipe::input(node), Pipe::input(b.constant(i64::from(element)))))
        .collect();
    let mut made = 0;
    while row.len() > 1 {
        let mut next = Vec::with_capacity(row.len().div_ceil(2));
        for pair in row.chunks(2) {
            let &[(left, left_index), (right, right_index)] = pair else {
                next.push(pair[0]);
                continue;
            };
            let (nodes, time, level) = pipe.meet(b, &[left, right, left_index, right_index]);
            let name = format!("best{made}");
            made += 1;
            let stays = b.ge(nodes[0], nodes[1], format!("{name}_left"));
            let value = b.mux(stays, nodes[1], nodes[0], name.as_str());
            let index = b.mux(stays, nodes[3], nodes[2], format!("{name}_index"));
            next.push((Timed { node: value, time, level }, Timed { node: index, time, level }));
        }
        row = next;
    }
    let (data, _) = pipe.finish(b, x.valid, gate, vec![(row[0].1, "class_q".into())]);
    Link { valid: gate.state, data, order: vec![0], positions: 1 }
}

/// Over a stream of single elements in any order: a running maximum.
pub fn serial(b: &mut Builder, gate: Gate, x: &Link) -> Link {
    let ce = gate.ready;
    let step = b.and(&[x.valid, ce], "x_moved");
    let (beat, last) = beat_counter(b, x.beats(), step, "x_beat").expect("a stream of several beats");
    let value = b.reg(x.data[0], Some(ce), "value");
    let range = Range::new(0, x.order.len() as i64 - 1);
    let sorted = x.order.is_sorted();
    let index = match sorted {
        true => b.reg(beat, Some(ce), "index"),
        false => {
            let words = x.order.iter().map(|e| i64::from(*e)).collect();
            table(b, words, Some(beat), ce, "index").node
        }
    };
    let valid = b.control(x.valid, Some(ce), 0, "v1");
    let last = b.reg(last, Some(ce), "last1");
    let done = b.and(&[valid, last], "done");
    b.drive(gate.state, done);

    // After reset, and after the last element of each vector, the next one opens a new vector.
    let opens = b.loop_reg(Range::BIT, None, Some(1), "opens");
    let moves = b.and(&[valid, ce], "moves");
    b.gate(opens, moves);
    b.drive(opens, last);
    let value_range = b.range(value);
    let best = b.loop_reg(value_range, None, None, "best");
    let class = b.loop_reg(b.range(index), None, None, "class");
    let stays = b.ge(best, value, "best_stays");
    let mut loses = stays;
    if !sorted {
        let equal = b.ge(value, best, "value_reaches");
        let lower = b.ge(index, class, "index_higher");
        let lower = b.not(lower, "index_lower");
        let tie = b.and(&[stays, equal, lower], "wins_tie");
        let no_tie = b.not(tie, "no_tie");
        loses = b.and(&[stays, no_tie], "loses");
    }
    let larger = b.not(loses, "wins");
    let takes = b.or(&[opens, larger], "takes");
    let takes = b.and(&[moves, takes], "takes_now");
    for (register, next) in [(best, value), (class, index)] {
        b.gate(register, takes);
        b.drive(register, next);
    }
    let class = b.slice(class, 0, range.width(), "class_low");
    Link { valid: gate.state, data: vec![class], order: vec![0], positions: 1 }
}
