//! Image layers against their definitions, written out as matrices and loops of another shape.

use proptest::prelude::*;

use super::*;
use crate::eval::evaluate;

/// A layer on an image and samples for it.
#[derive(Clone, Debug)]
struct Case {
    window: Window,
    groups: usize,
    outputs: usize,
    seed: u64,
}

impl Case {
    /// Small signed numbers, the same for the same seed and place.
    fn draw(&self, place: usize) -> i64 {
        let mixed = (self.seed ^ place as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as i64
    }

    fn conv(&self) -> Conv2d {
        let Case { window, groups, outputs, .. } = *self;
        let fan_in = window.input[0] / groups * window.kernel[0] * window.kernel[1];
        let weights = (0..outputs * fan_in).map(|i| (self.draw(i) % 3 - 1) as i16).collect();
        let bias = (0..outputs).map(|o| self.draw(1000 + o) % 50).collect();
        Conv2d { window, outputs, groups, weights, bias }
    }

    fn sample(&self) -> Vec<i64> {
        (0..self.window.elements()).map(|i| self.draw(5000 + i) % 16 - 4).collect()
    }

    fn network(&self, op: LayerOp) -> Network {
        let input = Input::new(self.window.input.to_vec(), Range::new(-4, 11));
        Network { name: "image".into(), input, layers: vec![Layer { name: "layer".into(), op }] }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let image = (1usize..4, 1usize..3, 1usize..7, 1usize..7);
    let window = (1usize..4, 1usize..4, 1usize..4, 1usize..4, 0usize..3, 0usize..3);
    (image, window, 1usize..4, any::<u64>()).prop_map(|((channels, groups, h, w), k, outputs, seed)| {
        let (kh, kw) = (k.0.min(h), k.1.min(w));
        let window = Window {
            input: [channels * groups, h, w],
            kernel: [kh, kw],
            stride: [k.2, k.3],
            padding: [k.4.min(kh - 1), k.5.min(kw - 1)],
        };
        Case { window, groups, outputs: outputs * groups, seed }
    })
}

/// The convolution as one matrix: a row for each output element.
fn toeplitz(conv: &Conv2d) -> Dense {
    let w = &conv.window;
    let [rows, columns] = w.output();
    let [channels, height, width] = w.input;
    let (per_group, outputs_per_group) = (channels / conv.groups, conv.outputs / conv.groups);
    let mut weights = Vec::new();
    for o in 0..conv.outputs {
        for position in 0..rows * columns {
            for element in 0..channels * height * width {
                let (c, y, x) = (element / (height * width), element / width % height, element % width);
                // The place of the element under the window, if it is there.
                let ky = (y + w.padding[0]).checked_sub(position / columns * w.stride[0]);
                let kx = (x + w.padding[1]).checked_sub(position % columns * w.stride[1]);
                let inside = ky.zip(kx).filter(|(ky, kx)| *ky < w.kernel[0] && *kx < w.kernel[1]);
                let inside = inside.filter(|_| c / per_group == o / outputs_per_group);
                let at = |(ky, kx): (usize, usize)| {
                    conv.weights[((o * per_group + c % per_group) * w.kernel[0] + ky) * w.kernel[1] + kx]
                };
                weights.push(inside.map_or(0, at));
            }
        }
    }
    let positions = rows * columns;
    let bias = (0..conv.outputs * positions).map(|i| conv.bias[i / positions]).collect();
    Dense { inputs: w.elements(), outputs: conv.outputs * positions, weights, bias }
}

proptest! {
    #[test]
    fn a_convolution_is_its_toeplitz_matrix(case in case()) {
        let conv = case.conv();
        let dense = case.network(LayerOp::Dense(toeplitz(&conv)));
        let network = case.network(LayerOp::Conv2d(conv));
        prop_assert_eq!(evaluate(&network, &case.sample()).unwrap(), evaluate(&dense, &case.sample()).unwrap());
        prop_assert_eq!(network.ranges().unwrap(), dense.ranges().unwrap());
        prop_assert_eq!(network.outputs(0), dense.outputs(0));
    }

    #[test]
    fn pools_are_the_largest_and_the_sum_of_each_window(mut case in case()) {
        case.window.padding = [0, 0];
        let w = case.window;
        let x = case.sample();
        let mut under = Vec::new();
        for c in 0..w.input[0] {
            for top in (0..=w.input[1] - w.kernel[0]).step_by(w.stride[0]) {
                for left in (0..=w.input[2] - w.kernel[1]).step_by(w.stride[1]) {
                    let at = |i: usize| (c * w.input[1] + top + i / w.kernel[1]) * w.input[2] + left + i % w.kernel[1];
                    under.push((0..w.kernel[0] * w.kernel[1]).map(|i| x[at(i)]).collect::<Vec<i64>>());
                }
            }
        }
        let largest: Vec<i64> = under.iter().map(|v| *v.iter().max().unwrap()).collect();
        let sums: Vec<i64> = under.iter().map(|v| v.iter().sum()).collect();
        let (max, sum) = (case.network(LayerOp::MaxPool(w)), case.network(LayerOp::SumPool(w)));
        prop_assert_eq!(&evaluate(&max, &x).unwrap()[0], &largest);
        prop_assert_eq!(&evaluate(&sum, &x).unwrap()[0], &sums);
        let size = (w.kernel[0] * w.kernel[1]) as i64;
        prop_assert!(max.ranges().unwrap()[0].iter().all(|r| *r == Range::new(-4, 11)));
        prop_assert!(sum.ranges().unwrap()[0].iter().all(|r| *r == Range::new(-4 * size, 11 * size)));
    }

    #[test]
    fn shared_thresholds_are_those_of_every_position(case in case(), thermometer: bool) {
        let [channels, height, width] = case.window.input;
        let positions = height * width;
        let thresholds: Vec<i64> = (0..channels).flat_map(|c| [c as i64 - 2, c as i64 + 3]).collect();
        let falling: Vec<bool> = (0..channels).map(|c| c % 2 == 1).collect();
        let shared = Threshold { channels, positions, levels: 2, thresholds, falling, thermometer };
        let each = Threshold {
            channels: channels * positions,
            positions: 1,
            thresholds: (0..channels).flat_map(|c| shared.of(c).repeat(positions)).collect(),
            falling: (0..channels * positions).map(|e| e / positions % 2 == 1).collect(),
            ..shared.clone()
        };
        let mut found = evaluate(&case.network(LayerOp::Threshold(shared)), &case.sample()).unwrap();
        let expected = evaluate(&case.network(LayerOp::Threshold(each)), &case.sample()).unwrap();
        if thermometer {
            // [channels][levels][positions] to [channels][positions][levels].
            let at = |i: usize| (i / 2 / positions * 2 + i % 2) * positions + i / 2 % positions;
            found[0] = (0..found[0].len()).map(|i| found[0][at(i)]).collect();
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_residual_adds_an_earlier_layer() {
    let dense = |weights: Vec<i16>| LayerOp::Dense(Dense { inputs: 2, outputs: 2, weights, bias: vec![] });
    let layer = |op| Layer { name: "layer".into(), op };
    let layers = vec![
        layer(dense(vec![1, 1, 0, 1])),
        layer(dense(vec![0, 1, -1, 0])),
        layer(LayerOp::Add { from: 0 }),
    ];
    let input = Input::new(vec![2], Range::new(0, 9));
    let mut network = Network { name: "residual".into(), input, layers };
    assert_eq!(evaluate(&network, &[3, 5]).unwrap(), [[8, 5], [5, -8], [13, -3]]);
    assert_eq!(network.ranges().unwrap()[2], [Range::new(0, 27), Range::new(-18, 9)]);
    network.layers[2].op = LayerOp::Add { from: 2 };
    assert!(network.check().unwrap_err().to_string().contains("want an earlier one"));
}

#[test]
fn crooked_windows_are_refused() {
    let good = Window { input: [2, 5, 6], kernel: [3, 3], stride: [1, 1], padding: [1, 1] };
    let weights = vec![1; 4 * 2 * 9];
    let check = |window: Window, outputs: usize, groups: usize, weights: &[i16]| {
        let conv = Conv2d { window, outputs, groups, weights: weights.to_vec(), bias: vec![] };
        conv.ranges(&vec![Range::new(0, 255); 60])
    };
    assert_eq!(check(good, 4, 1, &weights).unwrap().len(), 4 * 30);
    let cases: [(Window, usize, usize, &str); 11] = [
        (Window { input: [2, 5, 7], ..good }, 4, 1, "takes 2 x 5 x 7 elements but gets 60"),
        (Window { input: [usize::MAX, 5, 6], ..good }, 4, 1, "elements but gets 60"),
        (Window { kernel: [0, 3], ..good }, 4, 1, "kernel of height 0"),
        (Window { kernel: [3, 9], ..good }, 4, 1, "kernel of width 9"),
        (Window { kernel: [3, usize::MAX], padding: [1, usize::MAX - 1], ..good }, 4, 1, "kernel of width"),
        (Window { padding: [3, 0], ..good }, 4, 1, "padding 3"),
        (Window { stride: [0, 1], ..good }, 4, 1, "stride of 0"),
        (good, 4, 0, "0 groups"),
        (good, 4, 3, "3 groups"),
        (good, 0, 1, "0 x 30 outputs"),
        (good, 5, 1, "72 weights given, 5 x 18 needed"),
    ];
    for (window, outputs, groups, message) in cases {
        let error = check(window, outputs, groups, &weights).unwrap_err();
        assert!(error.contains(message), "{error}; want {message}");
    }
    let wide = Window { input: [1, 1024, 1024], kernel: [255, 255], stride: [1, 1], padding: [127, 127] };
    assert!(wide.check(1 << 20, 1, 255 * 255).unwrap_err().contains("products"));
    let pool = Window { padding: [1, 1], ..good };
    assert!(pool::max_ranges(&pool, &[Range::BIT; 60]).unwrap_err().contains("want none"));
}
