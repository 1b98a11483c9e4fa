//! Proof that two versions of a circuit cannot be told apart from outside, whatever is done to their inputs: Yosys makes one
//! graph of both, and ABC shows that its output, a difference at the ports, is never 1 (signal correspondence by induction,
//! then property directed reachability).
//!
//! Both power up with zeros in all registers and memories, as FPGAs do, into one cycle of reset; from then on inputs and
//! reset are free. Ports are to be equal in every cycle without reset, data and `last` of the output where it is valid.
//! Inputs stay inside their ranges, as the streams that come in promise.
//!
//! That is much to ask of a large circuit, so that parts are tried first, by information flow (`flow.rs`): nothing that enters
//! the stage in which the versions differ shows the difference at the stage's own ports, where data count while they are
//! valid; and nothing in the rest of the circuit depends on data of that stage that are not valid. Both together say that
//! nothing shows at the circuit's ports.

mod aiger;
mod flow;
mod miter;
mod reach;
mod stage;
mod witness;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use sterna_ir::Design;

use crate::mutate::{Mutant, switched};
use crate::process;
use crate::synth::{self, Error, put};
use crate::verilog::{Emitted, SourceFile};
use aiger::Graph;
use flow::Ports;
use stage::{Stage, Wires};

/// What is known of two circuits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No input tells them apart.
    Equal,
    /// No input tells them apart: nothing shows at the ports of this module inside the top module, and nothing else depends
    /// on data of it that are not valid.
    EqualStage(String),
    /// Some input does, so many cycles from power-up.
    Differ {
        /// Cycles.
        cycles: u64,
        /// The samples in that input, the last filled up.
        samples: Vec<Vec<i64>>,
    },
    /// Not decided in time.
    Open,
}

/// Names of the two versions.
const SIDES: [&str; 2] = ["meant", "built"];

/// Longest search over a graph of information flow; where it ends, it ends soon.
const SHORT: Duration = Duration::from_secs(10);

/// Compares broken versions of one circuit with it.
#[derive(Debug)]
pub struct Prover<'a> {
    design: &'a Design,
    emitted: &'a Emitted,
    files: &'a [SourceFile],
    wires: Wires,
    /// Whether the rest of the circuit is known not to depend on data of a stage that are not valid.
    rests: Mutex<BTreeMap<String, bool>>,
}

impl<'a> Prover<'a> {
    /// Of the Verilog of `design` in `files`, printed as `emitted` before anybody changed it.
    pub fn new(design: &'a Design, emitted: &'a Emitted, files: &'a [SourceFile]) -> Self {
        Prover { design, emitted, files, wires: Wires::new(design, emitted), rests: Mutex::default() }
    }

    /// Compares `mutant` with the circuit, inside `folder`, for at most `limit` of each search: through one stage, through
    /// the whole, and both versions bit by bit.
    ///
    /// # Errors
    /// Yosys missing, or Verilog that it cannot read.
    pub fn prove(&self, mutant: &Mutant, folder: &Path, limit: Duration) -> Result<Verdict, Error> {
        if let Some(switched) = switched(self.files, mutant) {
            if let Some(module) = self.through_stage(mutant, folder, limit)? {
                return Ok(Verdict::EqualStage(module));
            }
            // What the stages around one never do to it may make the difference.
            let (top, ports) = (&self.emitted.top, self.wires.of_top(self.emitted));
            if self.flows(&switched, top, &[], &ports, folder, limit)? {
                return Ok(Verdict::Equal);
            }
        }
        let broken = mutant.apply(self.files);
        whole(self.design, self.emitted, [self.files, &broken], folder, limit)
    }

    /// The stage at whose ports nothing shows `mutant`, if that is so.
    ///
    /// # Errors
    /// Yosys missing, or Verilog that it cannot read.
    pub fn through_stage(
        &self,
        mutant: &Mutant,
        folder: &Path,
        limit: Duration,
    ) -> Result<Option<String>, Error> {
        synth::version()?;
        let stage = Stage::of(&mutant.file, self.files, &self.emitted.top);
        let (Some(stage), Some(switched)) = (stage, switched(self.files, mutant)) else { return Ok(None) };
        let ports = stage.ports(&self.wires);
        let holds = self.flows(&switched, &stage.module, &[], &ports, folder, limit.min(SHORT))?
            && self.rest(&stage, folder, limit)?;
        Ok(holds.then_some(stage.module))
    }

    /// Whether nothing outside `stage` depends on data of it that are not valid.
    fn rest(&self, stage: &Stage, folder: &Path, limit: Duration) -> Result<bool, Error> {
        if let Some(known) = self.rests.lock().expect("no thread panics").get(&stage.module) {
            return Ok(*known);
        }
        let holds = match stage.rest(self.files, self.emitted, &self.wires) {
            Some((files, ports, read)) => {
                self.flows(&files, &self.emitted.top, &read, &ports, folder, limit)?
            }
            None => false,
        };
        self.rests.lock().expect("no thread panics").insert(stage.module.clone(), holds);
        Ok(holds)
    }

    /// Whether no difference that enters module `top` of `files` shows at its outputs, wires `also` among them.
    fn flows(
        &self,
        files: &[SourceFile],
        top: &str,
        also: &[String],
        ports: &Ports,
        folder: &Path,
        limit: Duration,
    ) -> Result<bool, Error> {
        let read = synth::circuit(files, "", folder)?;
        let exposed: String = also.iter().map(|wire| format!("expose {top}/w:{wire}\n")).collect();
        let script = format!(
            "{read}hierarchy -top {top}\nproc\nflatten\n{exposed}{MAP}setundef -undriven -expose -init -zero\n{GATES}\
             write_aiger -ascii -zinit -symbols flow.aag\n"
        );
        let failed = |what| Error::Unreadable { module: top.to_string(), what };
        let Some(read) = synth::run_within(folder, "flow", &script, limit)? else { return Ok(false) };
        read.map_err(failed)?;
        let path = folder.join("flow.aag");
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            |source| Error::Io { path, source }
        };
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        let Some(graph) = Graph::parse(&text).and_then(|graph| flow::graph(&graph, ports)) else {
            return Ok(false);
        };
        let path = folder.join("flow.aig");
        std::fs::write(&path, graph).map_err(failed(&path))?;
        Ok(match abc("flow.aig", "; write_aiger small.aig", folder, limit)? {
            Verdict::Equal => true,
            Verdict::Open => {
                // What the search goes round in, a walk through all states may end.
                let small = std::fs::read(folder.join("small.aig")).unwrap_or_default();
                Graph::parse_bytes(&small).is_some_and(|graph| reach::never(&graph, limit) == Some(true))
            }
            _ => false,
        })
    }
}

/// Compares two versions of the Verilog of `design`, printed as `emitted` before anybody changed it, inside `folder`, for at
/// most `limit` of search.
fn whole(
    design: &Design,
    emitted: &Emitted,
    versions: [&[SourceFile]; 2],
    folder: &Path,
    limit: Duration,
) -> Result<Verdict, Error> {
    let (top, mut script) = (&emitted.top, String::new());
    for (side, files) in SIDES.iter().zip(versions) {
        script += &synth::circuit(files, &format!("{side}_"), folder)?;
        script +=
            &format!("hierarchy -top {top}\nproc\nflatten\nrename {top} {side}\ndesign -stash {side}\n");
    }
    put(folder, "miter.v", &miter::text(design, emitted))?;
    script += MERGE;
    script += MAP;
    script += "setundef -undriven -init -zero\n";
    script += GATES;
    script += "write_aiger -zinit -symbols miter.aig\n";
    let failed = |what| Error::Unreadable { module: top.clone(), what };
    let Some(read) = synth::run_within(folder, "miter", &script, limit)? else { return Ok(Verdict::Open) };
    read.map_err(failed)?;
    let mut verdict = abc("miter.aig", "", folder, limit)?;
    if let Verdict::Differ { samples, .. } = &mut verdict {
        // Without one the verdict stands.
        let text = std::fs::read_to_string(folder.join(WITNESS)).unwrap_or_default();
        *samples = witness::samples(&text, design, emitted);
    }
    Ok(verdict)
}

/// The input that tells two versions apart, as ABC writes it.
const WITNESS: &str = "witness.txt";

/// Both, with what compares them.
const MERGE: &str = "design -copy-from meant -as meant meant\ndesign -copy-from built -as built built\n\
    read_verilog miter.v\nhierarchy -top miter\nproc\nflatten\n";

/// One module as words of gates and registers. A word past the end of a memory is 0.
const MAP: &str =
    "opt_expr\nopt_clean\nmemory_collect\nmemory_map\nopt_expr\nopt_clean\ntechmap\nopt_expr\nopt_clean\n";

/// The same as AND gates and registers that begin with 0.
const GATES: &str = "dfflegalize -cell $_DFF_P_ 01\naigmap\nopt_clean\n";

/// Runs ABC on the graph.
fn abc(graph: &str, also: &str, folder: &Path, limit: Duration) -> Result<Verdict, Error> {
    let failed = |source| Error::Io { path: folder.to_path_buf(), source };
    let log = folder.join("abc.log");
    let out = std::fs::File::create(&log).map_err(failed)?;
    let script =
        format!("read_aiger {graph}; strash; scleanup; scorr; dc2; scorr{also}; pdr; write_cex -n {WITNESS}");
    let mut command = Command::new("yosys-abc");
    command.args(["-c", &script]).current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
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
