//! Proof that two versions of a circuit cannot be told apart from outside, whatever is done to their inputs: Yosys makes one
//! graph of both, and ABC shows that its output, a difference at the ports, is never 1 (signal correspondence by induction,
//! then property directed reachability).
//!
//! Both power up with zeros in all registers and memories, as FPGAs do, into one cycle of reset; from then on inputs and
//! reset are free. Ports are to be equal in every cycle without reset, data and `last` of the output where it is valid.
//! Inputs stay inside their ranges, as the streams that come in promise.

mod miter;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sterna_ir::Design;

use crate::process;
use crate::synth::{self, Error, put};
use crate::verilog::{Emitted, SourceFile};

/// What is known of two circuits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No input tells them apart.
    Equal,
    /// Some input does, so many cycles from power-up.
    Differ {
        /// Cycles.
        cycles: u64,
    },
    /// Not decided in time.
    Open,
}

/// Names of the two versions.
const SIDES: [&str; 2] = ["meant", "built"];

/// Compares two versions of the Verilog of `design`, printed as `emitted` before anybody changed it, inside `folder`, for at
/// most `limit` of search.
///
/// # Errors
/// Yosys missing, or Verilog that it cannot read.
pub fn prove(
    design: &Design,
    emitted: &Emitted,
    versions: [&[SourceFile]; 2],
    folder: &Path,
    limit: Duration,
) -> Result<Verdict, Error> {
    synth::version()?;
    let (top, mut script) = (&emitted.top, String::new());
    for (side, files) in SIDES.iter().zip(versions) {
        script += &synth::circuit(files, &format!("{side}_"), folder)?;
        script +=
            &format!("hierarchy -top {top}\nproc\nflatten\nrename {top} {side}\ndesign -stash {side}\n");
    }
    put(folder, "miter.v", &miter::text(design, emitted))?;
    script += MERGE;
    let failed = |what| Error::Unreadable { module: top.clone(), what };
    synth::run(folder, "miter", &script)?.map_err(failed)?;
    abc(folder, limit)
}

/// Both, with what compares them, as a graph. A word past the end of a memory is 0.
const MERGE: &str = "design -copy-from meant -as meant meant\ndesign -copy-from built -as built built\n\
    read_verilog miter.v\nhierarchy -top miter\nproc\nflatten\nopt_expr\nopt_clean\nmemory_collect\nmemory_map\n\
    opt_expr\nopt_clean\ntechmap\nopt_expr\nopt_clean\nsetundef -undriven -init -zero\n\
    dfflegalize -cell $_DFF_P_ 01\naigmap\nopt_clean\nwrite_aiger -zinit miter.aig\n";

/// Runs ABC on the graph.
fn abc(folder: &Path, limit: Duration) -> Result<Verdict, Error> {
    let failed = |source| Error::Io { path: folder.to_path_buf(), source };
    let log = folder.join("abc.log");
    let out = std::fs::File::create(&log).map_err(failed)?;
    let script = "read_aiger miter.aig; strash; scleanup; scorr; dc2; scorr; pdr";
    let mut command = Command::new("yosys-abc");
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
    match process::run(&mut command, limit).map_err(failed)? {
        None => return Ok(Verdict::Open),
        Some(status) => synth::ended_by_itself(status, folder)?,
    }
    Ok(parse(&std::fs::read_to_string(&log).map_err(failed)?))
}

/// The verdict in what ABC says.
fn parse(said: &str) -> Verdict {
    let frame =
        |line: &str| line.split_once("was asserted in frame ")?.1.split('.').next()?.trim().parse().ok();
    match said.lines().find_map(frame) {
        Some(cycles) => Verdict::Differ { cycles },
        None if said.contains("Property proved") => Verdict::Equal,
        None => Verdict::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_what_abc_says() {
        assert_eq!(
            parse("Verification of invariant...\nProperty proved.  Time = 0.01 sec\n"),
            Verdict::Equal
        );
        let differ = "Output 0 of miter \"miter\" was asserted in frame 12.  Time = 0.02 sec\n";
        assert_eq!(parse(differ), Verdict::Differ { cycles: 12 });
        assert_eq!(parse("Reached timeout"), Verdict::Open);
    }
}
