//! Random netlists of every kind of node.

use sterna_ir::build::Builder;
use sterna_ir::netlist::{NodeId, Term};
use sterna_ir::{Netlist, Range};

/// A small generator of random numbers.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick(&mut self, from: &[NodeId]) -> NodeId {
        from[self.below(from.len())]
    }

    /// A value of `range`, its ends more often.
    pub fn value(&mut self, range: Range) -> i64 {
        match self.below(4) {
            0 => range.lo,
            1 => range.hi,
            _ => {
                let span = (i128::from(range.hi) - i128::from(range.lo) + 1) as u128;
                let draw = u128::from(self.below(1 << 30) as u64) << 30 | self.below(1 << 30) as u128;
                (i128::from(range.lo) + (draw % span) as i128) as i64
            }
        }
    }
}

/// A checked netlist of about `size` nodes with words of up to `width` bits.
pub fn netlist(seed: u64, size: usize, width: u32) -> Netlist {
    let mut dice = Dice(seed);
    let d = &mut dice;
    let mut b = Builder::new("random", vec![]);
    b.reset("rst");
    let mut words: Vec<NodeId> = Vec::new();
    let mut bits: Vec<NodeId> = (0..3).map(|i| b.input(format!("bit{i}"), Range::BIT)).collect();
    for i in 0..4 {
        let range = any_range(d, width);
        words.push(b.input(format!("in{i}"), range));
    }
    for value in [0, 1, -3, 5] {
        words.push(b.constant(value));
    }
    let mut loops = Vec::new();
    for i in 0..6 {
        // Half of them share a range, so that they can feed each other directly.
        let range = if i % 2 == 0 { Range::signed(7) } else { any_range(d, width).word() };
        let reset = (d.below(2) == 0).then(|| d.value(range));
        loops.push((b.loop_reg(range, None, reset, format!("loop{i}")), range));
        words.push(loops[i].0);
    }
    for i in 0..3 {
        let reset = (d.below(2) == 0).then(|| d.below(2) as i64);
        loops.push((b.loop_reg(Range::BIT, None, reset, format!("flag{i}")), Range::BIT));
        bits.push(loops[6 + i].0);
    }
    for i in 0..size {
        node(d, &mut b, &mut words, &mut bits, width, i);
    }
    for (i, (register, range)) in loops.iter().enumerate() {
        let twin = loops[d.below(loops.len())];
        let next = match d.below(3) {
            0 if twin.1 == *range => twin.0,
            _ if *range == Range::BIT => d.pick(&bits),
            _ => {
                let from = d.pick(&words);
                b.wrap(from, *range, format!("next{i}"))
            }
        };
        b.drive(*register, next);
        if d.below(2) == 0 {
            let enable = d.pick(&bits);
            b.gate(*register, enable);
        }
    }
    for _ in 0..4 {
        let id = d.pick(&words);
        b.output(id);
    }
    let netlist = b.finish();
    sterna_ir::check::check(&netlist).expect("random netlists are sound");
    netlist
}

fn any_range(d: &mut Dice, width: u32) -> Range {
    let bits = 1 + d.below(width as usize - 1) as u32;
    if d.below(2) == 0 { Range::signed(bits) } else { Range::unsigned(bits) }
}

fn node(
    d: &mut Dice,
    b: &mut Builder,
    words: &mut Vec<NodeId>,
    bits: &mut Vec<NodeId>,
    width: u32,
    i: usize,
) {
    let (a, c, e) = (d.pick(words), d.pick(words), d.pick(words));
    let (p, q, r) = (d.pick(bits), d.pick(bits), d.pick(bits));
    let wide = b.range(a).width();
    let enable = (d.below(2) == 0).then_some(p);
    match d.below(20) {
        0..=3 => {
            let narrow: Vec<NodeId> = [a, c, e].into_iter().filter(|n| b.range(*n).width() < width).collect();
            let count = narrow.len().min(1 + d.below(3));
            let terms: Vec<Term> = narrow[..count]
                .iter()
                .map(|n| {
                    let room = (width - b.range(*n).width()) as usize;
                    let shift = if d.below(2) == 0 { 0 } else { d.below(room + 1) as u8 };
                    Term { node: *n, shift, negate: d.below(2) == 0 }
                })
                .collect();
            if !terms.is_empty() {
                words.push(b.sum(&terms, format!("sum{i}")));
            }
        }
        4 => bits.push(b.ge(a, c, format!("ge{i}"))),
        5 => {
            let value = d.value(b.range(a));
            bits.push(b.eq_const(a, value, format!("eq{i}")));
        }
        6 => bits.push(b.and(&[p, q, r][..1 + d.below(3)], format!("and{i}"))),
        7 => bits.push(b.or(&[p, q, r][..1 + d.below(3)], format!("or{i}"))),
        8 => bits.push(b.not(p, format!("not{i}"))),
        9 => words.push(b.mux(p, a, c, format!("mux{i}"))),
        10 => bits.push(b.mux(p, q, r, format!("pick{i}"))),
        11 => {
            let range = any_range(d, width);
            words.push(b.wrap(a, range, format!("wrap{i}")));
        }
        12 => {
            let lo = d.below(wide as usize) as u32;
            let count = 1 + d.below((wide - lo) as usize) as u32;
            if count < width {
                words.push(b.slice(a, lo, count, format!("slice{i}")));
            }
        }
        13 => {
            let parts: Vec<NodeId> = [a, p, c].into_iter().collect();
            if parts.iter().map(|n| b.range(*n).width()).sum::<u32>() < width {
                words.push(b.concat(&parts, format!("concat{i}")));
            }
        }
        14 => words.push(b.reg(a, enable, format!("reg{i}"))),
        15 => {
            let value = d.value(b.range(a));
            words.push(b.control(a, enable, value, format!("control{i}")));
        }
        16 | 17 => {
            let count = 1 + d.below(6);
            let inputs: Vec<NodeId> = (0..count).map(|_| d.pick(bits)).collect();
            let table =
                (d.below(1 << 31) as u64) << 33 ^ (d.below(1 << 31) as u64) << 12 ^ d.below(1 << 31) as u64;
            bits.push(b.lut(&inputs, table >> (64 - (1 << count)), format!("lut{i}")));
        }
        18 => {
            let range = b.range(a);
            let content = (0..1 + d.below(9)).map(|_| d.value(range)).collect();
            let memory = b.rom(content, format!("rom{i}"));
            let addr = b.wrap(c, Range::unsigned(3), format!("rom_addr{i}"));
            words.push(b.read(memory, addr, enable, format!("rom_read{i}")));
        }
        _ => {
            // Registered write ports, so that the edge that writes is also the edge that changes them.
            let three = b.wrap(c, Range::unsigned(3), format!("ram_addr{i}"));
            let (write, from) = (b.reg(three, None, "w"), b.reg(three, None, "r"));
            let data = b.reg(a, None, format!("ram_data{i}"));
            let memory = b.ram(1 + d.below(9), q, write, data, format!("ram{i}"));
            for read in 0..1 + d.below(2) {
                let addr = if read == 0 { from } else { write };
                words.push(b.read(memory, addr, enable, format!("ram_read{i}")));
            }
        }
    }
}
