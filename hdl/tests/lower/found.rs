//! Networks that `examples/random_networks.rs` found to be refused, under the names of their seeds, unrolled for several
//! families.

use super::random::{self, Draw};
use super::{expect_equal, simulate};
use sterna_hdl::family::Family;
use sterna_hdl::{Folding, Options, Style, lower};
use sterna_ir::bench::Stalls;
use sterna_ir::format;

const FOLDED: Style = Style::Folded { pes: 2 };

/// Channels that never change, alone, under padding, or where streams join.
#[test]
fn channels_that_never_change() {
    let found = [
        (include_str!("found/5000346.sterna"), vec![FOLDED, Style::Unrolled, Style::Unrolled]),
        (include_str!("found/5002382.sterna"), vec![]),
        (include_str!("found/5002770.sterna"), vec![Style::Unrolled, Style::Unrolled, FOLDED, FOLDED]),
        (include_str!("found/5003836.sterna"), vec![Style::Unrolled]),
        (include_str!("found/5003968.sterna"), vec![Style::Unrolled]),
    ];
    let mut draw = Draw::new(1);
    for (text, styles) in found {
        let (network, _) = format::read(text).unwrap();
        let samples = random::samples(&mut draw, &network, 4);
        for family in [None, Some(Family::Xcup), Some(Family::Ecp5), Some(Family::Ice40)] {
            for (folding, levels_per_stage) in
                [(Folding::PerLayer(styles.clone()), 3), (Folding::Unrolled, 1)]
            {
                let options =
                    Options { folding, family, levels_per_stage, sharing: Some(0), ..Options::default() };
                let place = format!("{options:?}");
                let design = lower(&network, &options).expect(&place);
                let run = simulate(&design, &samples, Stalls::random(3, 60));
                expect_equal(&network, &design, &samples, &run, &place);
            }
        }
    }
}
