//! Networks of real size: schedules stay full and compilation stays fast.

use std::time::Instant;

use sterna_hdl::{Folding, Options, layers, lower};
use sterna_ir::{Dense, Input, Layer, LayerOp, Network, Range, Threshold};

use crate::random::Draw;

/// A ternary network of these widths, `zeros` percent of its weights zero, 2-bit codes between layers, 8-bit inputs.
pub fn network(widths: &[usize], zeros: i64) -> Network {
    let mut draw = Draw::new(7);
    let mut layers = Vec::new();
    for pair in widths.windows(2) {
        let (inputs, outputs) = (pair[0], pair[1]);
        let mut weight = || if draw.chance(zeros) { 0 } else { [-1, 1][draw.within(0, 1) as usize] };
        let weights = (0..inputs * outputs).map(|_| weight()).collect();
        layers.push(LayerOp::Dense(Dense { inputs, outputs, weights, bias: vec![] }));
        let thresholds = (0..outputs).flat_map(|_| [-3, 1, 5]).collect();
        let (falling, thermometer) = (vec![], false);
        layers.push(LayerOp::Threshold(Threshold {
            positions: 1,
            channels: outputs,
            levels: 3,
            thresholds,
            falling,
            thermometer,
        }));
    }
    *layers.last_mut().unwrap() = LayerOp::ArgMax;
    let layers = layers.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    Network { name: "scale".into(), input: Input::new(vec![widths[0]], Range::new(0, 255)), layers }
}

fn nonzeros(network: &Network) -> usize {
    let LayerOp::Dense(dense) = &network.layers[0].op else { panic!("the first layer is dense") };
    dense.nonzeros()
}

#[test]
fn schedules_are_ninety_percent_full_at_ninety_percent_zeros() {
    for size in [256, 512] {
        let mut network = network(&[size, size], 90);
        // The end of a network, where elements leave in order.
        network.layers.pop();
        for pes in [4, 8, 16, 32, 64] {
            let options = Options { folding: Folding::Pes(pes), input_lanes: Some(16), ..Options::default() };
            let info = layers(&network, &options).unwrap()[0].schedule.unwrap();
            println!("{size}x{size}: {info:?}");
            assert_eq!((info.pes, info.additions), (pes, nonzeros(&network)));
            assert!(info.utilisation >= 0.9 && info.delta_bits <= 7, "{info:?}");
            let begins = pes / info.results_per_beat * info.cycles;
            assert_eq!(info.rom_bits, pes * info.cycles * (info.delta_bits as usize + 1) + begins);
        }
    }
}

/// Seconds are printed for reading; the bound only catches algorithms that do not scale, on any machine.
#[test]
fn real_sizes_compile_quickly() {
    for (zeros, folding) in [(95, Folding::Unrolled), (50, Folding::Pes(64)), (50, Folding::Pes(3))] {
        let network = network(&[784, 256, 256, 10], zeros);
        let options = Options { folding: folding.clone(), ..Options::default() };
        let start = Instant::now();
        let design = lower(&network, &options).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{folding:?}, {zeros} % zeros: {seconds:.2} s, {} nodes, {:?}",
            design.netlist.nodes.len(),
            design.timing
        );
        assert!(seconds < 20.0, "{seconds} s");
        // The slowest stage sets the rate: its schedule, or 1 when everything is unrolled.
        let infos = layers(&network, &options).unwrap();
        let slowest =
            infos.iter().filter_map(|info| info.schedule).map(|info| info.cycles).max().unwrap_or(1);
        assert_eq!(design.timing.interval, slowest as u64);
    }
}
