//! The threshold unit of a stream: elements come one per beat, each is compared with thresholds of its own, and the code that
//! leaves is how many it has reached.

use rust_hdl::prelude::*;
use sterna_ir::Threshold;

use crate::compare::Twin;

/// A unit over elements of `X` bits, `L` thresholds of `T = X + 1` bits each, up to `2^P` elements and codes of `C` bits,
/// which leave two cycles after their element unless something holds them up.
#[derive(LogicBlock)]
pub struct Unit<const X: usize, const T: usize, const P: usize, const L: usize, const C: usize> {
    /// Rising edge.
    pub clock: Signal<In, Clock>,
    /// Synchronous, active high.
    pub reset: Signal<In, Bit>,
    /// An element is there.
    pub x_valid: Signal<In, Bit>,
    /// The element.
    pub x_data: Signal<In, Bits<X>>,
    /// It is taken.
    pub x_ready: Signal<Out, Bit>,
    /// A code is there.
    pub y_valid: Signal<Out, Bit>,
    /// The code.
    pub y_data: Signal<Out, Bits<C>>,
    /// It is taken.
    pub y_ready: Signal<In, Bit>,
    thresholds: [ROM<Bits<T>, P>; L],
    falls: ROM<Bit, P>,
    position: DFF<Bits<P>>,
    pending: DFF<Bit>,
    sample: DFF<Bits<T>>,
    sample_at: DFF<Bits<P>>,
    done: DFF<Bit>,
    code: DFF<Bits<C>>,
    moves: Signal<Local, Bit>,
    reached: Signal<Local, Bits<C>>,
    last: Constant<Bits<P>>,
    sign: Constant<Bits<X>>,
}

impl<const X: usize, const T: usize, const P: usize, const L: usize, const C: usize> Logic
    for Unit<X, T, P, L, C>
{
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, position, pending, sample, sample_at, done, code);
        self.moves.next = !self.done.q.val() | self.y_ready.val();
        self.falls.address.next = self.sample_at.q.val();

        // In the order of the tables the thresholds that are reached come first.
        self.reached.next = 0.into();
        for i in 0..L {
            self.thresholds[i].address.next = self.sample_at.q.val();
            if self.falls.data.val() {
                if self.sample.q.val() <= self.thresholds[i].data.val() {
                    self.reached.next = (i + 1).to_bits();
                }
            } else {
                if self.sample.q.val() >= self.thresholds[i].data.val() {
                    self.reached.next = (i + 1).to_bits();
                }
            }
        }
        if self.moves.val() {
            self.pending.d.next = self.x_valid.val();
            // From 1 on, so that words without sign hold thresholds below and above all elements.
            self.sample.d.next = bit_cast::<T, X>(self.x_data.val() ^ self.sign.val()) + 1;
            self.sample_at.d.next = self.position.q.val();
            self.done.d.next = self.pending.q.val();
            self.code.d.next = self.reached.val();
        }
        if self.moves.val() & self.x_valid.val() {
            self.position.d.next = self.position.q.val() + 1;
            if self.position.q.val() == self.last.val() {
                self.position.d.next = 0.into();
            }
        }
        if self.reset.val() {
            self.position.d.next = 0.into();
            self.pending.d.next = false;
            self.done.d.next = false;
        }
        self.x_ready.next = self.moves.val();
        self.y_valid.next = self.done.q.val();
        self.y_data.next = self.code.q.val();
    }
}

impl<const X: usize, const T: usize, const P: usize, const L: usize, const C: usize> Unit<X, T, P, L, C> {
    /// A unit for a layer of thresholds over elements with or without a sign.
    pub fn new(layer: &Threshold, signed: bool) -> Self {
        let zero = if signed { 1i64 << (X - 1) } else { 0 };
        let table = |level: usize| {
            let word = |channel: usize| {
                let falls = layer.is_falling(channel);
                let t = layer.of(channel)[if falls { L - 1 - level } else { level }] + zero + 1;
                t.clamp(0, if falls { 1 << X } else { (1 << X) + 1 }) as u64
            };
            (0..layer.channels).map(|channel| word(channel).to_bits()).into()
        };
        Unit {
            clock: Signal::default(),
            reset: Signal::default(),
            x_valid: Signal::default(),
            x_data: Signal::default(),
            x_ready: Signal::default(),
            y_valid: Signal::default(),
            y_data: Signal::default(),
            y_ready: Signal::default(),
            thresholds: std::array::from_fn(table),
            falls: (0..layer.channels).map(|channel| layer.is_falling(channel)).into(),
            position: DFF::default(),
            pending: DFF::default(),
            sample: DFF::default(),
            sample_at: DFF::default(),
            done: DFF::default(),
            code: DFF::default(),
            moves: Signal::default(),
            reached: Signal::default(),
            last: Constant::new((layer.channels as u64 - 1).to_bits()),
            sign: Constant::new((zero as u64).to_bits()),
        }
    }
}

impl<const X: usize, const T: usize, const P: usize, const L: usize, const C: usize> Twin
    for Unit<X, T, P, L, C>
{
    const VALID: Option<usize> = Some(1);

    fn clock(&mut self) -> &mut Signal<In, Clock> {
        &mut self.clock
    }

    fn drive(&mut self, bits: &[u64]) {
        self.reset.next = bits[0] == 1;
        self.y_ready.next = bits[1] == 1;
        self.x_valid.next = bits[2] == 1;
        self.x_data.next = bits[3].to_bits();
    }

    fn see(&self) -> Vec<u64> {
        vec![self.x_ready.val().into(), self.y_valid.val().into(), self.y_data.val().to_u64()]
    }

    fn connections(&self) -> String {
        ".reset(i0), .y_ready(i1), .x_valid(i2), .x_data(i3), .x_ready(o0), .y_valid(o1), .y_data(o2)".into()
    }
}
