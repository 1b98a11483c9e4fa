//! Training to a hardware budget, and methods that aim at a number of zeros.

use sterna_ir::cost::{Circuit, CostTable, LayerCost, Total};
use sterna_ir::{LayerOp, Network};
use sterna_trainer::config::{Activation, Weights};
use sterna_trainer::{Config, Error, Observer, train};

use crate::util::{config, dataset, table};

fn nonzeros(network: &Network) -> Vec<usize> {
    let dense = |l: &sterna_ir::Layer| match &l.op {
        LayerOp::Dense(d) => Some(d.nonzeros()),
        _ => None,
    };
    network.layers.iter().filter_map(dense).collect()
}

#[test]
fn budgets_are_met_within_three_per_cent_and_more_buys_more() {
    let data = dataset();
    let mut before = 0;
    for budget in [500.0, 800.0, 1100.0] {
        let weights = Weights::cost(table([24, 20, 12, 4]), budget);
        let out = train(&data, &Config { epochs: 20, ..config(weights) }, None, &mut ()).expect("training");
        let cost = out.cost.expect("a cost");
        assert!(cost <= budget && cost >= 0.97 * budget, "{cost} of {budget}");
        assert!(out.nonzeros > before, "{budget}: {} nonzeros, {before} with less", out.nonzeros);
        assert!(out.test_accuracy.expect("test samples") > 0.7, "{budget}: {:?}", out.test_accuracy);
        before = out.nonzeros;
    }
}

#[test]
fn a_training_of_one_step_keeps_its_budget_too() {
    let data = dataset();
    for average in [0.0, 0.9] {
        let weights = Weights::cost(table([24, 20, 12, 4]), 500.0);
        let config = Config { epochs: 1, batch: 1000, average, ..config(weights) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        let cost = out.cost.expect("a cost");
        assert!((0.97 * 500.0..=500.0).contains(&cost), "{cost} of 500 with average {average}");
    }
}

#[test]
fn a_dearer_layer_gets_fewer_weights() {
    let data = dataset();
    let kept = |dear: usize| {
        let layer = |i: usize| {
            let bit = if i == dear { 8000 } else { 1000 };
            let inputs = [24, 20, 12][i];
            LayerCost::adders(inputs, 4, 0, bit, sterna_ir::cost::Curve::constant(1000))
        };
        let layers = (0..3).map(layer).collect();
        let table = CostTable { unit: "bits".into(), total: Total::Sum, fixed: 0, layers, circuit: None };
        let config = Config { epochs: 20, ..config(Weights::cost(table, 3000.0)) };
        nonzeros(&train(&data, &config, None, &mut ()).expect("training").network)
    };
    let (first, second) = (kept(0), kept(1));
    let ratio = |n: &[usize]| n[0] as f64 / n[1] as f64;
    assert!(1.1 * ratio(&first) < ratio(&second), "{first:?} {second:?}");
}

#[test]
fn cycles_bind_the_longest_layer_and_leave_the_others() {
    let data = dataset();
    let layers = vec![LayerCost::Folded { elements: 4, gap: 1000, floor: 0, windows: 1 }; 3];
    let table = CostTable { unit: "cycles".into(), total: Total::Longest, fixed: 0, layers, circuit: None };
    let weights = Weights::cost(table.clone(), 40.0);
    let out = train(&data, &Config { epochs: 20, ..config(weights) }, None, &mut ()).expect("training");
    let cost = out.cost.expect("a cost");
    // Whole cycles: one of 40 is 2.5 per cent.
    assert!((39.0..=40.0).contains(&cost), "{cost} cycles");
    // 4 x 12 weights never take 40 cycles on 4 elements: nothing forces that layer to be dense or empty.
    let last = out.zeros[2];
    assert!((0.1..0.7).contains(&last), "zeros of the last layer: {last}");
}

#[test]
fn impossible_budgets_and_foreign_tables_are_refused() {
    let data = dataset();
    let fails = |weights| train(&data, &config(weights), None, &mut ()).expect_err("refused").to_string();
    let text = fails(Weights::cost(table([24, 20, 12, 4]), 5.0));
    assert!(text.contains("5 adder bits; one input for every class takes"), "{text}");
    let mut short = table([24, 20, 12, 4]);
    short.layers.pop();
    let text = fails(Weights::cost(short, 800.0));
    assert!(text.contains("weights.table: costs of 2 layers; want those of 3"), "{text}");
    let never = Config { freeze: Some(1.0), ..config(Weights::cost(table([24, 20, 12, 4]), 800.0)) };
    let error = train(&data, &never, None, &mut ()).expect_err("never frozen");
    assert!(matches!(&error, Error::Config { field, .. } if field == "freeze"), "{error}");
}

#[test]
fn sca_lands_on_its_zeros_and_has_more_of_them_with_more_alpha() {
    let data = dataset();
    let zeros = |weights| {
        let config = Config { epochs: 20, ..config(weights) };
        train(&data, &config, None, &mut ()).expect("training").zeros
    };
    for wanted in [0.4, 0.8] {
        let found = zeros(Weights::sca(wanted));
        assert!(found.iter().all(|z| (z - wanted).abs() < 0.011), "{wanted}: {found:?}");
    }
    let by_alpha: Vec<f64> =
        [0.1, 0.5, 1.2].map(|alpha| zeros(Weights::Sca { alpha, zeros: vec![], lambda: 0.5 })[0]).to_vec();
    assert!(by_alpha.windows(2).all(|w| w[0] < w[1]), "{by_alpha:?}");
}

#[test]
fn fan_in_is_exact_in_every_neuron() {
    let data = dataset();
    let weights = Weights::FanIn { inputs: vec![6, 8, 5], anneal: 0.4 };
    let out = train(&data, &config(weights), None, &mut ()).expect("training");
    let dense = out.network.layers.iter().filter_map(|l| match &l.op {
        LayerOp::Dense(d) => Some(d),
        _ => None,
    });
    for (d, k) in dense.zip([6, 8, 5]) {
        assert!((0..d.outputs).all(|o| d.row(o).iter().filter(|w| **w != 0).count() == k));
    }
}

#[test]
fn votes_are_counted_by_a_last_layer_that_is_not_trained() {
    let data = dataset();
    let weights = Weights::FanIn { inputs: vec![6, 8], anneal: 0.4 };
    let config = Config { votes: true, activation: Activation::sign(), epochs: 20, ..config(weights) };
    // Two votes for three classes, and one for the last.
    let out = train(&data, &Config { hidden: vec![20, 7], ..config }, None, &mut ()).expect("training");
    let LayerOp::Dense(last) = &out.network.layers[out.network.layers.len() - 2].op else {
        panic!("{:?}", out.network.layers)
    };
    let voters = |o: usize| (0..7).filter(|&i| last.row(o)[i] == 1).collect::<Vec<_>>();
    assert_eq!([0, 1, 2, 3].map(voters), [vec![0, 4], vec![1, 5], vec![2, 6], vec![3]]);
    assert_eq!(last.nonzeros(), 7);
    assert!(last.bias.iter().all(|b| *b == 0), "{:?}", last.bias);
    assert!(out.test_accuracy.expect("test samples") > 0.5, "{:?}", out.test_accuracy);
}

#[test]
fn a_larger_dead_zone_prunes_more() {
    let data = dataset();
    let zeros = |end| {
        let config = Config { epochs: 20, ..config(Weights::faraone(end)) };
        train(&data, &config, None, &mut ()).expect("training").zeros[0]
    };
    let (small, large) = (zeros(0.1), zeros(0.6));
    assert!(small + 0.05 < large, "{small} {large}");
}

#[test]
fn any_method_can_freeze_its_zeros() {
    let data = dataset();
    for weights in [Weights::twn(), Weights::tga(), Weights::Twn { factor: 1.4, per_filter: true }] {
        let config = Config { freeze: Some(0.5), ..config(weights) };
        let out = train(&data, &config, None, &mut ()).expect("training");
        let zeros: Vec<&Vec<f64>> = out.history.iter().skip(5).map(|e| &e.zeros).collect();
        assert!(zeros.windows(2).all(|w| w[0] == w[1]), "{:?}: {zeros:?}", config.weights);
        assert_eq!(&&out.zeros, zeros.last().expect("epochs"));
    }
}

/// Says that circuits take more than the table does, by a factor and something fixed.
struct Dear;

fn priced_table() -> CostTable {
    CostTable { circuit: Some(Circuit::Cycles { pes: 1, input_lanes: None }), ..table([24, 20, 12, 4]) }
}

fn adder_bits(network: &Network) -> f64 {
    table([24, 20, 12, 4]).of_network(network).expect("the table's network") as f64 / 1000.0
}

impl Observer for Dear {
    fn price(&mut self, network: &Network) -> Option<f64> {
        Some(1.4 * adder_bits(network) + 150.0)
    }
}

#[test]
fn a_budget_is_kept_in_what_the_circuit_takes() {
    let data = dataset();
    for (epochs, batch) in [(20, 32), (1, 1000)] {
        let weights = Weights::cost(priced_table(), 1000.0);
        let config = Config { epochs, batch, ..config(weights) };
        let out = train(&data, &config, None, &mut Dear).expect("training");
        let (cost, bits) = (out.cost.expect("a cost"), adder_bits(&out.network));
        assert!((970.0..=1000.0).contains(&cost), "{cost} of 1000");
        assert_eq!(cost, 1.4 * bits + 150.0);
    }
    let config = config(Weights::cost(priced_table(), 140.0));
    let text = train(&data, &config, None, &mut Dear).expect_err("too little").to_string();
    assert!(text.contains("weights.budget: 140; the smallest circuit found takes"), "{text}");
}
