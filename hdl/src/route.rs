//! Measured clock and cells after place and route: Yosys, then nextpnr as a process.

mod device;
mod error;
mod nextpnr;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::family::Family;
use crate::frame::{Frame, frame};
use crate::synth::{Cells, synthesise};
use crate::verilog::Port;
pub use device::Device;
pub use error::Error;
pub(crate) use nextpnr::Placed;
use nextpnr::Tool;

/// How to place and route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Clock asked for, in MHz: nextpnr works towards it, and a circuit that misses it is still measured.
    pub mhz: u32,
    /// Seed of the placer. Results scatter by several per cent over seeds.
    pub seed: u32,
    /// Seconds that nextpnr may take.
    pub seconds: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { mhz: 300, seed: 1, seconds: 1800 }
    }
}

/// A placed and routed circuit, in its frame of shift registers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Routed {
    /// Clock that all paths meet, in MHz.
    pub mhz: f64,
    /// Logic cells with a table in use (ECP5 TRELLIS_COMB) or with anything (ICESTORM_LC), the frame's among them.
    pub cells: Used,
    /// Block RAMs.
    pub bram: Used,
    /// Flip-flops of the circuit, those of the frame apart.
    pub ff: u64,
    /// Flip-flops of the frame.
    pub frame_ff: u64,
    /// Tables of the frame: at most so many of the cells are not the circuit's.
    pub frame_lut: u64,
    /// nextpnr's name and version.
    pub tool: String,
}

/// Cells of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Used {
    /// In use.
    pub used: u64,
    /// In the part.
    pub available: u64,
}

/// Name and version of the nextpnr for this family.
///
/// # Errors
/// When there is none, or none on the PATH.
pub fn version(family: Family) -> Result<String, Error> {
    Ok(Tool::find(family)?.version)
}

/// A circuit in its frame of shift registers, synthesised for a part.
#[derive(Debug)]
pub struct Framed {
    device: Device,
    tool: Tool,
    frame: Frame,
    cells: Cells,
    folder: PathBuf,
}

impl Framed {
    /// Synthesises the circuit `top` of `files` (name, text) with these ports for `device`. `ties` holds input ports at a
    /// constant; the others come from the frame. `folder` keeps scripts and logs: Yosys's `FAMILY.log`, nextpnr's
    /// `FAMILY-route-SEED.log`.
    ///
    /// # Errors
    /// When Yosys or nextpnr is missing, or Yosys fails.
    pub fn synthesise(
        files: &[(&str, &str)],
        (top, ports): (&str, &[Port]),
        ties: &BTreeMap<String, u64>,
        device: &Device,
        folder: &Path,
    ) -> Result<Self, Error> {
        let tool = Tool::find(device.family)?;
        let frame = frame(top, ports, ties);
        let mut all = files.to_vec();
        all.push((&frame.file.name, &frame.file.text));
        let cells = synthesise(&all, &frame.top, device.family, folder)?;
        Ok(Framed { device: device.clone(), tool, frame, cells, folder: folder.into() })
    }

    /// Places and routes it.
    ///
    /// # Errors
    /// When nextpnr fails or takes too long, or when the part is too small: each names the log.
    pub fn route(&self, effort: &Effort) -> Result<Routed, Error> {
        let family = self.device.family;
        let name = format!("{family}-route-{}.log", effort.seed);
        let log = self.folder.join(&name);
        let asked = (effort.mhz, effort.seed);
        let limit = Duration::from_secs(effort.seconds);
        let status = self.tool.run(&self.device, asked, limit, (&self.folder, &name))?;
        let (tool, device) = (self.tool.program.clone(), self.device.to_string());
        let Some(status) = status else {
            return Err(Error::TimedOut { tool, device, seconds: effort.seconds, log });
        };
        let Placed { used, mhz, error } = Placed::read(&log, &device)?;
        let failed = |what: String| Error::Failed { tool, device, what, log };
        if !status.success() {
            return Err(failed(error.unwrap_or(format!("it ended with {status}"))));
        }
        let Some(mhz) = mhz else { return Err(failed("no clock in its log".into())) };
        let (cells_name, bram_name) = match family {
            Family::Ice40 => ("ICESTORM_LC", "ICESTORM_RAM"),
            _ => ("TRELLIS_COMB", "DP16KD"),
        };
        let kind = |name: &str| used.get(name).copied().unwrap_or_default();
        Ok(Routed {
            mhz,
            cells: kind(cells_name),
            bram: kind(bram_name),
            ff: self.cells.ff.saturating_sub(self.frame.ff),
            frame_ff: self.frame.ff,
            frame_lut: self.frame.lut,
            tool: self.tool.version.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::estimate;
    use crate::verilog::{PrintOptions, print};
    use crate::{Options, lower, matrix};
    use sterna_ir::{Design, Range};

    fn design(family: Family, outputs: usize) -> Design {
        // No two rows alike: their registers would merge.
        let row = |o: usize| (0..6).map(move |i| (o + 10) as i16 / [1, 3, 9, 27, 81, 243][i] % 3 - 1);
        let weights = (0..outputs).flat_map(row).collect();
        let network = matrix::network("small", 6, outputs, weights, Range::signed(8)).unwrap();
        lower(&network, &Options { family: Some(family), ..Options::default() }).unwrap()
    }

    fn place(device: &Device, outputs: usize, seconds: u64, folder: &Path) -> Result<Routed, Error> {
        let options = PrintOptions { version: false, visible: vec![], family: Some(device.family) };
        let emitted = print(&design(device.family, outputs).netlist, &options).unwrap();
        let files: Vec<_> = emitted.files.iter().map(|f| (f.name.as_str(), f.text.as_str())).collect();
        let top = (emitted.top.as_str(), &emitted.ports[..]);
        Framed::synthesise(&files, top, &BTreeMap::new(), device, folder)?
            .route(&Effort { seconds, ..Effort::default() })
    }

    #[test]
    fn a_small_circuit_is_routed_and_a_large_one_refused() {
        let device = Device::usual(Family::Ice40).unwrap();
        if let Err(Error::Missing { tool, .. }) = Tool::find(Family::Ice40) {
            assert!(std::env::var_os("CI").is_none(), "{tool} is missing under CI");
            eprintln!("SKIPPED: {tool} is not on the PATH");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let routed = place(&device, 6, 100, folder.path()).unwrap();
        assert!(routed.mhz > 20.0 && routed.mhz < 600.0, "{routed:?}");
        assert!(routed.cells.used > routed.ff && routed.cells.available == 7680, "{routed:?}");
        // Every register of the circuit is found, and none of the frame's is taken for one.
        let bits = estimate(&design(Family::Ice40, 6).netlist, Family::Ice40, Some(Family::Ice40)).total.ff;
        assert_eq!(routed.ff as f64, bits, "{routed:?}");

        let error = place(&device, 6, 0, folder.path()).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        let tiny = Device { size: "lp384".into(), package: "cm49".into(), ..device.clone() };
        let error = place(&tiny, 40, 100, folder.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("ice40 lp384 cm49 is too small: ") && error.contains("ICESTORM_LC"),
            "{error}"
        );
        let odd = Device { package: "none".into(), ..device };
        let error = place(&odd, 6, 100, folder.path()).unwrap_err().to_string();
        assert!(error.contains("failed on") && error.contains("ice40-route-1.log"), "{error}");
    }
}
