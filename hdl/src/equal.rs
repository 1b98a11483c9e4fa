//! Proof that two versions of a circuit cannot be told apart from outside, whatever is done to their inputs: Yosys makes one
//! graph of both, and ABC shows that its output, a difference at the ports, is never 1 (signal correspondence by induction,
//! then property directed reachability).
//!
//! Both power up with zeros in all registers and memories, as FPGAs do, into one cycle of reset; from then on inputs and
//! reset are free. Ports are to be equal in every cycle without reset, data and `last` of the output where it is valid.
//! Inputs stay inside their ranges, as the streams that come in promise.
//!
//! That is much to ask of a large circuit, so that parts are tried first. The module in which the versions differ may be alike
//! by itself. Or nothing that enters its stage, or that and one beside it, shows the difference at the ports of this part,
//! where data count while they are valid; and nothing in the rest of the circuit depends on data of the part that are not
//! valid. Both together say that nothing shows at the circuit's ports. Data of parts are followed by information flow
//! (`flow.rs`), or bit by bit where they matter.

mod abc;
mod aiger;
mod flow;
mod miter;
mod reach;
mod stage;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use sterna_ir::Design;

use crate::mutate::{Mutant, PLUSARG, switched};
use crate::synth::{self, Error, put};
use crate::verilog::{Emitted, SourceFile};
use aiger::Graph;
use flow::Ports;
use stage::{Cut, Left, Stage, Wires};

/// What is known of two circuits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No input tells them apart.
    Equal,
    /// No input tells them apart: nothing shows at the ports of these modules inside the top module but in data that are not
    /// valid, on which nothing else depends.
    EqualPart(String),
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

/// How long each search is tried before any is for longer.
const SHORT: Duration = Duration::from_secs(20);

/// Compares broken versions of one circuit with it.
#[derive(Debug)]
pub struct Prover<'a> {
    design: &'a Design,
    emitted: &'a Emitted,
    files: &'a [SourceFile],
    wires: Wires,
    /// None where they cannot be told.
    stages: Vec<Stage>,
    /// Whether a search of such a limit showed that the rest of the circuit does not depend on data of a part that are not
    /// valid.
    rests: Mutex<BTreeMap<(String, Duration), bool>>,
}

impl<'a> Prover<'a> {
    /// Of the Verilog of `design` in `files`, printed as `emitted` before anybody changed it.
    pub fn new(design: &'a Design, emitted: &'a Emitted, files: &'a [SourceFile]) -> Self {
        let stages = Stage::all(files, &emitted.top).unwrap_or_default();
        Prover { design, emitted, files, wires: Wires::new(design, emitted), stages, rests: Mutex::default() }
    }

    /// Compares `mutant` with the circuit, inside `folder`, for at most `limit` of the processor in each search: through a part, through the
    /// whole, and both versions bit by bit.
    ///
    /// # Errors
    /// Yosys missing, or Verilog that it cannot read.
    pub fn prove(&self, mutant: &Mutant, folder: &Path, limit: Duration) -> Result<Verdict, Error> {
        if let Some(switched) = switched(self.files, mutant) {
            // Most proofs are short, through whatever they go.
            for limit in BTreeSet::from([limit.min(SHORT), limit]) {
                if let Some(part) = self.through_part(mutant, folder, limit)? {
                    return Ok(Verdict::EqualPart(part));
                }
                // What the stages around a part never do to it may make the difference.
                let (top, ports) = (&self.emitted.top, self.wires.of_top(self.emitted));
                if self.flows(&switched, top, &ports, &BTreeSet::new(), folder, limit)? {
                    return Ok(Verdict::Equal);
                }
            }
        }
        let broken = mutant.apply(self.files);
        whole(self.design, self.emitted, [self.files, &broken], folder, limit)
    }

    /// The part at whose ports nothing shows `mutant`, if there is one: its stage, or that with what is beside it, by
    /// information flow; its module, or its stage with what is beside it, bit by bit.
    ///
    /// # Errors
    /// Yosys missing, or Verilog that it cannot read.
    pub fn through_part(
        &self,
        mutant: &Mutant,
        folder: &Path,
        limit: Duration,
    ) -> Result<Option<String>, Error> {
        synth::version()?;
        let (Some(module), Some(switched)) = (mutant.file.strip_suffix(".v"), switched(self.files, mutant))
        else {
            return Ok(None);
        };
        if module == self.emitted.top {
            return Ok(None);
        }
        let alone = Ports { always: true, exact: true, switch: PLUSARG.into(), ..Ports::default() };
        // Where data matter, a search over what says whether they may differ fails at once.
        for exact in [false, true] {
            if exact && self.flows(&switched, module, &alone, &BTreeSet::new(), folder, limit)? {
                return Ok(Some(module.to_string()));
            }
            for part in self.parts(module, exact) {
                let Some(mut cut) = self.cut(&switched, &part, Left::Part) else { continue };
                if exact {
                    cut.ports = Ports { exact, data: BTreeMap::new(), ..cut.ports };
                }
                if self.flows(&cut.files, &self.emitted.top, &cut.ports, &cut.leaves, folder, limit)?
                    && self.rest(&part, folder, limit)?
                {
                    return Ok(Some(name(&part)));
                }
            }
        }
        Ok(None)
    }

    /// The stage with `module` in it; then with each that is beside it or, for proofs bit by bit, in which what enters may
    /// matter, with all that are, and with all beside these.
    fn parts(&self, module: &str, exact: bool) -> Vec<Vec<&Stage>> {
        let base: Vec<&Stage> = self.stages.iter().filter(|s| s.holds(module, self.files)).collect();
        let beside = |part: &[&Stage]| -> Vec<&Stage> {
            let is_beside = |other: &&Stage| part.iter().any(|stage| stage.is_beside(other, &self.wires));
            self.stages.iter().filter(|other| !is_inside(part, other) && is_beside(other)).collect()
        };
        let mut parts = vec![base.clone()];
        if exact {
            for _ in 0..2 {
                let part = parts.last().expect("there is one");
                parts.push([part.clone(), beside(part)].concat());
            }
        } else {
            parts.extend(beside(&base).into_iter().map(|other| [base.clone(), vec![other]].concat()));
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    fn cut(&self, files: &[SourceFile], part: &[&Stage], left: Left) -> Option<Cut> {
        let others: Vec<&Stage> = self.stages.iter().filter(|stage| !is_inside(part, stage)).collect();
        Cut::new(files, self.emitted, &self.wires, [part, &others], left)
    }

    /// Whether nothing outside `part` depends on data of it that are not valid.
    fn rest(&self, part: &[&Stage], folder: &Path, limit: Duration) -> Result<bool, Error> {
        let search = (name(part), limit);
        if let Some(known) = self.rests.lock().expect("no thread panics").get(&search) {
            return Ok(*known);
        }
        let holds = match self.cut(self.files, part, Left::Rest) {
            Some(cut) => self.flows(&cut.files, &self.emitted.top, &cut.ports, &cut.leaves, folder, limit)?,
            None => false,
        };
        self.rests.lock().expect("no thread panics").insert(search, holds);
        Ok(holds)
    }

    /// Whether no difference that enters module `top` of `files` shows at its outputs, wires `also` among them.
    fn flows(
        &self,
        files: &[SourceFile],
        top: &str,
        ports: &Ports,
        also: &BTreeSet<String>,
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
        Ok(match abc::search("flow.aig", "; write_aiger small.aig", folder, limit)? {
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

fn is_inside(part: &[&Stage], stage: &Stage) -> bool {
    part.iter().any(|inside| inside.module == stage.module)
}

/// What a part is called.
fn name(part: &[&Stage]) -> String {
    part.iter().map(|stage| stage.module.as_str()).collect::<Vec<_>>().join(" and ")
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
    let mut verdict = abc::search("miter.aig", "", folder, limit)?;
    if let Verdict::Differ { samples, .. } = &mut verdict {
        // Without one the verdict stands.
        let text = std::fs::read_to_string(folder.join(abc::WITNESS)).unwrap_or_default();
        *samples = witness::samples(&text, design, emitted);
    }
    Ok(verdict)
}

/// Both, with what compares them.
const MERGE: &str = "design -copy-from meant -as meant meant\ndesign -copy-from built -as built built\n\
    read_verilog miter.v\nhierarchy -top miter\nproc\nflatten\n";

/// One module as words of gates and registers. A word past the end of a memory is 0.
const MAP: &str =
    "opt_expr\nopt_clean\nmemory_collect\nmemory_map\nopt_expr\nopt_clean\ntechmap\nopt_expr\nopt_clean\n";

/// The same as AND gates and registers that begin with 0.
const GATES: &str = "dfflegalize -cell $_DFF_P_ 01\naigmap\nopt_clean\n";
