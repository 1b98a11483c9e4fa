//! The FPGA families that estimates and synthesis know.

use serde::{Deserialize, Serialize};

/// A family of parts with one kind of logic cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Lattice iCE40: LUT4 + carry, 4 kbit block RAM.
    Ice40,
    /// Lattice ECP5: LUT4, CCU2C carry pairs, 18 kbit block RAM.
    Ecp5,
    /// Gowin GW1N and GW2A: LUT4, ALU carry cells, 18 kbit block RAM.
    Gowin,
    /// Xilinx 7-series and UltraScale+: LUT6, carry chains, 18 and 36 kbit block RAM. Chains are `CARRY4`, the cell of
    /// 7-series, which Yosys makes for UltraScale+ too; what Vivado makes of it there is untested.
    Xcup,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 4] = [Family::Ice40, Family::Ecp5, Family::Gowin, Family::Xcup];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ice40 => "ice40",
            Family::Ecp5 => "ecp5",
            Family::Gowin => "gowin",
            Family::Xcup => "xcup",
        }
    }

    /// The family called `name`; `xc7` has the circuits of `xcup`.
    pub fn from_name(name: &str) -> Option<Self> {
        Family::ALL.into_iter().find(|f| f.name() == if name == "xc7" { "xcup" } else { name })
    }

    /// Inputs of a look-up table.
    pub fn lut_inputs(self) -> u32 {
        match self {
            Family::Ice40 | Family::Ecp5 | Family::Gowin => 4,
            Family::Xcup => 6,
        }
    }

    /// Look-up tables that come with a block RAM on a part, which is what one is worth: iCE40 HX8K 7,680 and 32, ECP5-85
    /// 84,000 and 208, XCZU7 230,400 and 624 halves, GW2AR-18 20,736 and 46.
    pub fn luts_of_a_block(self) -> f64 {
        match self {
            Family::Ice40 => 240.0,
            Family::Ecp5 => 404.0,
            Family::Xcup => 369.0,
            Family::Gowin => 451.0,
        }
    }

    /// What the LUT column counts, for tables: published numbers differ by convention.
    pub fn lut_convention(self) -> &'static str {
        match self {
            Family::Ice40 => "SB_LUT4",
            Family::Ecp5 => "LUT4 + 2 CCU2C + distributed RAM",
            Family::Gowin => "LUT1..LUT4 + ALU + distributed RAM",
            Family::Xcup => "LUT1..LUT6 + LUT6_2 + LUT RAM",
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
