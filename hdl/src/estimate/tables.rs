//! The look-up tables of each family.

use crate::family::Family;

/// The tables of a family.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// What a table of so many inputs weighs when cuts are chosen, from one input on.
    pub weights: &'static [f32],
    /// And how many look-up tables are counted for it.
    pub counts: &'static [f32],
    /// Delays of the inputs of a table, wires included: by its inputs, the fastest first.
    pub delays: &'static [&'static [f32]],
    /// Delay of a chain of carries, a short one; none where mapping ends at the chain.
    pub chain: Option<f32>,
    /// Whether an inverter of its own counts as a look-up table.
    pub inverters: bool,
}

/// Look-up tables of `family`, and what they weigh when Yosys has ABC choose. A wide one is several with multiplexers behind.
/// Delays are those of Yosys's models (`cells_sim.v`, in picoseconds) and 300 for a wire, as its `abc9` has it; without that
/// pass, for iCE40 and Gowin, a table takes one unit, and chains of carries are no part of what ABC sees.
pub fn of(family: Family) -> Tables {
    const FOUR: [f32; 8] = [1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0];
    const SIX: [f32; 8] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0];
    const UNIT: [&[f32]; 8] = [&[1.0; 8]; 8];
    const ECP5: [&[f32]; 7] = [
        &[441.0],
        &[441.0, 575.0],
        &[441.0, 575.0, 679.0],
        &[441.0, 575.0, 679.0, 679.0],
        &[451.0, 539.0, 673.0, 777.0, 777.0],
        &[448.0, 592.0, 680.0, 814.0, 918.0, 918.0],
        &[448.0, 589.0, 733.0, 821.0, 955.0, 1059.0, 1059.0],
    ];
    const XCUP: [&[f32]; 8] = [
        &[427.0],
        &[427.0, 538.0],
        &[427.0, 538.0, 707.0],
        &[427.0, 538.0, 707.0, 772.0],
        &[427.0, 538.0, 707.0, 772.0, 931.0],
        &[427.0, 538.0, 707.0, 772.0, 931.0, 942.0],
        &[770.0, 824.0, 935.0, 1104.0, 1169.0, 1328.0, 1339.0],
        &[765.0, 892.0, 946.0, 1057.0, 1226.0, 1291.0, 1450.0, 1461.0],
    ];
    match family {
        Family::Ice40 => Tables {
            weights: &FOUR[..4],
            counts: &FOUR[..4],
            delays: &UNIT[..4],
            chain: None,
            inverters: true,
        },
        Family::Ecp5 => Tables {
            weights: &FOUR[..7],
            counts: &FOUR[..7],
            delays: &ECP5,
            chain: Some(1000.0),
            inverters: true,
        },
        Family::Gowin => {
            Tables { weights: &FOUR, counts: &FOUR, delays: &UNIT, chain: None, inverters: true }
        }
        Family::Xcup => {
            let (weights, counts) = (&[1.0, 2.0, 3.0, 3.0, 3.0, 5.0, 10.0, 20.0], &SIX);
            Tables { weights, counts, delays: &XCUP, chain: Some(700.0), inverters: false }
        }
    }
}
