//! A serial line around a circuit, for bare boards: samples in, results out, the class on LEDs.
//!
//! The blocks of `hdl/rtl/serial/` are written by hand; here the circuit is put among them. What goes over the line is said
//! at the top of `sterna_serial.v`.

use serde::Serialize;
use sterna_ir::design::{Design, Stream};

use crate::manifest::sha256;
use crate::verilog::{Emitted, SourceFile};

/// Name of the emitted module, with ports `clk`, `button`, `rx`, `tx` and `leds`.
pub const SHELL: &str = "sterna_shell";

/// Name of the macro that overrides the clocks of a bit, so that simulation need not wait for a slow line.
pub const DIVIDER_MACRO: &str = "STERNA_DIVIDER";

/// Fewest clocks of a bit.
pub const MIN_DIVIDER: u32 = 4;

/// Name of a board's top module, which instantiates [`SHELL`].
pub const BOARD: &str = "sterna_board";

const BLOCKS: [(&str, &str); 4] = [
    ("sterna_reset", include_str!("../rtl/serial/sterna_reset.v")),
    ("sterna_uart_rx", include_str!("../rtl/serial/sterna_uart_rx.v")),
    ("sterna_uart_tx", include_str!("../rtl/serial/sterna_uart_tx.v")),
    ("sterna_serial", include_str!("../rtl/serial/sterna_serial.v")),
];

/// Names that modules of circuits must not have.
pub(crate) fn reserved() -> impl Iterator<Item = &'static str> {
    BLOCKS.map(|(name, _)| name).into_iter().chain([SHELL, BOARD])
}

/// How vectors travel over the line: by which bytes of which beats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packing {
    /// Bytes of a beat.
    pub bytes: usize,
    /// Per lane: lowest bit, bits, and whether it is signed.
    pub lanes: Vec<(u32, u32, bool)>,
    /// Element at each position, see [`Stream::order`].
    pub order: Vec<u32>,
}

impl Packing {
    /// The packing of a stream of the top module.
    pub fn new(design: &Design, emitted: &Emitted, stream: &Stream) -> Option<Self> {
        let lane = |node| {
            let signal = emitted.top_signal(node)?;
            Some((signal.lsb, signal.width, design.netlist.node(node).range.is_signed()))
        };
        let lanes = stream.data.iter().map(|node| lane(*node)).collect::<Option<_>>()?;
        let bits = emitted.ports.iter().find(|p| p.nodes.contains(&stream.data[0]))?.width;
        Some(Packing { bytes: bits.div_ceil(8) as usize, lanes, order: stream.order.clone() })
    }

    /// Beats of a vector.
    pub fn beats(&self) -> usize {
        self.order.len().div_ceil(self.lanes.len())
    }

    /// The bytes of a vector: its beats, each its low byte first.
    pub fn pack(&self, vector: &[i64]) -> Vec<u8> {
        let mut bytes = vec![0; self.beats() * self.bytes];
        for (position, element) in self.order.iter().enumerate() {
            let (beat, lane) = (position / self.lanes.len(), position % self.lanes.len());
            let (lsb, width, _) = self.lanes[lane];
            for k in (0..width).filter(|k| vector[*element as usize] >> k & 1 == 1) {
                let bit = lsb + k;
                bytes[beat * self.bytes + bit as usize / 8] |= 1 << (bit % 8);
            }
        }
        bytes
    }

    /// The vector in these bytes, as many as [`Packing::pack`] gives.
    pub fn unpack(&self, bytes: &[u8]) -> Vec<i64> {
        let mut vector = vec![0; self.order.len()];
        for (position, element) in self.order.iter().enumerate() {
            let (beat, lane) = (position / self.lanes.len(), position % self.lanes.len());
            let (lsb, width, signed) = self.lanes[lane];
            let bit =
                |k: u32| i64::from(bytes[beat * self.bytes + (lsb + k) as usize / 8] >> ((lsb + k) % 8) & 1);
            let value: i64 = (0..width).map(|k| bit(k) << k).sum();
            let is_negative = signed && bit(width - 1) == 1;
            vector[*element as usize] = if is_negative { value - (1 << width) } else { value };
        }
        vector
    }
}

/// A circuit as it is seen over the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Samples.
    pub input: Packing,
    /// Results.
    pub output: Packing,
    /// SHA-256 of the network file's text.
    network: String,
}

impl Line {
    /// The line of the circuit compiled from the network file `text`; `None` for a circuit whose streams are not at its
    /// ports.
    pub fn new(design: &Design, emitted: &Emitted, text: &str) -> Option<Self> {
        let packing = |stream| Packing::new(design, emitted, stream);
        Some(Line { input: packing(&design.input)?, output: packing(&design.output)?, network: sha256(text) })
    }

    /// What the board answers when asked what it holds: the same for circuits that compute the same and take and give the
    /// same bytes.
    pub fn id(&self) -> u32 {
        let hash = sha256(serde_json::to_string(self).expect("numbers and texts"));
        u32::from_str_radix(&hash[..8], 16).expect("eight hexadecimal digits")
    }

    /// The module [`SHELL`] around the circuit, last, and its blocks; `divider` clocks are a bit of the line. `None` for a
    /// circuit without clock, reset or ends of vectors.
    pub fn shell(&self, design: &Design, emitted: &Emitted, divider: u32) -> Option<Vec<SourceFile>> {
        let name = |node| Some(emitted.top_signal(node)?.name);
        let (input, output) = (&design.input, &design.output);
        let pins = [
            (emitted.clock()?.to_string(), "clk"),
            (name(design.netlist.reset?)?, "core_rst"),
            (name(input.valid)?, "in_valid"),
            (name(input.ready)?, "in_ready"),
            (name(input.last?)?, "in_last"),
            (name(input.data[0])?, "in_data"),
            (name(output.valid)?, "out_valid"),
            (name(output.ready)?, "out_ready"),
            (name(output.last?)?, "out_last"),
            (name(output.data[0])?, "out_data"),
            ("frame_error".to_string(), "core_error"),
        ];
        let pins: Vec<String> = pins.iter().map(|(port, wire)| format!("        .{port}({wire})")).collect();
        let [into, out] = [&self.input, &self.output].map(|p| p.bytes);
        let places = [
            ("@CORE@", emitted.top.clone()),
            ("@DIVIDER@", divider.to_string()),
            ("@MACRO@", DIVIDER_MACRO.to_string()),
            ("@IN_HIGH@", (8 * into - 1).to_string()),
            ("@OUT_HIGH@", (8 * out - 1).to_string()),
            ("@IN_BYTES@", into.to_string()),
            ("@IN_BEATS@", self.input.beats().to_string()),
            ("@OUT_BYTES@", out.to_string()),
            ("@ID@", format!("{:08x}", self.id())),
            ("@PINS@", pins.join(",\n")),
        ];
        let template = include_str!("../rtl/serial/sterna_shell.v.in").to_string();
        let text = places.iter().fold(template, |text, (place, what)| text.replace(place, what));
        let blocks = BLOCKS.map(|(name, text)| SourceFile { name: format!("{name}.v"), text: text.into() });
        Some(blocks.into_iter().chain([SourceFile { name: format!("{SHELL}.v"), text }]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            lanes in 1usize..5, width in 1u32..20, signed: bool, values in proptest::collection::vec(any::<i32>(), 1..12)
        ) {
            let lanes = (0..lanes as u32).map(|l| (l * width, width, signed)).collect::<Vec<_>>();
            let bytes = (lanes.len() * width as usize).div_ceil(8);
            let order = (0..values.len() as u32).rev().collect();
            let packing = Packing { bytes, lanes, order };
            let fit = |v: &i32| {
                let low = i64::from(*v) & ((1 << width) - 1);
                if signed && low >> (width - 1) == 1 { low - (1 << width) } else { low }
            };
            let vector: Vec<i64> = values.iter().map(fit).collect();
            let packed = packing.pack(&vector);
            prop_assert_eq!(packed.len(), packing.beats() * bytes);
            prop_assert_eq!(packing.unpack(&packed), vector);
        }
    }

    #[test]
    fn the_low_byte_comes_first() {
        let packing = Packing { bytes: 2, lanes: vec![(0, 12, true)], order: vec![1, 0] };
        assert_eq!(packing.pack(&[-2, 0x123]), [0x23, 0x01, 0xfe, 0x0f]);
    }
}
