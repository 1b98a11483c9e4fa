//! `sterna verify --formal`: the Verilog in the build folder proved equal to the netlist, module by module.

use anyhow::{Context, Result};
use sterna_hdl::formal::{self, Module, Verdict};
use sterna_hdl::verilog::{Emitted, PrintOptions, print};

use crate::build::Build;
use crate::ui::{Ui, table};

/// The design in plain operators.
pub fn plain(build: &Build) -> Result<Emitted> {
    let options = PrintOptions { version: true, visible: build.visible(), family: None };
    Ok(print(&build.design.netlist, &options)?)
}

/// Proves what is small enough.
pub fn prove(build: &Build, ui: &Ui) -> Result<Vec<Module>> {
    let plain = plain(build)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let bar = ui.bar("formal", plain.files.len() as u64, "modules");
    let found = formal::prove(&plain, &build.sources, folder.path(), &|_| bar.inc(1));
    bar.finish_and_clear();
    Ok(found?)
}

/// Whether nothing was found to differ.
pub fn holds(modules: &[Module]) -> bool {
    modules.iter().all(|m| !matches!(m.verdict, Verdict::Unproven { .. }))
}

/// Says what was found.
pub fn report(modules: &[Module], ui: &Ui) -> Result<()> {
    let row = |m: &Module| {
        let text = match &m.verdict {
            Verdict::Plain => "plain operators, as printed from the proved netlist".to_string(),
            Verdict::Proved { bits } => format!("equal: {bits} signal bits proved by SAT"),
            Verdict::Unproven { bits, signals } => {
                format!("NOT PROVED: {bits} signal bits, open are {}", signals.join(", "))
            }
            Verdict::TooLarge { signals } => format!("not tried: {signals} signals are too many"),
            _ => "unknown".to_string(),
        };
        vec![m.module.clone(), text]
    };
    let rows: Vec<_> = modules.iter().map(row).collect();
    ui.say(table(&["module", "formal proof"], &rows))?;
    let count = |wanted: fn(&Verdict) -> bool| modules.iter().filter(|m| wanted(&m.verdict)).count();
    let proved = count(|v| matches!(v, Verdict::Proved { .. }));
    let plain = count(|v| matches!(v, Verdict::Plain));
    ui.say(format!(
        "{proved} of {} modules proved by SAT; {plain} are the operators of the proved netlist to the byte, where there is \
         nothing to prove",
        modules.len()
    ))?;
    if plain == modules.len() {
        ui.note("no module holds cells of a family, which compile --target puts where operators would cost more: nothing to prove");
    }
    Ok(())
}
