//! What the compiler is told where the user leaves it open.

use anyhow::{bail, ensure};
use sterna_hdl::delay::Delays;
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, Options};
use sterna_ir::{LayerOp, Network};
use sterna_trainer::quantise::{Quantised, tga, twn};

/// Networks up to this many nonzero weights are unrolled when nothing is asked for: about what fits a mid-size part.
pub const UNROLL_LIMIT: usize = 20_000;
/// Processing elements of a folded design when nothing is asked for.
const DEFAULT_PES: usize = 64;

/// A number of threads to use, refused where the machine could not start them.
pub fn threads(threads: usize) -> anyhow::Result<usize> {
    const MOST: usize = 256;
    ensure!((1..=MOST).contains(&threads), "threads {threads}: want 1 to {MOST}");
    Ok(threads)
}

/// Reads a family's name.
pub fn family(text: &str) -> Result<Family, String> {
    Family::from_name(text).ok_or_else(|| format!("{text:?}; want ice40, ecp5, gowin, xcup or xc7"))
}

/// Ternary weights of a layer's floats, and the scale of all of them.
pub type Ternary = fn(&[f32]) -> (Vec<i8>, f32);

/// Reads the name of a method that makes weights ternary without training: `twn`, or `tga` from its first threshold.
pub fn ternary(name: &str) -> Result<Ternary, String> {
    fn made(floats: &[f32], quantise: impl Fn(&mut Quantised)) -> (Vec<i8>, f32) {
        let mut out = Quantised { weights: vec![0.0; floats.len()], scale: Vec::new() };
        quantise(&mut out);
        (out.weights.iter().map(|w| *w as i8).collect(), out.scale_of(0))
    }
    match name {
        "twn" => Ok(|floats| made(floats, |out| twn::quantise(floats, floats.len(), twn::FACTOR, out))),
        "tga" => Ok(|floats| {
            made(floats, |out| tga::quantise(floats, tga::first_threshold(floats, tga::START), out))
        }),
        _ => Err(format!("{name:?}; want twn or tga")),
    }
}

/// How a network is folded when nothing is asked for: unrolled when small, 64 processing elements when not.
pub fn default_folding(network: &Network) -> Folding {
    let weights = network.layers.iter().filter_map(|l| match &l.op {
        LayerOp::Dense(d) => Some(d.nonzeros()),
        LayerOp::Conv2d(c) => Some(c.nonzeros()),
        _ => None,
    });
    if weights.sum::<usize>() <= UNROLL_LIMIT { Folding::Unrolled } else { Folding::Pes(DEFAULT_PES) }
}

/// Where registers of unrolled layers stand: for a clock in kHz, where one is asked for in MHz on a family whose delays are
/// known, else every so many adder levels.
///
/// # Errors
/// Both a clock and levels.
pub fn registers(
    family: Option<Family>,
    mhz: Option<f64>,
    levels: Option<u32>,
) -> anyhow::Result<(Option<u32>, u32)> {
    let is_known = |family: &Family| Delays::are_known(*family);
    let khz = family.filter(is_known).and(mhz).map(|mhz| (mhz * 1000.0).round() as u32);
    if khz.is_some() && levels.is_some() {
        bail!("--clock and --levels-per-stage both place the registers; give one of them");
    }
    Ok((khz, levels.unwrap_or(Options::default().levels_per_stage)))
}
