//! A circuit: cost, pipeline over time, occupancy, measurements, verification.

use anyhow::Result;
use maud::{Markup, html};
use sterna_hdl::estimate::{Estimate, Resources};
use sterna_hdl::family::Family;
use sterna_hdl::synth::Cells;
use sterna_hdl::timeline;

use super::chart::{bars, passages};
use super::page::{charts, facts, notes, table};
use crate::build::{Build, label_of};
use crate::check::Verdict;
use crate::cli::compile;
use crate::cli::estimate::row;
use crate::ui::{percent, thousands};

/// Samples in the pipeline's drawing.
const SAMPLES: usize = 3;

/// Estimated and counted cells of a family.
pub type Measured = (Family, Resources, Cells);

/// Timing, pipeline, occupancy and cost.
pub fn circuit(build: &Build) -> Result<Markup> {
    let timing = &build.design.timing;
    let mut rows = vec![
        ("top module".to_string(), build.emitted.top.clone()),
        ("latency, cycles".into(), thousands(timing.latency)),
        ("cycles between samples".into(), thousands(timing.interval)),
    ];
    let stages = build.stages()?;
    rows.extend(build.pace(&stages).map(|pace| ("the pace is that of".to_string(), pace)));
    let estimates: Vec<Estimate> = build.families(None)?.into_iter().map(|f| build.estimate(f)).collect();
    for e in &estimates {
        if let (Some(mhz), Some(slowest)) = (e.mhz, &e.slowest) {
            let rate = thousands((mhz * 1e6 / timing.interval as f64) as u64);
            rows.push((format!("MHz on {}, estimated", e.family), mhz.to_string()));
            rows.push((format!("samples per second on {}", e.family), rate));
            rows.push((
                format!("longest path on {} ends at", e.family),
                compile::longest_path(slowest, &stages),
            ));
        }
    }
    let mut drawn = vec![pipeline(build)?];
    drawn.extend(occupancy(build)?);
    for e in &estimates {
        let bar =
            |(name, r): &(String, Resources)| (label_of(&stages, name), vec![r.lut.round(), r.ff.round()]);
        let cells: Vec<_> = e.modules.iter().map(bar).collect();
        drawn.push(bars(
            &format!("Cost by module on {}", e.family),
            "cells, estimated",
            &cells,
            &["LUT", "FF"],
        )?);
    }
    Ok(html! {
        (facts(&rows))
        (charts(&drawn))
        h3 { "Layers of weights" }
        (table(&compile::HEADER, &compile::rows(build, &stages)))
        @for e in &estimates {
            h3 { "Estimate for " (e.family) }
            @let total = row("total", &e.total);
            @let lines: Vec<_> = e.modules.iter().map(|(n, r)| row(&label_of(&stages, n), r)).chain([total]).collect();
            (table(&["module", "LUT", "FF", "BRAM", "ROM bits", "adders"], &lines))
            (notes(&[format!("core only; LUT = {}; block RAM in the family's own size", e.family.lut_convention())]))
        }
    })
}

/// When the first samples pass each stream.
fn pipeline(build: &Build) -> Result<Markup> {
    let passing = timeline(&build.design, SAMPLES);
    let layers = &build.network.layers;
    let between = build.design.probes.iter().map(|p| layers[p.layer].name.clone());
    let names = ["input".to_string()].into_iter().chain(between).chain(["class out".to_string()]);
    let rows: Vec<_> = names
        .zip(passing)
        .map(|(name, samples)| {
            (name, samples.iter().map(|p| (p.first as f64, (p.last + 1) as f64)).collect::<Vec<_>>())
        })
        .collect();
    let samples: Vec<String> = (1..=SAMPLES).map(|n| format!("sample {n}")).collect();
    passages("Pipeline: when samples pass each stream", "cycles after reset", &rows, &samples)
}

/// How busy the elements of folded layers are.
fn occupancy(build: &Build) -> Result<Option<Markup>> {
    let interval = build.design.timing.interval as f64;
    let stages = build.stages()?;
    let folded = stages.iter().filter_map(|s| Some((s, s.hardware.schedule.as_ref()?)));
    let rows: Vec<_> = folded
        .map(|(stage, schedule)| {
            let busy = (schedule.cycles * stage.uses()) as f64 / interval;
            (stage.layer.clone(), vec![100.0 * schedule.utilisation, 100.0 * busy.min(1.0)])
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let series = ["elements that add, while the layer works", "time that the layer works"];
    bars("Occupancy of processing elements", "share, %", &rows, &series).map(Some)
}

/// Estimates beside what Yosys counted, and what was placed and routed.
pub fn measured(results: &[Measured], tool: &str, routed: &[Vec<String>]) -> Result<Markup> {
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (family, guess, cells) in results {
        let parts =
            [("LUT", guess.lut, cells.lut), ("FF", guess.ff, cells.ff), ("BRAM", guess.bram, cells.bram)];
        for (what, guess, found) in parts {
            let name = format!("{family} {what}");
            let error = match found {
                0 => String::new(),
                found => format!("{:+.1} %", 100.0 * (guess / found as f64 - 1.0)),
            };
            lines.push(vec![name.clone(), thousands(guess.round() as u64), thousands(found), error]);
            rows.push((name, vec![guess.round(), found as f64]));
        }
    }
    let conventions: Vec<String> =
        results.iter().map(|(f, ..)| format!("{f}: LUT = {}", f.lut_convention())).collect();
    Ok(html! {
        (charts(&[bars("Estimate and count", "cells", &rows, &["estimate", "Yosys"])?]))
        (table(&["core only", "estimate", "Yosys", "error"], &lines))
        (notes(&conventions))
        (notes(&[format!("counted by {tool}, after synthesis, before place and route")]))
        @if !routed.is_empty() {
            h3 { "Placed and routed" }
            (table(&["part", "estimate", "nextpnr", "of", "error"], routed))
        }
    })
}

/// What `verify` found.
pub fn verified(verdict: &Verdict) -> Markup {
    let (v, (tried, all)) = (&verdict.reports[0].1, verdict.edges.tried());
    let state = |equal: bool| if equal { "equal".to_string() } else { "DIFFER".to_string() };
    facts(&[
        ("evaluator and simulator", state(verdict.difference.is_none())),
        ("simulator and Verilog", state(verdict.mismatches().next().is_none())),
        ("samples", thousands(v.samples as u64)),
        ("accuracy on them", verdict.accuracy.map_or("-".into(), percent)),
        ("cycles compared, stalls included", thousands(v.cycles)),
        ("values compared", thousands(v.values)),
        ("streams compared", thousands(v.streams as u64)),
        ("thresholds tried from both sides", format!("{} of {}", thousands(tried), thousands(all))),
        (
            "Verilog simulators",
            verdict.reports.iter().map(|(_, r)| r.tool.as_str()).collect::<Vec<_>>().join("; "),
        ),
    ])
}
