//! ABC's search for an input that makes the output of a graph 1, or for a proof that there is none.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Verdict;
use crate::process;
use crate::synth::{self, Error};

/// The input that tells two versions apart, as ABC writes it.
pub const WITNESS: &str = "witness.txt";

/// Runs ABC on the graph, and `also` once it is small.
pub fn search(graph: &str, also: &str, folder: &Path, limit: Duration) -> Result<Verdict, Error> {
    let failed = |source| Error::Io { path: folder.to_path_buf(), source };
    let log = folder.join("abc.log");
    let out = std::fs::File::create(&log).map_err(failed)?;
    let script =
        format!("read_aiger {graph}; strash; scleanup; scorr; dc2; scorr{also}; pdr; write_cex -n {WITNESS}");
    let mut command = Command::new("yosys-abc");
    command.args(["-c", &script]).current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
    match process::run_busy(&mut command, limit).map_err(failed)? {
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
        Some(cycles) => Verdict::Differ { cycles, samples: Vec::new() },
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
        assert_eq!(parse(differ), Verdict::Differ { cycles: 12, samples: vec![] });
        assert_eq!(parse("Reached timeout"), Verdict::Open);
    }
}
