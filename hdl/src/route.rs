//! Measured clock and cells after place and route: Yosys, then nextpnr as a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::family::Family;
use crate::frame::frame;
use crate::synth::{self, synthesise};
use crate::verilog::Port;

/// Why there is no placed and routed circuit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No place and route for this family is known that runs without the vendor's tools.
    #[error("place and route: no open tool for {0}; want ice40 or ecp5")]
    Family(Family),
    /// nextpnr is not on the PATH.
    #[error("{tool} is not on the PATH, neither is yowasp-{tool}; scripts/setup.sh installs it")]
    Missing {
        /// Program looked for.
        tool: &'static str,
    },
    /// The circuit is larger than the part.
    #[error("{device} is too small: {need} {what} of {have}; log: {log}")]
    TooSmall {
        /// Part.
        device: String,
        /// Kind of cell, as nextpnr calls it.
        what: String,
        /// Cells needed.
        need: u64,
        /// Cells of the part.
        have: u64,
        /// The tool's log.
        log: PathBuf,
    },
    /// nextpnr ran and failed.
    #[error("{tool} failed on {device}: {what}; log: {log}")]
    Failed {
        /// Program.
        tool: String,
        /// Part.
        device: String,
        /// Its error, or how it ended.
        what: String,
        /// The tool's log.
        log: PathBuf,
    },
    /// nextpnr was ended for taking too long.
    #[error("{tool} was ended after {seconds} s on {device}; allow more time; log: {log}")]
    TimedOut {
        /// Program.
        tool: String,
        /// Part.
        device: String,
        /// Time allowed.
        seconds: u64,
        /// The tool's log.
        log: PathBuf,
    },
    /// Synthesis failed.
    #[error(transparent)]
    Synth(#[from] synth::Error),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A part that nextpnr knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its family.
    pub family: Family,
    /// Its size as nextpnr's flag says it, e.g. `hx8k` or `25k`.
    pub size: String,
    /// Its package, e.g. `ct256`.
    pub package: String,
}

impl Device {
    /// The part that figures of a family are given for: iCE40HX8K in ct256, ECP5 25k in CABGA381; none for Xilinx.
    pub fn usual(family: Family) -> Result<Self, Error> {
        let (size, package) = match family {
            Family::Ice40 => ("hx8k", "ct256"),
            Family::Ecp5 => ("25k", "CABGA381"),
            Family::Xcup => return Err(Error::Family(family)),
        };
        Ok(Device { family, size: size.into(), package: package.into() })
    }

    /// The program that places and routes it.
    fn tool(&self) -> Result<&'static str, Error> {
        match self.family {
            Family::Ice40 => Ok("nextpnr-ice40"),
            Family::Ecp5 => Ok("nextpnr-ecp5"),
            Family::Xcup => Err(Error::Family(self.family)),
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.size, self.package)
    }
}

/// How to place and route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Clock asked for, in MHz: nextpnr works towards it, and a circuit that misses it is still measured.
    pub mhz: u32,
    /// Seed of the placer. Results scatter by several per cent over seeds.
    pub seed: u32,
    /// Seconds that nextpnr may take.
    pub seconds: u64,
    /// Input ports held at a constant; the others come from the frame.
    pub ties: BTreeMap<String, u64>,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { mhz: 300, seed: 1, seconds: 1800, ties: BTreeMap::new() }
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

/// Synthesises, places and routes the circuit `top` of `files` (name, text) with these ports on `device`. `folder` keeps
/// scripts and logs: Yosys's `FAMILY.log`, nextpnr's `FAMILY-route.log`.
///
/// # Errors
/// When a tool is missing, fails or takes too long, or when the part is too small: each names the log.
pub fn route(
    files: &[(&str, &str)],
    (top, ports): (&str, &[Port]),
    device: &Device,
    effort: &Effort,
    folder: &Path,
) -> Result<Routed, Error> {
    let family = device.family;
    let (program, version) = find(device.tool()?)?;
    let frame = frame(top, ports, &effort.ties);
    let mut all = files.to_vec();
    all.push((&frame.file.name, &frame.file.text));
    let cells = synthesise(&all, &frame.top, family, folder)?;

    // Relative paths: the packaged builds see this folder alone.
    let name = format!("{family}-route.log");
    let log = folder.join(&name);
    let unconstrained = match family {
        Family::Ice40 => "--pcf-allow-unconstrained",
        _ => "--lpf-allow-unconstrained",
    };
    let size = format!("--{}", device.size);
    let (mhz, seed) = (effort.mhz.to_string(), effort.seed.to_string());
    let json = format!("{family}.json");
    let report = format!("{family}-route.json");
    let arguments = [
        &size,
        "--package",
        &device.package,
        "--json",
        &json,
        "--report",
        &report,
        "--freq",
        &mhz,
        "--seed",
        &seed,
        "--timing-allow-fail",
        unconstrained,
        "-q",
        "-l",
        &name,
    ];
    // A log of an earlier run must not be read as this one's.
    let _ = std::fs::remove_file(&log);
    let mut child = Command::new(&program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Error::Io { path: program.clone().into(), source })?;
    let limit = Duration::from_secs(effort.seconds);
    let start = Instant::now();
    let io = |source| Error::Io { path: log.clone(), source };
    let status = loop {
        if let Some(status) = child.try_wait().map_err(io)? {
            break status;
        }
        if start.elapsed() >= limit {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            child.wait().map_err(io)?;
            let (tool, device) = (program, device.to_string());
            return Err(Error::TimedOut { tool, device, seconds: effort.seconds, log });
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text =
        std::fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let used = utilisation(&text);
    if let Some((what, over)) = used.iter().find(|(_, u)| u.used > u.available) {
        let (need, have, what) = (over.used, over.available, what.clone());
        return Err(Error::TooSmall { device: device.to_string(), what, need, have, log });
    }
    let failed = |what: String| Error::Failed {
        tool: program.clone(),
        device: device.to_string(),
        what,
        log: log.clone(),
    };
    if !status.success() {
        let said = text.lines().find_map(|l| l.strip_prefix("ERROR: ")).map(str::to_string);
        return Err(failed(said.unwrap_or(format!("it ended with {status}"))));
    }
    let mhz = clock(&text).ok_or_else(|| failed("no clock in its log".into()))?;
    let (cells_name, bram_name) = match family {
        Family::Ice40 => ("ICESTORM_LC", "ICESTORM_RAM"),
        _ => ("TRELLIS_COMB", "DP16KD"),
    };
    let kind = |name: &str| used.get(name).copied().unwrap_or_default();
    Ok(Routed {
        mhz,
        cells: kind(cells_name),
        bram: kind(bram_name),
        ff: cells.ff.saturating_sub(frame.ff),
        frame_ff: frame.ff,
        frame_lut: frame.lut,
        tool: version,
    })
}

/// The native program or the packaged one, and what it says of its version.
fn find(tool: &'static str) -> Result<(String, String), Error> {
    for program in [tool.to_string(), format!("yowasp-{tool}")] {
        if let Ok(output) = Command::new(&program).arg("--version").stdin(Stdio::null()).output() {
            // Either stream, depending on the version.
            let said = [output.stdout, output.stderr]
                .map(|t| String::from_utf8_lossy(&t).trim().to_string())
                .concat();
            let version =
                said.rsplit_once("(Version ").map_or(said.as_str(), |(_, v)| v.trim_end_matches(')'));
            return Ok((program.clone(), format!("{program} {version}")));
        }
    }
    Err(Error::Missing { tool })
}

/// The last clock that the log reports, in MHz: that after routing.
fn clock(log: &str) -> Option<f64> {
    let (_, rest) = log.lines().filter_map(|l| l.split_once("Max frequency for clock")).next_back()?;
    let (number, _) = rest.rsplit_once(": ")?.1.split_once(" MHz")?;
    number.trim().parse().ok()
}

/// Lines like `Info:   ICESTORM_LC:  5146/ 7680    67%`.
fn utilisation(log: &str) -> BTreeMap<String, Used> {
    let read = |line: &str| {
        let (name, counts) = line.strip_prefix("Info:")?.trim().split_once(':')?;
        let (used, rest) = counts.split_once('/')?;
        let available = rest.split_whitespace().next()?.parse().ok()?;
        Some((name.to_string(), Used { used: used.trim().parse().ok()?, available }))
    };
    log.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::estimate;
    use crate::verilog::{PrintOptions, print};
    use crate::{Options, lower, matrix};
    use sterna_ir::{Design, Range};

    const LOG: &str = "Info: Device utilisation:\n\
        Info: \t         ICESTORM_LC:  5146/ 7680    67%\n\
        Info: \t        TRELLIS_COMB:   624/24288     2%\n\
        Info: Max frequency for clock 'clk': 101.00 MHz (FAIL at 300.00 MHz)\n\
        Warning: Max frequency for clock               'clk$glb_clk': 181.49 MHz (FAIL at 300.00 MHz)\n";

    #[test]
    fn logs_are_read() {
        assert_eq!(clock(LOG), Some(181.49));
        assert_eq!(clock("Info: nothing"), None);
        let used = utilisation(LOG);
        assert_eq!(used["ICESTORM_LC"], Used { used: 5146, available: 7680 });
        assert_eq!(used["TRELLIS_COMB"], Used { used: 624, available: 24288 });
    }

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
        let effort = Effort { seconds, ..Effort::default() };
        route(&files, (&emitted.top, &emitted.ports), device, &effort, folder)
    }

    #[test]
    fn a_small_circuit_is_routed_and_a_large_one_refused() {
        let device = Device::usual(Family::Ice40).unwrap();
        if let Err(Error::Missing { tool }) = find("nextpnr-ice40") {
            assert!(std::env::var_os("CI").is_none(), "{tool} is missing under CI");
            eprintln!("SKIPPED: {tool} is not on the PATH");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let routed = place(&device, 6, 100, folder.path()).unwrap();
        assert!(routed.mhz > 20.0 && routed.mhz < 600.0, "{routed:?}");
        assert!(routed.cells.used > routed.ff && routed.cells.available == 7680, "{routed:?}");
        // Every register of the circuit is found, and none of the frame's is taken for one.
        let bits = estimate(&design(Family::Ice40, 6).netlist, Family::Ice40).total.ff;
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
        assert!(error.contains("failed on") && error.contains("ice40-route.log"), "{error}");
    }

    #[test]
    fn xilinx_parts_have_no_open_tool() {
        assert!(matches!(Device::usual(Family::Xcup), Err(Error::Family(Family::Xcup))));
    }
}
