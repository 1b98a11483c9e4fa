//! The queue that keeps two streams apart, as a skid buffer does, with room for more: whether it takes a word depends on
//! registers alone, and no word is lost whenever its reader stops.

use rust_hdl::prelude::*;

use crate::compare::Twin;

/// A queue of words of `W` bits, up to `2^N` of them in a memory and one more that stands at the output.
#[derive(LogicBlock)]
pub struct Queue<const W: usize, const N: usize> {
    /// Rising edge.
    pub clock: Signal<In, Clock>,
    /// Synchronous, active high.
    pub reset: Signal<In, Bit>,
    /// A word is there.
    pub x_valid: Signal<In, Bit>,
    /// The word.
    pub x_data: Signal<In, Bits<W>>,
    /// It is taken.
    pub x_ready: Signal<Out, Bit>,
    /// A word stands at the output.
    pub y_valid: Signal<Out, Bit>,
    /// The word.
    pub y_data: Signal<Out, Bits<W>>,
    /// It is taken.
    pub y_ready: Signal<In, Bit>,
    memory: RAM<Bits<W>, N>,
    write_at: DFF<Bits<N>>,
    read_at: DFF<Bits<N>>,
    grew: DFF<Bit>,
    shows: DFF<Bit>,
    fresh: DFF<Bit>,
    held: DFF<Bits<W>>,
    full: Signal<Local, Bit>,
    some: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    stays: Signal<Local, Bit>,
    fetches: Signal<Local, Bit>,
    word: Signal<Local, Bits<W>>,
    last: Constant<Bits<N>>,
    _lanes: Vec<u32>,
}

impl<const W: usize, const N: usize> Logic for Queue<W, N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_at, read_at, grew, shows, fresh, held);
        // Where both ends meet the memory is full if the last change was a word that came, else empty.
        self.full.next = (self.write_at.q.val() == self.read_at.q.val()) & self.grew.q.val();
        self.some.next = (self.write_at.q.val() != self.read_at.q.val()) | self.grew.q.val();
        self.takes.next = self.x_valid.val() & !self.full.val();
        self.stays.next = self.shows.q.val() & !self.y_ready.val();
        self.fetches.next = self.some.val() & !self.stays.val();
        if self.takes.val() != self.fetches.val() {
            self.grew.d.next = self.takes.val();
        }
        if self.takes.val() {
            self.write_at.d.next = self.write_at.q.val() + 1;
            if self.write_at.q.val() == self.last.val() {
                self.write_at.d.next = 0.into();
            }
        }
        if self.fetches.val() {
            self.read_at.d.next = self.read_at.q.val() + 1;
            if self.read_at.q.val() == self.last.val() {
                self.read_at.d.next = 0.into();
            }
        }
        self.shows.d.next = self.fetches.val() | self.stays.val();
        if self.reset.val() {
            self.write_at.d.next = 0.into();
            self.read_at.d.next = 0.into();
            self.grew.d.next = false;
            self.shows.d.next = false;
        }
        self.memory.read_clock.next = self.clock.val();
        self.memory.write_clock.next = self.clock.val();
        self.memory.write_enable.next = self.takes.val();
        self.memory.write_address.next = self.write_at.q.val();
        self.memory.write_data.next = self.x_data.val();
        self.memory.read_address.next = self.read_at.q.val();

        // The memory reads always; only what was fetched is shown, until it goes.
        self.fresh.d.next = self.fetches.val();
        self.word.next = self.held.q.val();
        if self.fresh.q.val() {
            self.word.next = self.memory.read_data.val();
        }
        self.held.d.next = self.word.val();
        self.x_ready.next = !self.full.val();
        self.y_valid.next = self.shows.q.val();
        self.y_data.next = self.word.val();
    }
}

impl<const W: usize, const N: usize> Queue<W, N> {
    /// A queue with room for `depth` words in its memory; a word holds lanes of these widths, the first in the low bits.
    pub fn new(depth: usize, lanes: Vec<u32>) -> Self {
        Queue {
            clock: Signal::default(),
            reset: Signal::default(),
            x_valid: Signal::default(),
            x_data: Signal::default(),
            x_ready: Signal::default(),
            y_valid: Signal::default(),
            y_data: Signal::default(),
            y_ready: Signal::default(),
            memory: RAM::default(),
            write_at: DFF::default(),
            read_at: DFF::default(),
            grew: DFF::default(),
            shows: DFF::default(),
            fresh: DFF::default(),
            held: DFF::default(),
            full: Signal::default(),
            some: Signal::default(),
            takes: Signal::default(),
            stays: Signal::default(),
            fetches: Signal::default(),
            word: Signal::default(),
            last: Constant::new((depth as u64 - 1).to_bits()),
            _lanes: lanes,
        }
    }
}

impl<const W: usize, const N: usize> Twin for Queue<W, N> {
    const VALID: Option<usize> = Some(1);

    fn clock(&mut self) -> &mut Signal<In, Clock> {
        &mut self.clock
    }

    fn drive(&mut self, bits: &[u64]) {
        self.reset.next = bits[0] == 1;
        self.y_ready.next = bits[1] == 1;
        self.x_valid.next = bits[2] == 1;
        let lanes = self._lanes.iter().zip(&bits[3..]).rev();
        self.x_data.next = lanes.fold(0, |word, (width, lane)| word << width | lane).to_bits();
    }

    fn see(&self) -> Vec<u64> {
        let mut word = self.y_data.val().to_u64();
        let lane = |width: &u32| {
            let lane = word & ((1 << width) - 1);
            word >>= width;
            lane
        };
        let handshake = [self.x_ready.val().into(), self.y_valid.val().into()];
        handshake.into_iter().chain(self._lanes.iter().map(lane)).collect()
    }

    fn connections(&self) -> String {
        let lanes = |name: char, first: usize| {
            let lane = |index: usize| format!("{name}{}", first + index);
            Vec::from_iter((0..self._lanes.len()).rev().map(lane)).join(", ")
        };
        format!(
            ".reset(i0), .y_ready(i1), .x_valid(i2), .x_data({{{}}}), .x_ready(o0), .y_valid(o1), .y_data({{{}}})",
            lanes('i', 3),
            lanes('o', 2)
        )
    }
}
