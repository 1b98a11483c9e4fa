//! Networks that are exported come back the same.

use proptest::prelude::*;
use sterna_ir::{Conv2d, Dense, Input, Layer, LayerOp, Network, Range, Threshold, Window};

use crate::{Options, arrays, export, import, parse};

/// A small generator of numbers: a network is many of them.
struct Draw(u64);

impl Draw {
    fn within(&mut self, lo: i64, hi: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        lo + (self.0 >> 33) as i64 % (hi - lo + 1)
    }

    fn weights(&mut self, count: usize, most: i64) -> Vec<i16> {
        (0..count).map(|_| self.within(-most, most) as i16).collect()
    }

    /// Thresholds within what sums can be, of which some channels fall.
    fn threshold(&mut self, channels: usize, positions: usize, reach: i64) -> LayerOp {
        let levels = self.within(1, 7) as usize;
        let channel = |draw: &mut Draw| {
            let mut levels: Vec<i64> = (0..levels).map(|_| draw.within(-reach, reach)).collect();
            // Two values on both sides keep a staircase from being left out.
            levels.sort_unstable();
            levels
        };
        let thresholds = (0..channels).flat_map(|_| channel(self)).collect();
        let falling: Vec<bool> = (0..channels).map(|_| self.within(0, 3) == 0).collect();
        let falling = if falling.contains(&true) { falling } else { Vec::new() };
        LayerOp::Threshold(Threshold { channels, positions, levels, thresholds, falling, thermometer: false })
    }

    fn conv(&mut self, input: [usize; 3], outputs: usize, groups: usize, padding: usize) -> Conv2d {
        let window = Window { input, kernel: [3, 2], stride: [1, 1], padding: [padding, 0] };
        let weights = self.weights(outputs * input[0] / groups * 6, 1);
        Conv2d { window, outputs, groups, weights, bias: Vec::new() }
    }
}

fn network(ops: Vec<LayerOp>, shape: Vec<usize>, range: Range) -> Network {
    let layers =
        ops.into_iter().enumerate().map(|(i, op)| Layer { name: format!("layer {i}"), op }).collect();
    let network = Network { name: "a name".into(), input: Input::new(shape, range), layers };
    network.check().unwrap();
    network
}

fn vectors(seed: u64, range: Range) -> Network {
    let mut draw = Draw(seed);
    let (inputs, hidden, classes) = (9, 6, 4);
    let most = [1, 2, 300][draw.within(0, 2) as usize];
    let bias = (0..classes).map(|_| draw.within(-30, 30)).collect();
    let ops = vec![
        LayerOp::Dense(Dense {
            inputs,
            outputs: hidden,
            weights: draw.weights(inputs * hidden, most),
            bias: vec![],
        }),
        draw.threshold(hidden, 1, 3),
        LayerOp::Dense(Dense {
            inputs: hidden,
            outputs: classes,
            weights: draw.weights(hidden * classes, most),
            bias,
        }),
        LayerOp::ArgMax,
    ];
    network(ops, vec![inputs], range)
}

fn images(seed: u64) -> Network {
    let mut draw = Draw(seed);
    let first = draw.conv([2, 6, 5], 4, 1, 1);
    let second = draw.conv([4, 5, 4], 4, 2, 1);
    let pool = |input, kernel| Window { input, kernel, stride: [1, 1], padding: [0, 0] };
    let last = Dense { inputs: 4 * 4 * 2, outputs: 3, weights: draw.weights(96, 1), bias: vec![1, -2, 0] };
    let ops = vec![
        LayerOp::Conv2d(first),
        draw.threshold(4, 24, 2),
        LayerOp::MaxPool(pool([4, 6, 4], [2, 1])),
        LayerOp::Conv2d(Conv2d { bias: vec![3, 0, -1, 2], ..second }),
        draw.threshold(4, 15, 2),
        LayerOp::SumPool(pool([4, 5, 3], [2, 2])),
        LayerOp::Add { from: 5 },
        LayerOp::Dense(last),
        LayerOp::ArgMax,
    ];
    network(ops, vec![2, 6, 5], Range::new(-2, 2))
}

#[track_caller]
fn comes_back(network: &Network) {
    let mut trimmed = network.clone();
    let ranges = network.ranges().unwrap();
    for (index, layer) in trimmed.layers.iter_mut().enumerate() {
        if let LayerOp::Threshold(t) = &mut layer.op {
            crate::stairs::trim(t, &ranges[index - 1]);
        }
    }
    let bytes = export(&trimmed, 3, &[("key", "value")]).unwrap();
    let model = parse(&bytes).unwrap();
    assert_eq!(model.note("key"), Some("value"));
    assert_eq!(import(&model, &Options::default()).unwrap().network, trimmed);
}

proptest! {
    #[test]
    fn networks_come_back(seed: u64, signed in 0usize..4) {
        let range = [Range::new(0, 255), Range::new(-8, 7), Range::new(0, 1), Range::new(-3, 9)][signed];
        comes_back(&vectors(seed, range));
        comes_back(&images(seed));
    }
}

#[test]
fn what_floats_cannot_hold_is_refused() {
    let mut wide = vectors(1, Range::new(0, 255));
    let LayerOp::Dense(first) = &mut wide.layers[0].op else { panic!("a matrix") };
    first.weights.fill(i16::MAX);
    let error = export(&wide, 1, &[]).unwrap_err().to_string();
    assert!(error.contains("layer 0 (layer 0)") && error.contains("2^24"), "{error}");
    let error = export(&vectors(1, Range::new(0, 9999)), 1, &[]).unwrap_err().to_string();
    assert!(error.contains("0..=9999"), "{error}");
}

#[test]
fn arrays_hold_every_integer() {
    let network = images(3);
    let tensors = arrays::safetensors(&network);
    let read = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    assert!(read.names().len() >= 7);
    let LayerOp::Conv2d(conv) = &network.layers[3].op else { panic!("a convolution") };
    let weight = read.tensor("3.layer 3.weight").unwrap();
    assert_eq!(weight.shape(), [4, 2, 3, 2]);
    assert_eq!(weight.data(), conv.weights.iter().map(|w| *w as i8 as u8).collect::<Vec<u8>>());
    let npz = arrays::npz(&network);
    assert_eq!(npz, arrays::npz(&network));
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(npz)).unwrap();
    let bias: ndarray::Array1<i64> =
        ndarray_npy::ReadNpyExt::read_npy(zip.by_name("3.layer 3.bias.npy").unwrap()).unwrap();
    assert_eq!(ndarray::Array1::from_vec(conv.bias.clone()), bias);
}
