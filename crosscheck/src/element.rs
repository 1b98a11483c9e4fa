//! A processing element of a folded layer: it walks its schedule by relative indices and adds or subtracts the activation
//! that each word leads to.

use rust_hdl::prelude::*;

use crate::compare::Twin;

/// An element over activations of `X` bits at positions of `A` bits in either of two memories, with relative indices of `D`
/// bits in a schedule of up to `2^P` cycles, and a sum of `S` bits.
#[derive(LogicBlock)]
pub struct Element<const X: usize, const A: usize, const D: usize, const P: usize, const S: usize> {
    /// Rising edge.
    pub clock: Signal<In, Clock>,
    /// All registers but the memory hold while this is low.
    pub enable: Signal<In, Bit>,
    /// Cycle of the schedule.
    pub cycle: Signal<In, Bits<P>>,
    /// The second memory is read.
    pub second: Signal<In, Bit>,
    /// An activation is written.
    pub write: Signal<In, Bit>,
    /// Into the second memory.
    pub write_second: Signal<In, Bit>,
    /// Where.
    pub write_at: Signal<In, Bits<A>>,
    /// What.
    pub write_data: Signal<In, Bits<X>>,
    /// The memory that is chosen is read.
    pub reads: Signal<In, Bit>,
    /// The running sum.
    pub sum: Signal<Out, Bits<S>>,
    indices: ROM<Bits<D>, P>,
    signs: ROM<Bit, P>,
    openings: ROM<Bit, P>,
    memories: [RAM<Bits<X>, A>; 2],
    index: DFF<Bits<D>>,
    minus1: DFF<Bit>,
    opens1: DFF<Bit>,
    opens2: DFF<Bit>,
    opens3: DFF<Bit>,
    opens4: DFF<Bit>,
    position: DFF<Bits<A>>,
    counts2: DFF<Bit>,
    counts3: DFF<Bit>,
    minus2: DFF<Bit>,
    minus3: DFF<Bit>,
    minus4: DFF<Bit>,
    fresh: DFF<Bit>,
    of_second: DFF<Bit>,
    held: DFF<Bits<X>>,
    addend: DFF<Bits<S>>,
    total: DFF<Bits<S>>,
    moves: Signal<Local, Bits<D>>,
    from: Signal<Local, Bits<A>>,
    read: Signal<Local, Bits<X>>,
    base: Signal<Local, Bits<S>>,
    all_ones: Constant<Bits<D>>,
    before_first: Constant<Bits<A>>,
    sign: Constant<Bits<S>>,
}

impl<const X: usize, const A: usize, const D: usize, const P: usize, const S: usize> Logic
    for Element<X, A, D, P, S>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, index, position, fresh, of_second, held, addend, total);
        dff_setup!(self, clock, counts2, counts3, minus1, minus2, minus3, minus4);
        dff_setup!(self, clock, opens1, opens2, opens3, opens4);
        for i in 0..2 {
            self.memories[i].read_clock.next = self.clock.val();
            self.memories[i].write_clock.next = self.clock.val();
            self.memories[i].write_address.next = self.write_at.val();
            self.memories[i].write_data.next = self.write_data.val();
            self.memories[i].read_address.next = self.position.q.val();
        }
        self.memories[0].write_enable.next = self.write.val() & !self.write_second.val();
        self.memories[1].write_enable.next = self.write.val() & self.write_second.val();

        // An index of all ones moves by one less and adds nothing; 0 does neither.
        self.indices.address.next = self.cycle.val();
        self.signs.address.next = self.cycle.val();
        self.openings.address.next = self.cycle.val();
        self.moves.next = self.index.q.val();
        if self.index.q.val() == self.all_ones.val() {
            self.moves.next = self.index.q.val() - 1;
        }
        self.from.next = self.position.q.val();
        if self.opens1.q.val() {
            self.from.next = self.before_first.val();
        }

        // The memories read always; what they read without being asked is ignored.
        self.fresh.d.next = self.reads.val();
        self.of_second.d.next = self.second.val();
        self.read.next = self.held.q.val();
        if self.fresh.q.val() {
            self.read.next = self.memories[0].read_data.val();
            if self.of_second.q.val() {
                self.read.next = self.memories[1].read_data.val();
            }
        }
        self.held.d.next = self.read.val();

        self.base.next = self.total.q.val();
        if self.opens4.q.val() {
            self.base.next = 0.into();
        }
        if self.enable.val() {
            self.index.d.next = self.indices.data.val();
            self.minus1.d.next = self.signs.data.val();
            self.opens1.d.next = self.openings.data.val();
            self.opens2.d.next = self.opens1.q.val();
            self.opens3.d.next = self.opens2.q.val();
            self.opens4.d.next = self.opens3.q.val();
            self.position.d.next = self.from.val() + bit_cast::<A, D>(self.moves.val());
            self.counts2.d.next = self.index.q.val().any() & (self.index.q.val() != self.all_ones.val());
            self.counts3.d.next = self.counts2.q.val();
            self.minus2.d.next = self.minus1.q.val();
            self.minus3.d.next = self.minus2.q.val();
            self.minus4.d.next = self.minus3.q.val();
            self.addend.d.next = 0.into();
            if self.counts3.q.val() {
                // Sign extension, where there is a sign.
                self.addend.d.next = (bit_cast::<S, X>(self.read.val()) ^ self.sign.val()) - self.sign.val();
            }
            if self.minus4.q.val() {
                self.total.d.next = self.base.val() - self.addend.q.val();
            } else {
                self.total.d.next = self.base.val() + self.addend.q.val();
            }
        }
        self.sum.next = self.total.q.val();
    }
}

impl<const X: usize, const A: usize, const D: usize, const P: usize, const S: usize> Element<X, A, D, P, S> {
    /// An element that runs `words`, over activations with or without a sign.
    pub fn new(words: &[i64], signed: bool) -> Self {
        let words = || words.iter().map(|word| *word as u64);
        Element {
            clock: Signal::default(),
            enable: Signal::default(),
            cycle: Signal::default(),
            second: Signal::default(),
            write: Signal::default(),
            write_second: Signal::default(),
            write_at: Signal::default(),
            write_data: Signal::default(),
            reads: Signal::default(),
            sum: Signal::default(),
            indices: words().map(|word| (word & ((1 << D) - 1)).to_bits()).into(),
            signs: words().map(|word| word >> D & 1 == 1).into(),
            openings: words().map(|word| word >> (D + 1) == 1).into(),
            memories: Default::default(),
            index: DFF::default(),
            minus1: DFF::default(),
            opens1: DFF::default(),
            opens2: DFF::default(),
            opens3: DFF::default(),
            opens4: DFF::default(),
            position: DFF::default(),
            counts2: DFF::default(),
            counts3: DFF::default(),
            minus2: DFF::default(),
            minus3: DFF::default(),
            minus4: DFF::default(),
            fresh: DFF::default(),
            of_second: DFF::default(),
            held: DFF::default(),
            addend: DFF::default(),
            total: DFF::default(),
            moves: Signal::default(),
            from: Signal::default(),
            read: Signal::default(),
            base: Signal::default(),
            all_ones: Constant::new(Bits::mask()),
            before_first: Constant::new(Bits::mask()),
            sign: Constant::new(if signed { (1u64 << (X - 1)).to_bits() } else { 0.into() }),
        }
    }
}

impl<const X: usize, const A: usize, const D: usize, const P: usize, const S: usize> Twin
    for Element<X, A, D, P, S>
{
    const VALID: Option<usize> = None;

    fn clock(&mut self) -> &mut Signal<In, Clock> {
        &mut self.clock
    }

    fn drive(&mut self, bits: &[u64]) {
        self.enable.next = bits[0] == 1;
        self.cycle.next = bits[1].to_bits();
        self.second.next = bits[2] == 1;
        self.write.next = bits[3] == 1;
        self.write_second.next = bits[4] >> A == 1;
        self.write_at.next = (bits[4] & ((1 << A) - 1)).to_bits();
        self.write_data.next = bits[5].to_bits();
        self.reads.next = bits[6] == 1;
    }

    fn see(&self) -> Vec<u64> {
        vec![self.sum.val().to_u64()]
    }

    fn connections(&self) -> String {
        format!(
            ".enable(i0), .cycle(i1), .second(i2), .write(i3), .write_second(i4[{A}]), .write_at(i4[{}:0]), \
             .write_data(i5), .reads(i6), .sum(o0)",
            A - 1
        )
    }
}
