//! Layers on digit-serial adders.

use sterna_hdl::family::Family;
use sterna_hdl::{Error, Folding, Options, Style, layers, lower, matrix};
use sterna_ir::bench::Stalls;
use sterna_ir::{LayerOp, Network, Range};

use crate::random::{self, Draw};
use crate::{expect_equal, images, simulate};

/// Digits for every layer.
fn folding(draw: &mut Draw, network: &Network) -> Folding {
    let is_weights = |op: &LayerOp| matches!(op, LayerOp::Dense(_) | LayerOp::Conv2d(_));
    let weighted = network.layers.iter().filter(|l| is_weights(&l.op)).count();
    Folding::PerLayer((0..weighted).map(|_| random::serial(draw)).collect())
}

/// The signs of the weights.
fn ternary(mut network: Network) -> Option<Network> {
    for layer in &mut network.layers {
        let weights = match &mut layer.op {
            LayerOp::Dense(d) => &mut d.weights,
            LayerOp::Conv2d(c) => &mut c.weights,
            _ => continue,
        };
        weights.iter_mut().for_each(|w| *w = w.signum());
    }
    network.check().is_ok().then_some(network)
}

#[test]
fn digits_of_any_size_equal_their_networks_under_stalls() {
    let mut serial = 0;
    for seed in 0..120 {
        let mut draw = Draw::new(70_000 + seed);
        let network = if seed < 80 { random::network(&mut draw) } else { images::network(&mut draw) };
        let Some(network) = ternary(network) else { continue };
        let folding = folding(&mut draw, &network);
        let options = match seed < 80 {
            true => random::options(&mut draw, &network),
            false => images::options(&mut draw, &network),
        };
        let options = Options { folding, ..options };
        let place = format!("seed {seed}, {options:?}");
        let design = lower(&network, &options).unwrap_or_else(|error| panic!("{place}: {error}"));
        serial += design.netlist.nodes.iter().filter(|n| n.name == "digit_last").count();
        let samples = random::samples(&mut draw, &network, 6);
        for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 200)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
        }
    }
    assert!(serial > 120, "{serial} stages");
}

#[test]
fn a_vector_takes_as_many_cycles_as_the_widest_sum_has_digits() {
    let weights = vec![1, -1, 1, 0, -1, 1, 1, 1, 1];
    let network = matrix::network("paced", 3, 3, weights, Range::signed(8)).unwrap();
    // Three values of 8 bits: 10 bits.
    for (bits, cycles) in [(1, 10), (2, 5), (4, 3)] {
        for (input_lanes, beats) in [(None, 1), (Some(1), 3)] {
            for family in [None, Some(Family::Ecp5), Some(Family::Ice40), Some(Family::Xcup)] {
                let folding = Folding::PerLayer(vec![Style::Serial { bits }]);
                let known = family.filter(|family| [Family::Ecp5, Family::Ice40].contains(family));
                let clock_khz = known.map(|_| 150_000);
                let options = Options { folding, input_lanes, family, clock_khz, ..Options::default() };
                assert_eq!(layers(&network, &options).unwrap()[0].least_cycles, cycles);
                assert_eq!(lower(&network, &options).unwrap().timing.interval, cycles.max(beats));
            }
        }
    }
}

#[test]
fn other_weights_and_digits_are_refused() {
    let refused = |weights: Vec<i16>, bits: u32| {
        let network = matrix::network("m", 2, 2, weights, Range::BIT).unwrap();
        let folding = Folding::PerLayer(vec![Style::Serial { bits }]);
        lower(&network, &Options { folding, ..Options::default() }).unwrap_err()
    };
    let weights = refused(vec![1, 0, -2, 1], 1).to_string();
    let wanted = "layer 0 (m): no circuit is known for digit-serial adders of weights other than -1, 0 and 1";
    assert_eq!(weights, wanted);
    let bits = refused(vec![1, 0, -1, 1], 3);
    assert!(matches!(bits, Error::DigitBits { bits: 3, .. }));
    assert_eq!(bits.to_string(), "folding of layer 0 (m): digits of 3 bits; want one of [1, 2, 4]");
}

/// Large enough that sums are shared, with rows that are one input or its opposite.
#[test]
fn sums_of_a_matrix_have_digits_on_every_family() {
    let (inputs, outputs) = (64, 64);
    for (seed, family) in (0..).zip(Family::ALL.repeat(3)) {
        let mut draw = Draw::new(80_000 + seed);
        let bits = [1, 2, 4][seed as usize / Family::ALL.len()];
        let weight = |n: i64| if n < 2 { [1, -1][n as usize] } else { 0 };
        let mut weights: Vec<i16> = (0..inputs * outputs).map(|_| weight(draw.within(0, 19))).collect();
        for (row, sign) in [(0, -1), (1, 1), (2, -1)] {
            weights[row * inputs..(row + 1) * inputs].fill(0);
            weights[row * inputs + 5] = sign;
        }
        let network = matrix::network("shared", inputs, outputs, weights, Range::signed(8)).unwrap();
        let folding = Folding::PerLayer(vec![Style::Serial { bits }]);
        let options = Options { folding, family: Some(family), ..Options::default() };
        let design = lower(&network, &options).unwrap();
        let samples = random::samples(&mut draw, &network, 6);
        let run = simulate(&design, &samples, Stalls::random(seed, 100));
        expect_equal(&network, &design, &samples, &run, &format!("seed {seed}, {options:?}"));
    }
}

/// As wide as sums may be, or refused.
#[test]
fn wide_values_have_digits_or_are_refused() {
    let mut built = 0;
    for width in (1..=59).step_by(3) {
        for (bits, range) in [1, 2, 4]
            .into_iter()
            .flat_map(|bits| [Range::signed(width), Range::unsigned(width)].map(|range| (bits, range)))
        {
            let Ok(network) = matrix::network("wide", 3, 2, vec![1, -1, 1, 0, -1, 0], range) else {
                continue;
            };
            let folding = Folding::PerLayer(vec![Style::Serial { bits }]);
            let place = format!("{range:?}, {bits} bits");
            let design = match lower(&network, &Options { folding, ..Options::default() }) {
                Ok(design) => design,
                Err(Error::TooWide { .. }) => continue,
                Err(error) => panic!("{place}: {error}"),
            };
            let samples = random::samples(&mut Draw::new(u64::from(width)), &network, 4);
            expect_equal(&network, &design, &samples, &simulate(&design, &samples, Stalls::none()), &place);
            built += 1;
        }
    }
    assert!(built > 40, "{built}");
}
