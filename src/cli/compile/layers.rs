//! What was compiled, layer by layer.

use anyhow::Result;
use sterna_hdl::estimate::{Estimate, Place};
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, Style};

use crate::build::{Build, StageInfo, label_of};
use crate::ui::{Ui, counted, percent, table, thousands};

/// Samples per second at this clock, for people.
pub fn rate(mhz: f64, interval: u64) -> String {
    let rate = mhz * 1e6 / interval as f64;
    match rate {
        1e6.. => format!("{:.1} million samples per second", rate / 1e6),
        _ => format!("{} samples per second", thousands(rate as u64)),
    }
}

/// The clock that the delay model expects, where the path ends that it waits for, and the rate.
pub fn clock(estimate: &Estimate, stages: &[StageInfo], interval: u64) -> Option<String> {
    let Estimate { family, mhz, slowest, .. } = estimate;
    // The model's delays are those of the fast parts; UP parts have others.
    let parts = if *family == Family::Ice40 { " HX (an UP is slower)" } else { "" };
    let (mhz, rate) = ((*mhz)?, rate((*mhz)?, interval));
    let end = longest_path(slowest.as_ref()?, stages);
    Some(format!(
        "{family}{parts}: about {mhz} MHz after place and route, {rate}; the longest path ends at {end}"
    ))
}

/// A place in the circuit for people.
pub fn longest_path(place: &Place, stages: &[StageInfo]) -> String {
    format!("{} of {}", place.signal, label_of(stages, &place.module))
}

/// The styles that were asked for layer by layer, if so.
fn asked(build: &Build) -> &[Style] {
    match &build.options.folding {
        Folding::PerLayer(styles) => styles,
        _ => &[],
    }
}

/// Columns of [`rows`].
pub const HEADER: [&str; 8] =
    ["layer", "nonzeros", "zeros", "style", "cycles", "PE use", "schedule bits", "windows"];

/// The layers of weights of a design as a table.
pub fn rows(build: &Build, stages: &[StageInfo]) -> Vec<Vec<String>> {
    let asked = asked(build);
    let row = |(index, stage): (usize, &StageInfo)| {
        let kind = match asked.get(index) {
            Some(Style::Dense { .. }) => ", dense",
            Some(Style::Xnor { .. }) => ", XNOR",
            _ => "",
        };
        let zeros = percent(1.0 - stage.nonzeros as f64 / stage.weights as f64);
        let mut row = vec![stage.label(), thousands(stage.nonzeros as u64), zeros];
        let uses = stage.uses();
        row.extend(match (stage.hardware.schedule, stage.hardware.digits) {
            (None, None) => ["unrolled".into(), thousands(uses as u64), String::new(), String::new()],
            (None, Some(d)) => {
                let style = format!("digits of {}", counted(d.digit_bits, "bit"));
                [style, thousands(uses as u64 * u64::from(d.digits)), String::new(), String::new()]
            }
            (Some(s), _) => [
                format!("{} PE{}{kind}", s.pes, if s.pes == 1 { "" } else { "s" }),
                thousands((uses * s.cycles) as u64),
                percent(s.utilisation),
                thousands(s.rom_bits as u64),
            ],
        });
        row.push(stage.hardware.windows.map_or(String::new(), |w| {
            let text = |[y, x]: [usize; 2]| format!("{y}x{x}");
            let (kernel, stride, padding) = (text(w.kernel), text(w.stride), text(w.padding));
            let (windows, bits) = (thousands(w.windows as u64), thousands(w.line_bits));
            format!("{windows} of {kernel}, stride {stride}, padding {padding}, {bits} bits")
        }));
        row
    };
    stages.iter().enumerate().map(row).collect()
}

/// The layers of a design as a table, and its timing.
pub fn report(build: &Build, ui: &Ui) -> Result<()> {
    let stages = build.stages()?;
    ui.say(table(&HEADER, &rows(build, &stages)))?;
    let timing = &build.design.timing;
    let proof =
        if build.edited.is_empty() { "proved equal to the network" } else { "edited since it was proved" };
    let pace = build.pace(&stages).map_or(String::new(), |pace| format!(", the pace of {pace}"));
    ui.say(format!(
        "{}: latency {}, one sample every {}{pace}; {proof}",
        build.emitted.top,
        counted(timing.latency, "cycle"),
        counted(timing.interval, "cycle")
    ))?;
    let estimate = build.options.family.map(|family| build.estimate(family));
    if let Some(clock) = estimate.and_then(|e| clock(&e, &stages, timing.interval)) {
        ui.say(clock)?;
    }
    let schedules: Vec<_> =
        stages.iter().filter_map(|s| Some((s.hardware.schedule.as_ref()?, s.uses()))).collect();
    let beats = build.design.input.beats() as u64;
    if !schedules.is_empty()
        && schedules.iter().all(|(s, uses)| ((s.cycles * uses) as u64) < timing.interval)
        && beats == timing.interval
        && beats > 1
    {
        ui.note(format!("the input sets the pace: {beats} beats a sample; fewer PEs would do as well"));
    }
    const MOST: &str = "a layer takes at most one per neuron, or channel of a convolution";
    if let Folding::Pes(asked) = build.options.folding {
        let used: usize = schedules.iter().map(|(s, _)| s.pes).sum();
        if used < asked {
            ui.note(format!("{used} of {asked} PEs used: {MOST}"));
        }
    }
    for (stage, style) in stages.iter().zip(asked(build)) {
        if let (Some(schedule), Style::Folded { pes } | Style::Dense { pes } | Style::Xnor { pes }) =
            (&stage.hardware.schedule, style)
            && schedule.pes < *pes
        {
            ui.note(format!("{}: {} of {pes} PEs used: {MOST}", stage.layer, schedule.pes));
        }
    }
    Ok(())
}
